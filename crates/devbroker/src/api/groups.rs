//! JoinGroup, SyncGroup, Heartbeat, LeaveGroup.

use super::Context;
use super::wire::text;
use crate::group::{JoinAnswer, Joining, Leaving, Pending, SyncAnswer, Syncing};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;
use std::time::Duration;

fn code(error: Option<ResponseError>) -> i16 {
    error.map_or(0, |error| error.code())
}

fn millis(value: i32) -> Duration {
    Duration::from_millis(u64::try_from(value).unwrap_or(0))
}

fn owned(value: Option<StrBytes>) -> Option<String> {
    value.map(|value| value.to_string())
}

pub(super) async fn join(cx: &Context<'_>, request: JoinGroupRequest) -> JoinGroupResponse {
    let session_timeout = millis(request.session_timeout_ms);
    let member_id = request.member_id.to_string();
    let joining = Joining {
        group: request.group_id.to_string(),
        member_id: member_id.clone(),
        instance_id: owned(request.group_instance_id),
        client_id: cx.client_id.to_owned(),
        client_host: cx.connection.client_host.clone(),
        session_timeout,
        // Version 0 has one time-out for both.
        rebalance_timeout: if cx.version == 0 { session_timeout } else { millis(request.rebalance_timeout_ms) },
        protocol_type: request.protocol_type.to_string(),
        protocols: request
            .protocols
            .into_iter()
            .map(|protocol| (protocol.name.to_string(), bytes::Bytes::copy_from_slice(&protocol.metadata)))
            .collect(),
        needs_known_id: cx.version >= 4,
        can_skip_assignment: cx.version >= 9,
    };
    let answer = match cx.shared.groups.join(joining) {
        Pending::Now(answer) => answer,
        Pending::Later(answer) => {
            answer.await.unwrap_or_else(|_| JoinAnswer::error(&member_id, ResponseError::CoordinatorNotAvailable))
        }
    };
    // Before version 7 a missing protocol name is the empty one.
    let no_name = if cx.version >= 7 { None } else { Some(StrBytes::new()) };
    JoinGroupResponse::default()
        .with_error_code(code(answer.error))
        .with_generation_id(answer.generation)
        .with_protocol_type(answer.protocol_type.map(text))
        .with_protocol_name(answer.protocol_name.map(text).or(no_name))
        .with_leader(text(answer.leader))
        .with_skip_assignment(answer.skip_assignment)
        .with_member_id(text(answer.member_id))
        .with_members(
            answer
                .members
                .into_iter()
                .map(|(id, instance, metadata)| {
                    JoinGroupResponseMember::default()
                        .with_member_id(text(id))
                        .with_group_instance_id(instance.map(text))
                        .with_metadata(metadata)
                })
                .collect(),
        )
}

pub(super) async fn sync(cx: &Context<'_>, request: SyncGroupRequest) -> SyncGroupResponse {
    let syncing = Syncing {
        group: request.group_id.to_string(),
        member_id: request.member_id.to_string(),
        instance_id: owned(request.group_instance_id),
        generation: request.generation_id,
        protocol_type: owned(request.protocol_type),
        protocol_name: owned(request.protocol_name),
        assignments: request
            .assignments
            .into_iter()
            .map(|one| (one.member_id.to_string(), bytes::Bytes::copy_from_slice(&one.assignment)))
            .collect(),
    };
    let answer = match cx.shared.groups.sync(syncing) {
        Pending::Now(answer) => answer,
        Pending::Later(answer) => {
            answer.await.unwrap_or_else(|_| SyncAnswer::error(ResponseError::CoordinatorNotAvailable))
        }
    };
    SyncGroupResponse::default()
        .with_error_code(code(answer.error))
        .with_protocol_type(answer.protocol_type.map(text))
        .with_protocol_name(answer.protocol_name.map(text))
        .with_assignment(answer.assignment)
}

pub(super) fn heartbeat(cx: &Context<'_>, request: HeartbeatRequest) -> HeartbeatResponse {
    let beat = cx.shared.groups.heartbeat(
        &request.group_id,
        &request.member_id,
        request.group_instance_id.as_deref(),
        request.generation_id,
    );
    HeartbeatResponse::default().with_error_code(code(beat.err()))
}

pub(super) fn leave(cx: &Context<'_>, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let several = cx.version >= 3;
    let leaving: Vec<Leaving> = if several {
        request
            .members
            .iter()
            .map(|member| Leaving {
                member_id: member.member_id.to_string(),
                instance_id: owned(member.group_instance_id.clone()),
            })
            .collect()
    } else {
        vec![Leaving { member_id: request.member_id.to_string(), instance_id: None }]
    };
    let results = cx.shared.groups.leave(&request.group_id, &leaving);
    if !several {
        let error = results.into_iter().find_map(Result::err);
        return LeaveGroupResponse::default().with_error_code(code(error));
    }
    let members = leaving
        .into_iter()
        .zip(results)
        .map(|(member, result)| {
            MemberResponse::default()
                .with_member_id(text(member.member_id))
                .with_group_instance_id(member.instance_id.map(text))
                .with_error_code(code(result.err()))
        })
        .collect();
    LeaveGroupResponse::default().with_members(members)
}
