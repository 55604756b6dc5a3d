//! Groups: list, describe, delete, take members out.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use kafka_protocol::messages::consumer_group_describe_request::ConsumerGroupDescribeRequest;
use kafka_protocol::messages::consumer_group_describe_response::Assignment;
use kafka_protocol::messages::delete_groups_request::DeleteGroupsRequest;
use kafka_protocol::messages::describe_groups_request::DescribeGroupsRequest;
use kafka_protocol::messages::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use kafka_protocol::messages::list_groups_request::ListGroupsRequest;
use kafka_protocol::protocol::StrBytes;

use super::call::{coordinator_error_passes, refusal, unanswered};
use super::client::Wanted;
use super::group_offsets::group_id;
use super::{AclOperation, Admin, DescribeOptions};
use crate::TopicPartition;
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;

/// A group as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// Id.
    pub group: String,
    /// `consumer`, `connect`, or empty for a group that only has offsets.
    pub protocol_type: String,
    /// `Stable`, `Empty` and so on; empty on brokers before 2.6.
    pub state: String,
    /// `classic`, `consumer`, `share` or `streams`; empty on brokers before 3.8.
    pub group_type: String,
}

/// Which groups are listed; brokers that are too old to choose list all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupFilter {
    /// In one of these states, if any is named.
    pub states: Vec<String>,
    /// Of one of these types, if any is named.
    pub types: Vec<String>,
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
    /// Whether it is a group of the consumer protocol (KIP-848), whose members' partitions the broker chooses.
    pub server_side: bool,
    /// What this client may do with it, if that was asked for.
    pub authorized_operations: Option<Vec<AclOperation>>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// Id that the coordinator gave.
    pub member_id: String,
    /// Name that a static member has.
    pub instance_id: Option<String>,
    /// Name of the client.
    pub client_id: String,
    /// Where it connects from.
    pub host: String,
    /// Assignment as the protocol type encodes it; empty in a group of the consumer protocol.
    pub assignment: Bytes,
    /// Partitions in it, if it is a consumer's.
    pub partitions: Vec<TopicPartition>,
}

/// Members that are taken out of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemovedMembers {
    /// All.
    All,
    /// Static members of these names.
    Instances(Vec<String>),
}

