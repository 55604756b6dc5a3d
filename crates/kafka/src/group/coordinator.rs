//! The broker that coordinates a group, and who a member is to it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_protocol::messages::{FindCoordinatorRequest, GroupId};
use kafka_protocol::protocol::{Request, StrBytes};

use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
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

#[derive(Default)]
struct State {
    node: Option<i32>,
    identity: Identity,
}

/// A group's coordinator as one client sees it.
pub(crate) struct Coordinator {
    pub cluster: Arc<Cluster>,
    pub group: Arc<str>,
    state: Mutex<State>,
}

impl Coordinator {
    pub(crate) fn new(cluster: Arc<Cluster>, group: &str) -> Arc<Self> {
        Arc::new(Self { cluster, group: Arc::from(group), state: Mutex::default() })
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

    pub(crate) fn group_id(&self) -> GroupId {
        GroupId(StrBytes::from_string(self.group.to_string()))
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
        Error::broker(format!("{doing} of group {}", self.group), code, None)
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
