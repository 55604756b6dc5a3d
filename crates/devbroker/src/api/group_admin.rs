//! DescribeGroups, ListGroups, DeleteGroups.

use super::Context;
use super::wire::text;
use crate::group::{Group, Phase};
use crate::nodes::Coordinated;
use crate::sync::lock;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, GroupId,
    ListGroupsRequest, ListGroupsResponse,
};

const CLASSIC: &str = "classic";

pub(super) fn describe(cx: &Context<'_>, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let groups = request
        .groups
        .into_iter()
        .map(|GroupId(id)| {
            let described = cx.shared.groups.with(&id, |group| describe_one(group)).unwrap_or_else(|| {
                let dead = DescribedGroup::default().with_group_state(text(Phase::Dead.name()));
                if cx.version < 6 {
                    return dead;
                }
                dead.with_error_code(ResponseError::GroupIdNotFound.code())
                    .with_error_message(Some(text(format!("Group {} not found.", id.as_str()))))
            });
            described.with_group_id(GroupId(id)).with_authorized_operations(i32::MIN)
        })
        .collect();
    DescribeGroupsResponse::default().with_groups(groups)
}

fn describe_one(group: &Group) -> DescribedGroup {
    let stable = group.phase == Phase::Stable;
    let protocol = group.protocol.as_deref().filter(|_| stable).unwrap_or_default();
    let members = group
        .members
        .values()
        .map(|member| {
            let described = DescribedGroupMember::default()
                .with_member_id(text(&member.id))
                .with_group_instance_id(member.instance_id.as_ref().map(text))
                .with_client_id(text(&member.client_id))
                .with_client_host(text(&member.client_host));
            if !stable {
                return described;
            }
            described.with_member_metadata(member.metadata(protocol)).with_member_assignment(member.assignment.clone())
        })
        .collect();
    DescribedGroup::default()
        .with_group_state(text(group.phase.name()))
        .with_protocol_type(text(group.protocol_type.as_deref().unwrap_or_default()))
        .with_protocol_data(text(protocol))
        .with_members(members)
}

pub(super) fn list(cx: &Context<'_>, request: ListGroupsRequest) -> ListGroupsResponse {
    let wanted = |filter: &[kafka_protocol::protocol::StrBytes], value: &str| {
        filter.is_empty() || filter.iter().any(|one| one.eq_ignore_ascii_case(value))
    };
    let mut groups = Vec::new();
    for group in cx.shared.groups.all() {
        let group = lock(&group);
        let elsewhere = cx.shared.cluster.coordinator(Coordinated::Group(&group.id)) != cx.connection.node;
        let hidden = elsewhere || group.phase == Phase::Dead || !wanted(&request.states_filter, group.phase.name());
        if hidden || !wanted(&request.types_filter, CLASSIC) {
            continue;
        }
        groups.push(
            ListedGroup::default()
                .with_group_id(GroupId(text(&group.id)))
                .with_protocol_type(text(group.protocol_type.as_deref().unwrap_or_default()))
                .with_group_state(text(group.phase.name()))
                .with_group_type(text(CLASSIC)),
        );
    }
    ListGroupsResponse::default().with_groups(groups)
}

pub(super) fn delete(cx: &Context<'_>, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let results = request
        .groups_names
        .into_iter()
        .map(|id| {
            let code = cx.shared.groups.delete(&id).err().map_or(0, |error| error.code());
            DeletableGroupResult::default().with_group_id(id).with_error_code(code)
        })
        .collect();
    DeleteGroupsResponse::default().with_results(results)
}
