//! One round of joining: find the coordinator, join, share out if leading, learn the own share.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.AbstractCoordinator.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{JoinGroupRequest, SyncGroupRequest};
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use super::coordinator::{Coordinator, Identity, Phase};
use super::member::{Ended, Protocol, Timings};
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::net::{Lane, Target};

/// The coordinator answers a join at the end of the rebalance; this is for the way.
const JOIN_GRACE: Duration = Duration::from_secs(5);
/// As much of a reason as a broker keeps.
const MAX_REASON: usize = 255;

/// A generation of a group, as a member that has joined it sees it.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub generation: i32,
    /// The name that the coordinator chose of those that all members offered.
    pub protocol: String,
    pub member_id: StrBytes,
    pub leader_id: StrBytes,
    /// All members; empty unless this one leads.
    pub members: Vec<RoundMember>,
    /// The leader is a static member that has come back: what everyone has stays as it is.
    pub keep_shares: bool,
}

impl Round {
    pub(crate) fn leads(&self) -> bool {
        self.member_id == self.leader_id
    }
}

/// Another member, as the leader sees it.
#[derive(Debug, Clone)]
pub(crate) struct RoundMember {
    pub member_id: StrBytes,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<StrBytes>,
    /// What it tells the leader.
    pub metadata: Bytes,
}

