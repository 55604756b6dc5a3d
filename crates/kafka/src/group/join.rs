//! One round of joining: find the coordinator, join, share out if leading, learn the own share.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.ConsumerCoordinator.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse, SyncGroupRequest};
use kafka_protocol::protocol::StrBytes;
use milena_api::record::TopicPartition;

use super::assignor::Candidate;
use super::coordinator::{Coordinator, Identity};
use super::protocol::{read_assignment, read_subscription, write_assignment, write_subscription};
use crate::config::{Assignor, ConsumerConfig};
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::net::{Lane, TopicsWanted};

const PROTOCOL_TYPE: &str = "consumer";
/// The coordinator answers a join at the end of the rebalance; this is for the way.
const JOIN_GRACE: Duration = Duration::from_secs(5);

/// The end of a successful round.
pub(super) struct Joined {
    pub partitions: Vec<TopicPartition>,
    /// Partition counts that the shares were made from, if this member made them.
    pub counts: Option<HashMap<Arc<str>, usize>>,
}

/// Joins until it works. Only errors that no repetition cures come back.
pub(super) async fn join(
    coordinator: &Coordinator,
    config: &ConsumerConfig,
    topics: &[Arc<str>],
    reason: &str,
) -> Result<Joined> {
    let mut failures = 0;
    loop {
        match join_once(coordinator, config, topics, reason).await {
            Ok(Some(joined)) => return Ok(joined),
            // The round was overtaken by another; at once again.
            Ok(None) => failures = 0,
            Err(error) if error.is_retriable() => {
                failures += 1;
                tracing::debug!(group = %coordinator.group, %error, "joining again");
                tokio::time::sleep(config.client.retry_backoff.after(failures)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn join_once(
    coordinator: &Coordinator,
    config: &ConsumerConfig,
    topics: &[Arc<str>],
    reason: &str,
) -> Result<Option<Joined>> {
    let doing = "cannot join";
    let Identity { member_id, .. } = coordinator.identity();
    let metadata = write_subscription(topics, &[])?;
    let protocols = config.assignors.iter().map(|assignor| {
        JoinGroupRequestProtocol::default()
            .with_name(StrBytes::from_static_str(assignor.name()))
            .with_metadata(metadata.clone())
    });
    let request = JoinGroupRequest::default()
        .with_group_id(coordinator.group_id())
        .with_session_timeout_ms(millis(config.session_timeout))
        .with_rebalance_timeout_ms(millis(config.max_poll_interval))
        .with_member_id(StrBytes::from_string(member_id.clone()))
        .with_protocol_type(StrBytes::from_static_str(PROTOCOL_TYPE))
        .with_protocols(protocols.collect());
    let reason = StrBytes::from_string(reason.to_owned());
    let wait = config.max_poll_interval + JOIN_GRACE;
    let response = coordinator
        .ask(Lane::Group, wait, |version| if version >= 8 { request.with_reason(Some(reason)) } else { request })
        .await?;
    match ErrorCode::from_wire(response.error_code) {
        None => {}
        Some(ErrorCode::MEMBER_ID_REQUIRED) => {
            coordinator.set_identity(Identity { member_id: response.member_id.to_string(), generation: -1 });
            return Ok(None);
        }
        Some(ErrorCode::UNKNOWN_MEMBER_ID) if !member_id.is_empty() => {
            coordinator.set_identity(Identity::default());
            return Ok(None);
        }
        Some(ErrorCode::REBALANCE_IN_PROGRESS) => {
            return Err(Error::disconnected(doing, "another rebalance began"));
        }
        Some(code) => return Err(coordinator.refused(doing, code)),
    }
    let identity = Identity { member_id: response.member_id.to_string(), generation: response.generation_id };
    coordinator.set_identity(identity.clone());
    let protocol = response.protocol_name.as_ref().map_or("", |name| name.as_str()).to_owned();
    let leads = response.leader == response.member_id;
    let (assignments, counts) = if leads {
        let (assignments, counts) = share_out(coordinator, config, response, &protocol).await?;
        (assignments, Some(counts))
    } else {
        (Vec::new(), None)
    };
    let request = SyncGroupRequest::default()
        .with_group_id(coordinator.group_id())
        .with_generation_id(identity.generation)
        .with_member_id(StrBytes::from_string(identity.member_id))
        .with_assignments(assignments);
    let response = coordinator
        .ask(Lane::Group, wait, |version| {
            if version < 5 {
                return request;
            }
            request
                .with_protocol_type(Some(StrBytes::from_static_str(PROTOCOL_TYPE)))
                .with_protocol_name(Some(StrBytes::from_string(protocol)))
        })
        .await?;
    match ErrorCode::from_wire(response.error_code) {
        None => Ok(Some(Joined { partitions: read_assignment(response.assignment)?, counts })),
        Some(ErrorCode::REBALANCE_IN_PROGRESS) => Ok(None),
        Some(ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION) => {
            coordinator.set_identity(Identity::default());
            Ok(None)
        }
        Some(code) => Err(coordinator.refused(doing, code)),
    }
}

type Shares = (Vec<SyncGroupRequestAssignment>, HashMap<Arc<str>, usize>);

async fn share_out(
    coordinator: &Coordinator,
    config: &ConsumerConfig,
    response: JoinGroupResponse,
    protocol: &str,
) -> Result<Shares> {
    let Some(assignor) = Assignor::by_name(protocol) else {
        return Err(Error::protocol(
            format!("cannot lead group {}", coordinator.group),
            format!("the group chose the assignor {protocol:?}, which this member did not offer"),
        ));
    };
    let mut candidates = Vec::with_capacity(response.members.len());
    for member in response.members {
        let topics = read_subscription(member.metadata)?;
        candidates.push(Candidate { member_id: member.member_id.to_string(), topics });
    }
    let mut topics: Vec<Arc<str>> = candidates.iter().flat_map(|candidate| &candidate.topics).cloned().collect();
    topics.sort();
    topics.dedup();
    let wanted = TopicsWanted::These(topics.clone());
    let metadata = coordinator.cluster.refresh(&wanted, config.allow_auto_create).await?;
    let count = |topic: &str| metadata.topics.get(topic).map_or(0, |topic| topic.partitions.len());
    let mut assignments = Vec::with_capacity(candidates.len());
    for (member_id, partitions) in assignor.assign(&candidates, count) {
        assignments.push(
            SyncGroupRequestAssignment::default()
                .with_member_id(StrBytes::from_string(member_id))
                .with_assignment(write_assignment(&partitions)?),
        );
    }
    let counts = topics.into_iter().map(|topic| (Arc::clone(&topic), count(&topic))).collect();
    Ok((assignments, counts))
}

pub(super) fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
