//! The broker that coordinates a group, and who a member is to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_protocol::messages::{FindCoordinatorRequest, GroupId};
use kafka_protocol::protocol::{Request, StrBytes};
use milena_api::record::TopicPartition;

use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::group_metadata::GroupMetadata;
use crate::net::{Cluster, Lane, Target, TopicsWanted};

/// A member as the coordinator knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub member_id: String,
    /// -1 outside a group.
    pub generation: i32,
}

impl Default for Identity {
    fn default() -> Self {
        Self { member_id: String::new(), generation: -1 }
    }
}

/// What a membership is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Phase {
    /// Not a member, or not any more.
    #[default]
    Out,
    /// A join is in flight: no heartbeats.
    Joining,
    /// The group has a new generation, and this member works out what everyone gets.
    Leading,
    Stable,
}

#[derive(Default)]
struct State {
    node: Option<i32>,
    identity: Identity,
    phase: Phase,
    /// The generation since which a partition has been this member's without a break.
    owned: BTreeMap<TopicPartition, i32>,
}

/// A group's coordinator as one client sees it.
pub(crate) struct Coordinator {
    pub cluster: Arc<Cluster>,
    pub group: Arc<str>,
    /// `group.instance.id`: the member is static.
    pub instance: Option<Arc<str>>,
    state: Mutex<State>,
}

impl Coordinator {
    pub(crate) fn new(cluster: Arc<Cluster>, group: &str, instance: Option<&str>) -> Arc<Self> {
        Arc::new(Self { cluster, group: Arc::from(group), instance: instance.map(Arc::from), state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn identity(&self) -> Identity {
        self.state().identity.clone()
    }

    pub(crate) fn set_identity(&self, identity: Identity) {
        self.state().identity = identity;
    }

    pub(crate) fn phase(&self) -> Phase {
        self.state().phase
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.state().phase = phase;
    }

    /// Whether the coordinator may know a newer generation of this member than the member itself does.
    pub(crate) fn is_joining_from(&self, identity: &Identity) -> bool {
        let state = self.state();
        let same = !identity.member_id.is_empty() && state.identity.member_id == identity.member_id;
        same && (state.identity.generation != identity.generation || state.phase == Phase::Joining)
    }

    /// Partitions are this member's as of a generation.
    pub(crate) fn own(&self, partitions: &[TopicPartition], generation: i32) {
        self.state().owned.extend(partitions.iter().map(|at| (at.clone(), generation)));
    }

    pub(crate) fn disown(&self, partitions: &[TopicPartition]) {
        let mut state = self.state();
        for at in partitions {
            state.owned.remove(at);
        }
    }

    /// Whether all of these have been this member's ever since `generation`, so that what it did then still counts.
    pub(crate) fn has_owned_since<'a>(
        &self,
        generation: i32,
        mut partitions: impl Iterator<Item = &'a TopicPartition>,
    ) -> bool {
        let state = self.state();
        partitions.all(|at| state.owned.get(at).is_some_and(|since| *since <= generation))
    }

    pub(crate) fn group_id(&self) -> GroupId {
        GroupId(StrBytes::from_string(self.group.to_string()))
    }

    pub(crate) fn instance_id(&self) -> Option<StrBytes> {
        self.instance.as_deref().map(|id| StrBytes::from_string(id.to_owned()))
    }

    pub(crate) fn metadata(&self) -> GroupMetadata {
        let Identity { member_id, generation } = self.identity();
        GroupMetadata {
            group_id: self.group.to_string(),
            generation_id: generation,
            member_id,
            group_instance_id: self.instance.as_deref().map(str::to_owned),
        }
    }

    pub(crate) fn known(&self) -> Option<i32> {
        self.state().node
    }

    /// Another broker may be the coordinator by now.
    pub(crate) fn forget(&self) {
        self.state().node = None;
    }

    /// Asks the coordinator, which is found first if it is not known. An answer that does not come makes it unknown.
    pub(crate) async fn ask<R>(
        &self,
        lane: Lane,
        extra: Duration,
        build: impl FnOnce(i16) -> R + Send,
    ) -> Result<R::Response>
    where
        R: Request + Send + Sync,
        R::Response: Send,
    {
        let node = self.find().await?;
        let answer = self.cluster.call_within(Target::Node(node), lane, extra, build).await;
        if answer.as_ref().is_err_and(Error::is_retriable) {
            self.forget();
        }
        answer
    }

    /// Takes note of a coordinator's refusal.
    pub(crate) fn refused(&self, doing: &str, code: ErrorCode) -> Error {
        if code.is_coordinator_moved() {
            self.forget();
        }
        let hint = match (code, self.instance.as_deref()) {
            (ErrorCode::FENCED_INSTANCE_ID, Some(instance)) => Some(format!(
                "another member has joined with group.instance.id {instance:?} and has taken this one's place for good; \
                 give each member an id of its own"
            )),
            (ErrorCode::INCONSISTENT_GROUP_PROTOCOL, _) => Some(
                "the members of the group have no protocol in common; give all of them the same type and at least one \
                 common partition.assignment.strategy"
                    .to_owned(),
            ),
            _ => None,
        };
        Error::broker(format!("{doing} of group {}", self.group), code, hint)
    }

    async fn find(&self) -> Result<i32> {
        if let Some(node) = self.known() {
            return Ok(node);
        }
        let key = StrBytes::from_string(self.group.to_string());
        let response = self
            .cluster
            .call(Target::Any, |version| match version {
                4.. => FindCoordinatorRequest::default().with_coordinator_keys(vec![key]),
                _ => FindCoordinatorRequest::default().with_key(key),
            })
            .await?;
        let (code, node) = match response.coordinators.first() {
            Some(found) => (found.error_code, found.node_id.0),
            None => (response.error_code, response.node_id.0),
        };
        if let Some(code) = ErrorCode::from_wire(code) {
            return Err(Error::broker(format!("cannot find the coordinator of group {}", self.group), code, None));
        }
        if !self.cluster.metadata().brokers.contains_key(&node) {
            self.cluster.refresh(&TopicsWanted::None, false).await?;
        }
        self.state().node = Some(node);
        Ok(node)
    }
}