impl Admin {
    /// Groups of all brokers.
    ///
    /// # Errors
    /// A broker cannot be reached in time.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>> {
        self.list_groups_where(&GroupFilter::default()).await
    }

    /// Groups of all brokers that a filter lets through.
    ///
    /// # Errors
    /// A broker cannot be reached in time.
    pub async fn list_groups_where(&self, filter: &GroupFilter) -> Result<Vec<GroupListing>> {
        let nodes = self.describe_cluster().await?.nodes;
        let listed = nodes.into_iter().map(|node| self.groups_of(node.id, filter));
        let mut all: Vec<GroupListing> = try_join_all(listed).await?.into_iter().flatten().collect();
        let lets_through = |wanted: &[String], found: &str| {
            wanted.is_empty() || found.is_empty() || wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(found))
        };
        all.retain(|group| {
            lets_through(&filter.states, &group.state) && lets_through(&filter.types, &group.group_type)
        });
        all.sort_by(|a, b| a.group.cmp(&b.group));
        Ok(all)
    }

    async fn groups_of(&self, node: i32, filter: &GroupFilter) -> Result<Vec<GroupListing>> {
        let doing = format!("listing groups of broker {node}");
        let response = self
            .until_done(&doing, || {
                let doing = || doing.clone();
                async move {
                    let texts =
                        |all: &[String]| all.iter().map(|text| StrBytes::from_string(text.clone())).collect::<Vec<_>>();
                    let (states, types) = (texts(&filter.states), texts(&filter.types));
                    let build = move |version: i16| {
                        let request = ListGroupsRequest::default();
                        let request = if version >= 4 { request.with_states_filter(states) } else { request };
                        if version >= 5 { request.with_types_filter(types) } else { request }
                    };
                    let response = self.ask(Wanted::Node(node), build).await?;
                    refusal(doing, response.error_code, None)?;
                    Ok(response)
                }
            })
            .await?;
        let listing = |group: kafka_protocol::messages::list_groups_response::ListedGroup| GroupListing {
            group: group.group_id.as_str().to_owned(),
            protocol_type: group.protocol_type.as_str().to_owned(),
            state: group.group_state.as_str().to_owned(),
            group_type: group.group_type.as_str().to_owned(),
        };
        Ok(response.groups.into_iter().map(listing).collect())
    }

    /// A group as it is; one that does not exist is `Dead`.
    ///
    /// # Errors
    /// The coordinator's.
    pub async fn describe_group(&self, group: &str) -> Result<GroupDescription> {
        self.describe_group_with(group, DescribeOptions::default()).await
    }

    /// Groups as they are, each with its own outcome.
    pub async fn describe_groups(
        &self,
        groups: &[&str],
        options: DescribeOptions,
    ) -> BTreeMap<String, Result<GroupDescription>> {
        let described = groups.iter().map(|group| async move {
            let description = self.describe_group_with(group, options).await;
            ((*group).to_owned(), description)
        });
        join_all(described).await.into_iter().collect()
    }

    async fn describe_group_with(&self, group: &str, options: DescribeOptions) -> Result<GroupDescription> {
        let doing = format!("describing group {group}");
        self.until(&doing, coordinator_error_passes, || {
            let doing = &doing;
            async move {
                let classic = self.describe_classic(doing, group, options).await?;
                if classic.state != "Dead" {
                    return Ok(classic);
                }
                // Groups of the consumer protocol do not show here.
                Ok(self.describe_server_side(doing, group, options).await?.unwrap_or(classic))
            }
        })
        .await
    }

    async fn describe_classic(&self, doing: &str, group: &str, options: DescribeOptions) -> Result<GroupDescription> {
        let request = DescribeGroupsRequest::default().with_groups(vec![group_id(group)]);
        let include = options.include_authorized_operations;
        let build = move |version| request.with_include_authorized_operations(include && version >= 3);
        let response = self.ask(Wanted::Coordinator(Arc::from(group)), build).await?;
        let found = response.groups.into_iter().next();
        let found = found.ok_or_else(|| Error::protocol(doing, "the answer has no group"))?;
        let missing = ErrorCode::from_wire(found.error_code) == Some(ErrorCode::GROUP_ID_NOT_FOUND);
        if !missing {
            refusal(|| doing.to_owned(), found.error_code, found.error_message.as_ref())?;
        }
        let is_consumer = found.protocol_type.as_str() == "consumer";
        let members = found.members.into_iter().map(|member| GroupMember {
            member_id: member.member_id.as_str().to_owned(),
            instance_id: member.group_instance_id.map(|id| id.as_str().to_owned()),
            client_id: member.client_id.as_str().to_owned(),
            host: member.client_host.as_str().to_owned(),
            // An assignment that cannot be read is its group's affair.
            partitions: match &member.member_assignment {
                assignment if is_consumer && !assignment.is_empty() => {
                    crate::group::read_assignment(assignment.clone()).unwrap_or_default()
                }
                _ => Vec::new(),
            },
            assignment: member.member_assignment,
        });
        Ok(GroupDescription {
            group: group.to_owned(),
            state: if missing { "Dead".to_owned() } else { found.group_state.as_str().to_owned() },
            protocol_type: found.protocol_type.as_str().to_owned(),
            protocol: found.protocol_data.as_str().to_owned(),
            members: members.collect(),
            server_side: false,
            authorized_operations: AclOperation::from_bits(found.authorized_operations),
        })
    }

    /// A group of the consumer protocol; `None` if there is none, or the broker has no such groups.
    async fn describe_server_side(
        &self,
        doing: &str,
        group: &str,
        options: DescribeOptions,
    ) -> Result<Option<GroupDescription>> {
        let request = ConsumerGroupDescribeRequest::default()
            .with_group_ids(vec![group_id(group)])
            .with_include_authorized_operations(options.include_authorized_operations);
        let response = match self.ask(Wanted::Coordinator(Arc::from(group)), move |_| request).await {
            Err(Error::Unsupported { .. }) => return Ok(None),
            response => response?,
        };
        let Some(found) = response.groups.into_iter().next() else { return Ok(None) };
        match ErrorCode::from_wire(found.error_code) {
            Some(ErrorCode::GROUP_ID_NOT_FOUND | ErrorCode::UNSUPPORTED_VERSION) => return Ok(None),
            _ => refusal(|| doing.to_owned(), found.error_code, found.error_message.as_ref())?,
        }
        let members = found.members.into_iter().map(|member| GroupMember {
            member_id: member.member_id.as_str().to_owned(),
            instance_id: member.instance_id.map(|id| id.as_str().to_owned()),
            client_id: member.client_id.as_str().to_owned(),
            host: member.client_host.as_str().to_owned(),
            assignment: Bytes::new(),
            partitions: partitions(&member.assignment),
        });
        Ok(Some(GroupDescription {
            group: group.to_owned(),
            state: found.group_state.as_str().to_owned(),
            protocol_type: "consumer".to_owned(),
            protocol: found.assignor_name.as_str().to_owned(),
            members: members.collect(),
            server_side: true,
            authorized_operations: AclOperation::from_bits(found.authorized_operations),
        }))
    }

    /// Deletes a group that has no members, with its offsets.
    ///
    /// # Errors
    /// `NON_EMPTY_GROUP`, `GROUP_ID_NOT_FOUND` and the coordinator's others.
    pub async fn delete_consumer_group(&self, group: &str) -> Result<()> {
        let doing = format!("deleting group {group}");
        self.until(&doing, coordinator_error_passes, || {
            let request = DeleteGroupsRequest::default().with_groups_names(vec![group_id(group)]);
            let doing = &doing;
            async move {
                let response = self.ask(Wanted::Coordinator(Arc::from(group)), move |_| request).await?;
                let outcomes = response.results.into_iter();
                outcomes
                    .map(|outcome| refusal(|| doing.clone(), outcome.error_code, None))
                    .reduce(Result::and)
                    .unwrap_or_else(|| Err(unanswered(doing)))
            }
        })
        .await
    }

    /// Deletes groups that have no members, each with its own outcome.
    pub async fn delete_consumer_groups(&self, groups: &[&str]) -> BTreeMap<String, Result<()>> {
        let deleted = groups.iter().map(|group| async move {
            let outcome = self.delete_consumer_group(group).await;
            ((*group).to_owned(), outcome)
        });
        join_all(deleted).await.into_iter().collect()
    }

    /// Takes members out of a group, by instance id or, of dynamic ones among all, by member id; each with its own outcome. The reason is logged
    /// by the coordinator.
    ///
    /// # Errors
    /// What concerns the group as a whole.
    pub async fn remove_members(
        &self,
        group: &str,
        members: &RemovedMembers,
        reason: &str,
    ) -> Result<BTreeMap<String, Result<()>>> {
        let doing = format!("removing members of group {group}");
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        let identity = MemberIdentity::default().with_member_id(text("")).with_group_instance_id(None);
        let identities: Vec<MemberIdentity> = match members {
            RemovedMembers::Instances(instances) => {
                let named = instances.iter();
                named.map(|name| identity.clone().with_group_instance_id(Some(text(name)))).collect()
            }
            RemovedMembers::All => {
                let found = self.describe_group(group).await?.members.into_iter();
                found
                    .map(|member| match member.instance_id {
                        Some(instance) => identity.clone().with_group_instance_id(Some(text(&instance))),
                        None => identity.clone().with_member_id(text(&member.member_id)),
                    })
                    .collect()
            }
        };
        if identities.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.until(&doing, coordinator_error_passes, || {
            let (identities, doing) = (identities.clone(), &doing);
            let build = move |version: i16| {
                let mut identities = identities;
                if version >= 5 {
                    for identity in &mut identities {
                        identity.reason = Some(StrBytes::from_string(reason.to_owned()));
                    }
                }
                LeaveGroupRequest::default().with_group_id(group_id(group)).with_members(identities)
            };
            async move {
                let coordinator = Wanted::Coordinator(Arc::from(group));
                let response = self.ask_since(coordinator, (doing, 3), build).await?;
                refusal(|| doing.clone(), response.error_code, None)?;
                let outcomes = response.members.into_iter().map(|member| {
                    let name = member.group_instance_id.as_ref().unwrap_or(&member.member_id).as_str().to_owned();
                    let outcome = refusal(|| format!("{doing}, member {name}"), member.error_code, None);
                    (name, outcome)
                });
                Ok(outcomes.collect())
            }
        })
        .await
    }
}

fn partitions(assignment: &Assignment) -> Vec<TopicPartition> {
    let mut all = Vec::new();
    for topic in &assignment.topic_partitions {
        let name: Arc<str> = Arc::from(topic.topic_name.as_str());
        all.extend(topic.partitions.iter().map(|partition| TopicPartition::new(Arc::clone(&name), *partition)));
    }
    all
}
