//! What members of `connect` groups do: the workers of a distributed cluster, which share out connectors and tasks.
//!
//! Counterpart: org.apache.kafka.connect.runtime.distributed.WorkerCoordinator. What workers tell each other is opaque here.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::protocol::StrBytes;
use tokio::sync::{mpsc, oneshot};

use super::coordinator::Coordinator;
use super::join::Round;
use super::member::{Membership, Protocol, Timings};
use crate::config::AdminConfig;
use crate::error::{Error, Result};
use crate::net::Cluster;

/// How a worker takes part in its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectGroup {
    /// `group.id` of the workers.
    pub id: String,
    /// After this long without a heartbeat the coordinator takes a worker for dead.
    pub session_timeout: Duration,
    /// For all workers to join again, and between two polls of a worker.
    pub rebalance_timeout: Duration,
    /// Between heartbeats.
    pub heartbeat_interval: Duration,
}

/// What a worker offers under one name of the protocol: `sessioned`, `compatible` or `default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectOffer {
    /// The name.
    pub protocol: String,
    /// What the worker tells the leader if the group chooses this name.
    pub metadata: Bytes,
}

/// A generation of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectGeneration {
    /// Its number.
    pub generation: i32,
    /// The name that the coordinator chose of those that all workers offered.
    pub protocol: String,
    /// This worker.
    pub member_id: String,
    /// The worker that shares out.
    pub leader_id: String,
}

/// A worker, as the leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectPeer {
    /// The id that the coordinator gave it.
    pub member_id: String,
    /// What it tells the leader.
    pub metadata: Bytes,
}

/// Takes a worker's offers; dropped unanswered, the member tries again as if it had just begun.
#[derive(Debug)]
pub struct OfferReply(oneshot::Sender<Vec<ConnectOffer>>);

impl OfferReply {
    /// Offers these, best first, and joins.
    pub fn join(self, offers: Vec<ConnectOffer>) {
        // The membership may have ended meanwhile.
        self.0.send(offers).unwrap_or_default();
    }
}

/// Takes what the leader gives to each worker.
#[derive(Debug)]
pub struct ShareReply(oneshot::Sender<Vec<(String, Bytes)>>);

impl ShareReply {
    /// Shares by worker; one who is left out gets an empty one.
    pub fn share_out(self, shares: Vec<(String, Bytes)>) {
        // The membership may have ended meanwhile.
        self.0.send(shares).unwrap_or_default();
    }
}

/// What a membership asks of its worker, or tells it.
#[derive(Debug)]
pub enum ConnectEvent {
    /// A rebalance: give up what must not run during one, then say what to offer. The membership stays alive meanwhile.
    Joining(OfferReply),
    /// This worker leads the generation: share out. The membership stays alive meanwhile.
    Leading {
        /// The generation.
        generation: ConnectGeneration,
        /// All workers, this one too.
        peers: Vec<ConnectPeer>,
        /// Where the shares go.
        reply: ShareReply,
    },
    /// A generation has begun.
    Joined {
        /// The generation.
        generation: ConnectGeneration,
        /// This worker's share, as the leader wrote it.
        share: Bytes,
    },
    /// The group has gone on without this worker: nothing it got before is its own any more. It joins again by itself.
    Lost,
    /// The membership has ended for good.
    Failed(Error),
}

enum Never {}

/// A worker's membership in its group. Dropping it leaves the group in the background.
pub struct ConnectMember {
    cluster: Arc<Cluster>,
    coordinator: Arc<Coordinator>,
    membership: Membership<Never>,
    events: mpsc::UnboundedReceiver<ConnectEvent>,
}

impl ConnectMember {
    /// Joins; the first event is [`ConnectEvent::Joining`]. Brokers are found and talked to as `client` says.
    ///
    /// # Errors
    /// Times that cannot work.
    pub fn start(client: AdminConfig, group: &ConnectGroup) -> Result<Self> {
        let ConnectGroup { id, session_timeout, rebalance_timeout, heartbeat_interval } = group;
        if heartbeat_interval >= session_timeout {
            let reason = "heartbeat.interval.ms must be lower than session.timeout.ms";
            return Err(Error::illegal(format!("cannot join group {id}"), reason));
        }
        let backoff = client.client.retry_backoff;
        let cluster = Cluster::new(client.client);
        let coordinator = Coordinator::new(Arc::clone(&cluster), id, None);
        // Not bounded: the membership waits for the worker after all that has to be answered.
        let (sender, events) = mpsc::unbounded_channel();
        let timings = Timings {
            session: *session_timeout,
            rebalance: *rebalance_timeout,
            heartbeat: *heartbeat_interval,
            backoff,
        };
        let protocol = ConnectProtocol { events: sender, offers: Vec::new(), holds: false };
        let membership = Membership::start(Arc::clone(&coordinator), timings, protocol);
        Ok(Self { cluster, coordinator, membership, events })
    }

