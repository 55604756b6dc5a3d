//! A member of a group, and the answers it waits for.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Answer to a JoinGroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JoinAnswer {
    pub error: Option<ResponseError>,
    pub generation: i32,
    pub protocol_type: Option<String>,
    pub protocol_name: Option<String>,
    pub leader: String,
    pub member_id: String,
    /// For a static leader that came back: the assignment is known, it need not compute it.
    pub skip_assignment: bool,
    /// Member id, instance id, metadata; for the leader only.
    pub members: Vec<(String, Option<String>, Bytes)>,
}

impl JoinAnswer {
    /// A refusal.
    pub fn error(member_id: &str, error: ResponseError) -> Self {
        Self {
            error: Some(error),
            generation: -1,
            protocol_type: None,
            protocol_name: None,
            leader: String::new(),
            member_id: member_id.to_owned(),
            skip_assignment: false,
            members: Vec::new(),
        }
    }
}

/// Answer to a SyncGroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyncAnswer {
    pub error: Option<ResponseError>,
    pub protocol_type: Option<String>,
    pub protocol_name: Option<String>,
    pub assignment: Bytes,
}

impl SyncAnswer {
    /// A refusal.
    pub fn error(error: ResponseError) -> Self {
        Self { error: Some(error), protocol_type: None, protocol_name: None, assignment: Bytes::new() }
    }
}

/// A member.
#[derive(Debug)]
pub(crate) struct Member {
    pub id: String,
    pub instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub session_timeout: Duration,
    pub rebalance_timeout: Duration,
    /// Protocol names with their metadata, in the member's order of preference.
    pub protocols: Vec<(String, Bytes)>,
    pub assignment: Bytes,
    pub joining: Option<oneshot::Sender<JoinAnswer>>,
    pub syncing: Option<oneshot::Sender<SyncAnswer>>,
    /// When the session ends without a sign of life; not while an answer is awaited.
    pub expires: Instant,
}

impl Member {
    /// The sign of life that a heartbeat is.
    pub fn touch(&mut self) {
        self.expires = Instant::now() + self.session_timeout;
    }

    /// Whether the broker owes the member an answer, which keeps it alive.
    pub fn is_waiting(&self) -> bool {
        self.joining.is_some() || self.syncing.is_some()
    }

    /// The member's metadata for a protocol.
    pub fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols.iter().find(|(name, _)| name == protocol).map(|(_, data)| data.clone()).unwrap_or_default()
    }

    /// Answers a waiting join; a member that has gone away does not matter.
    pub fn answer_join(&mut self, answer: JoinAnswer) {
        if let Some(waiting) = self.joining.take() {
            drop(waiting.send(answer));
        }
    }

    /// Answers a waiting sync, see [`Member::answer_join`].
    pub fn answer_sync(&mut self, answer: SyncAnswer) {
        if let Some(waiting) = self.syncing.take() {
            drop(waiting.send(answer));
        }
    }
}
