//! Consumer groups: list, describe, delete.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::delete_groups_request::DeleteGroupsRequest;
use kafka_protocol::messages::describe_groups_request::DescribeGroupsRequest;
use kafka_protocol::messages::list_groups_request::ListGroupsRequest;

use super::offsets::group_id;
use super::{Admin, Wanted};
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;

/// A group as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// Id.
    pub group: String,
    /// `consumer`, `connect`, or empty for a group that only has offsets.
    pub protocol_type: String,
}

/// A group as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// Id.
    pub group: String,
    /// `Stable`, `Empty`, `Dead` and so on.
    pub state: String,
    /// `consumer`, `connect`.
    pub protocol_type: String,
    /// Assignor in use.
    pub protocol: String,
    /// Members.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// Id that the coordinator gave.
    pub member_id: String,
    /// Name of the client.
    pub client_id: String,
    /// Where it connects from.
    pub host: String,
    /// Assignment as the protocol type encodes it.
    pub assignment: Bytes,
}

impl Admin {
    /// Groups of all brokers.
    ///
    /// # Errors
    /// A broker cannot be reached in time.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>> {
        let doing = "listing groups";
        let nodes = self.describe_cluster().await?.nodes;
        let mut all = Vec::new();
        for node in nodes {
            let response = self
                .until_done(doing, || async move {
                    let request = ListGroupsRequest::default();
                    let response = self.ask(Wanted::Node(node.id), move |_| request).await?;
                    match ErrorCode::from_wire(response.error_code) {
                        Some(code) => Err(Error::broker(doing, code, None)),
                        None => Ok(response),
                    }
                })
                .await?;
            all.extend(response.groups.into_iter().map(|group| GroupListing {
                group: group.group_id.as_str().to_owned(),
                protocol_type: group.protocol_type.as_str().to_owned(),
            }));
        }
        all.sort_by(|a, b| a.group.cmp(&b.group));
        Ok(all)
    }

    /// A group as it is; one that does not exist is `Dead`.
    ///
    /// # Errors
    /// The coordinator's.
    pub async fn describe_group(&self, group: &str) -> Result<GroupDescription> {
        let doing = format!("describing group {group}");
        self.until_done(&doing, || {
            let request = DescribeGroupsRequest::default().with_groups(vec![group_id(group)]);
            let doing = &doing;
            async move {
                let target = Wanted::Coordinator(Arc::from(group));
                let response = self.ask(target, move |_| request).await?;
                let found = response.groups.into_iter().next();
                let found = found.ok_or_else(|| Error::protocol(doing, "the answer has no group"))?;
                match ErrorCode::from_wire(found.error_code) {
                    None | Some(ErrorCode::GROUP_ID_NOT_FOUND) => {}
                    Some(code) => return Err(Error::broker(doing, code, None)),
                }
                Ok(GroupDescription {
                    group: group.to_owned(),
                    state: found.group_state.as_str().to_owned(),
                    protocol_type: found.protocol_type.as_str().to_owned(),
                    protocol: found.protocol_data.as_str().to_owned(),
                    members: found
                        .members
                        .into_iter()
                        .map(|member| GroupMember {
                            member_id: member.member_id.as_str().to_owned(),
                            client_id: member.client_id.as_str().to_owned(),
                            host: member.client_host.as_str().to_owned(),
                            assignment: member.member_assignment,
                        })
                        .collect(),
                })
            }
        })
        .await
    }

    /// Deletes a group that has no members, with its offsets.
    ///
    /// # Errors
    /// `NON_EMPTY_GROUP`, `GROUP_ID_NOT_FOUND` and the coordinator's others.
    pub async fn delete_consumer_group(&self, group: &str) -> Result<()> {
        let doing = format!("deleting group {group}");
        self.until_done(&doing, || {
            let request = DeleteGroupsRequest::default().with_groups_names(vec![group_id(group)]);
            let doing = &doing;
            async move {
                let target = Wanted::Coordinator(Arc::from(group));
                let response = self.ask(target, move |_| request).await?;
                let code = response.results.iter().find_map(|result| ErrorCode::from_wire(result.error_code));
                code.map_or(Ok(()), |code| Err(Error::broker(doing, code, None)))
            }
        })
        .await
    }
}