    /// Waits for the next event, `timeout` at most; also says that the worker is alive. `None` if nothing happened.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn poll(&mut self, timeout: Duration) -> Option<ConnectEvent> {
        let _polling = self.membership.polling();
        tokio::time::timeout(timeout, self.events.recv()).await.ok().flatten()
    }

    /// Asks for another rebalance.
    pub fn rejoin(&self, reason: &str) {
        self.membership.rejoin(reason.to_owned());
    }

    /// The id that the coordinator knows this worker by; empty while there is none.
    pub fn member_id(&self) -> String {
        self.coordinator.identity().member_id
    }

    /// Whether the group's coordinator has been found and has not failed since. A worker without one is not a member for much longer.
    pub fn coordinator_is_known(&self) -> bool {
        self.coordinator.known().is_some()
    }

    /// Leaves the group; returns when the coordinator knows, or cannot be told.
    pub async fn leave(self) {
        self.membership.leave().await;
        self.cluster.close();
    }
}

struct ConnectProtocol {
    events: mpsc::UnboundedSender<ConnectEvent>,
    offers: Vec<ConnectOffer>,
    /// Whether the worker has got a share that it can lose.
    holds: bool,
}

impl ConnectProtocol {
    fn tell(&self, event: ConnectEvent) {
        // Without a worker the membership is about to end.
        drop(self.events.send(event));
    }
}

fn generation(round: &Round) -> ConnectGeneration {
    ConnectGeneration {
        generation: round.generation,
        protocol: round.protocol.clone(),
        member_id: round.member_id.to_string(),
        leader_id: round.leader_id.to_string(),
    }
}

impl Protocol for ConnectProtocol {
    const TYPE: &'static str = "connect";
    type Change = Never;

    fn ready(&self) -> bool {
        true
    }

    fn change(&mut self, change: Never) -> Option<&'static str> {
        match change {}
    }

    async fn prepare(&mut self) {
        loop {
            let (reply, offers) = oneshot::channel();
            if self.events.send(ConnectEvent::Joining(OfferReply(reply))).is_err() {
                // The worker is gone; so is this, in a moment.
                return std::future::pending().await;
            }
            if let Ok(offers) = offers.await {
                self.offers = offers;
                return;
            }
        }
    }

    fn offers(&mut self) -> Result<Vec<(String, Bytes)>> {
        if self.offers.is_empty() {
            return Err(Error::illegal("cannot join the group", "the worker offers no protocol"));
        }
        Ok(self.offers.iter().map(|offer| (offer.protocol.clone(), offer.metadata.clone())).collect())
    }

    async fn lead(&mut self, round: &Round) -> Result<Vec<(StrBytes, Bytes)>> {
        let peer = |member: &super::join::RoundMember| ConnectPeer {
            member_id: member.member_id.to_string(),
            metadata: member.metadata.clone(),
        };
        let peers = round.members.iter().map(peer).collect();
        let (reply, shares) = oneshot::channel();
        self.tell(ConnectEvent::Leading { generation: generation(round), peers, reply: ShareReply(reply) });
        match shares.await {
            Ok(shares) => {
                Ok(shares.into_iter().map(|(member, share)| (StrBytes::from_string(member), share)).collect())
            }
            // As if the round had been overtaken by another.
            Err(_) => Err(Error::disconnected("cannot lead the group", "the worker did not share out")),
        }
    }

    fn missed(&mut self) {}

    async fn complete(&mut self, round: &Round, share: Bytes) -> Result<Option<&'static str>> {
        self.holds = true;
        self.tell(ConnectEvent::Joined { generation: generation(round), share });
        Ok(None)
    }

    async fn lost(&mut self) {
        if std::mem::take(&mut self.holds) {
            self.tell(ConnectEvent::Lost);
        }
    }

    fn failed(&mut self, error: Error) {
        self.tell(ConnectEvent::Failed(error));
    }
}