/// What one attempt brought.
enum Attempt {
    Joined(Round, Bytes),
    /// The round was overtaken by another; at once again.
    Again,
    /// The member is not known any more.
    Lost(&'static str),
}

/// Joins until it works, or until the membership turns out to be lost.
pub(super) async fn join<P: Protocol>(
    coordinator: &Coordinator,
    timings: Timings,
    protocol: &mut P,
    reason: &str,
) -> std::result::Result<(Round, Bytes), Ended> {
    let mut failures = 0;
    let start = Instant::now();
    let metrics = coordinator.cluster.metrics();
    loop {
        coordinator.set_phase(Phase::Joining);
        let attempt = join_once(coordinator, timings, protocol, reason).await;
        let now = Instant::now();
        match &attempt {
            Ok(Attempt::Joined(..)) => metrics.rebalanced(now, now - start),
            _ => metrics.rebalance_failed(now),
        }
        match attempt {
            Ok(Attempt::Joined(round, share)) => return Ok((round, share)),
            Ok(Attempt::Again) => failures = 0,
            Ok(Attempt::Lost(why)) => return Err(Ended::Lost(why)),
            Err(error) if error.is_retriable() => {
                failures += 1;
                tracing::debug!(group = %coordinator.group, %error, "joining again");
                tokio::time::sleep(timings.backoff.after(failures)).await;
            }
            Err(error) => return Err(Ended::Failed(error)),
        }
    }
}

async fn join_once<P: Protocol>(
    coordinator: &Coordinator,
    timings: Timings,
    protocol: &mut P,
    reason: &str,
) -> Result<Attempt> {
    let doing = "cannot join";
    let Identity { member_id, .. } = coordinator.identity();
    let offers = protocol.offers()?;
    let names: Vec<String> = offers.iter().map(|(name, _)| name.clone()).collect();
    let offers = offers.into_iter().map(|(name, metadata)| {
        JoinGroupRequestProtocol::default().with_name(StrBytes::from_string(name)).with_metadata(metadata)
    });
    let request = JoinGroupRequest::default()
        .with_group_id(coordinator.group_id())
        .with_session_timeout_ms(millis(timings.session))
        .with_rebalance_timeout_ms(millis(timings.rebalance))
        .with_member_id(StrBytes::from_string(member_id.clone()))
        .with_group_instance_id(coordinator.instance_id())
        .with_protocol_type(StrBytes::from_static_str(P::TYPE))
        .with_protocols(offers.collect());
    let reason = StrBytes::from_string(reason.chars().take(MAX_REASON).collect());
    let wait = timings.rebalance.saturating_add(JOIN_GRACE);
    let metrics = coordinator.cluster.metrics();
    let asked = Instant::now();
    let response = coordinator
        .ask(Lane::Group, wait, |version| if version >= 8 { request.with_reason(Some(reason)) } else { request })
        .await?;
    let now = Instant::now();
    match ErrorCode::from_wire(response.error_code) {
        None => metrics.joined(now, now - asked),
        Some(ErrorCode::MEMBER_ID_REQUIRED) => {
            coordinator.set_identity(Identity { member_id: response.member_id.to_string(), generation: -1 });
            return Ok(Attempt::Again);
        }
        Some(ErrorCode::UNKNOWN_MEMBER_ID) if !member_id.is_empty() => {
            coordinator.set_identity(Identity::default());
            return Ok(Attempt::Lost("the coordinator has removed this member"));
        }
        Some(ErrorCode::REBALANCE_IN_PROGRESS) => {
            return Err(Error::disconnected(doing, "another rebalance began"));
        }
        Some(code) => return Err(coordinator.refused(doing, code)),
    }
    let round = Round {
        generation: response.generation_id,
        protocol: response.protocol_name.as_ref().map_or("", |name| name.as_str()).to_owned(),
        member_id: response.member_id,
        leader_id: response.leader,
        members: response
            .members
            .into_iter()
            .map(|member| RoundMember {
                member_id: member.member_id,
                instance_id: member.group_instance_id,
                metadata: member.metadata,
            })
            .collect(),
        keep_shares: response.skip_assignment,
    };
    if !names.contains(&round.protocol) {
        return Err(Error::protocol(
            format!("cannot join group {}", coordinator.group),
            format!("the group chose the protocol {:?}, which this member did not offer", round.protocol),
        ));
    }
    let member_id = round.member_id.clone();
    coordinator.set_identity(Identity { member_id: member_id.to_string(), generation: round.generation });
    let mut shares = Vec::new();
    if round.leads() {
        // From here on the coordinator expects signs of life again, however long this takes.
        coordinator.set_phase(Phase::Leading);
        let led = match protocol.lead(&round).await {
            Ok(led) => led,
            Err(error) => {
                protocol.missed();
                return Err(error);
            }
        };
        coordinator.set_phase(Phase::Joining);
        if !round.keep_shares {
            shares.extend(led.into_iter().map(|(member_id, share)| {
                SyncGroupRequestAssignment::default().with_member_id(member_id).with_assignment(share)
            }));
        }
    }
    let request = SyncGroupRequest::default()
        .with_group_id(coordinator.group_id())
        .with_generation_id(round.generation)
        .with_member_id(member_id.clone())
        .with_group_instance_id(coordinator.instance_id())
        .with_assignments(shares);
    let chosen = StrBytes::from_string(round.protocol.clone());
    let asked = Instant::now();
    let synced = coordinator.ask(Lane::Group, wait, |version| {
        if version < 5 {
            return request;
        }
        request.with_protocol_type(Some(StrBytes::from_static_str(P::TYPE))).with_protocol_name(Some(chosen))
    });
    let response = match synced.await {
        Ok(response) => response,
        Err(error) => {
            protocol.missed();
            return Err(error);
        }
    };
    let Some(code) = ErrorCode::from_wire(response.error_code) else {
        let now = Instant::now();
        metrics.synced(now, now - asked);
        // The next join comes when the group changes, which may be in days.
        if let Some(node) = coordinator.known() {
            coordinator.cluster.disconnect(Target::Node(node), Lane::Group);
        }
        return Ok(Attempt::Joined(round, response.assignment));
    };
    protocol.missed();
    match code {
        ErrorCode::REBALANCE_IN_PROGRESS => Ok(Attempt::Again),
        ErrorCode::ILLEGAL_GENERATION => {
            coordinator.set_identity(Identity { member_id: member_id.to_string(), generation: -1 });
            Ok(Attempt::Lost("the group has gone on without this member"))
        }
        ErrorCode::UNKNOWN_MEMBER_ID => {
            coordinator.set_identity(Identity::default());
            Ok(Attempt::Lost("the coordinator has removed this member"))
        }
        code => Err(coordinator.refused(doing, code)),
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
