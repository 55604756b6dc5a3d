//! What members of consumer groups do: they subscribe to topics and share out partitions.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.ConsumerCoordinator.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::protocol::StrBytes;
use milena_api::record::TopicPartition;
use tokio::sync::{mpsc, oneshot};

use super::assignor::{Candidate, Shape, Topics};
use super::coordinator::Coordinator;
use super::join::Round;
use super::member::{Membership, Protocol, Timings};
use super::protocol::{
    Subscription, read_assignment, read_subscription, write_assignment, write_sticky_memory, write_subscription,
};
use crate::config::{Assignor, ConsumerConfig};
use crate::error::{Error, Result};
use crate::net::{Metadata, TopicsWanted};

/// Sent when the owner is done; dropping it says the same.
pub(crate) type Done = oneshot::Sender<()>;

/// What a membership tells its consumer.
#[derive(Debug)]
pub(crate) enum Event {
    /// A generation has begun.
    Assigned {
        /// What is new to this member; what it has kept is not named.
        added: Vec<TopicPartition>,
        generation: i32,
        /// Topics whose changes this member has to notice for all, as the leader.
        watch: Vec<Arc<str>>,
    },
    /// Partitions are to be given up in good order.
    Revoke(Vec<TopicPartition>, Done),
    /// Partitions are gone.
    Lost(Vec<TopicPartition>, Done),
    /// Nothing can be done about it.
    Failed(Error),
}

/// What a consumer tells its membership.
pub(crate) enum Change {
    /// The topics to take part in, for the first time or changed.
    Topics(Vec<Arc<str>>),
    /// Partition counts may have changed.
    Metadata,
}

/// Starts the membership of a consumer.
pub(crate) fn start(
    coordinator: &Arc<Coordinator>,
    config: &Arc<ConsumerConfig>,
) -> (Membership<Change>, mpsc::UnboundedReceiver<Event>) {
    // Not bounded: the membership waits for the owner after all that has to be answered.
    let (sender, events) = mpsc::unbounded_channel();
    let timings = Timings {
        session: config.session_timeout,
        rebalance: config.max_poll_interval,
        heartbeat: config.heartbeat_interval,
        backoff: config.client.retry_backoff,
    };
    let protocol = ConsumerProtocol {
        coordinator: Arc::clone(coordinator),
        cooperative: config.assignors.iter().all(|assignor| *assignor == Assignor::CooperativeSticky),
        config: Arc::clone(config),
        events: sender,
        topics: None,
        owned: Vec::new(),
        generation: -1,
        remembered: None,
        shared_out: None,
    };
    (Membership::start(Arc::clone(coordinator), timings, protocol), events)
}

struct ConsumerProtocol {
    coordinator: Arc<Coordinator>,
    config: Arc<ConsumerConfig>,
    /// Partitions that a member keeps need not be given up for a join. Only if all assignors can do it.
    cooperative: bool,
    events: mpsc::UnboundedSender<Event>,
    topics: Option<Vec<Arc<str>>>,
    /// Sorted.
    owned: Vec<TopicPartition>,
    /// In which `owned` was given; -1 after a round whose shares were missed, as `owned` may be out of date then.
    generation: i32,
    /// The last assignment, for the sticky assignor.
    remembered: Option<(Vec<TopicPartition>, i32)>,
    /// The topics that this member has shared out, as they were then, if it leads.
    shared_out: Option<Topics>,
}

impl Protocol for ConsumerProtocol {
    const TYPE: &'static str = "consumer";
    type Change = Change;

    fn ready(&self) -> bool {
        self.topics.is_some()
    }

    fn change(&mut self, change: Change) -> Option<&'static str> {
        match change {
            Change::Topics(topics) => {
                let changed = self.topics.replace(topics) != self.topics;
                changed.then_some("the subscription has changed")
            }
            Change::Metadata => {
                let before = self.shared_out.as_ref()?;
                let metadata = self.coordinator.cluster.metadata();
                let changed = before.iter().any(|(topic, shape)| *shape != self.shape(&metadata, topic));
                changed.then_some("topics have changed")
            }
        }
    }

    async fn prepare(&mut self) {
        let topics = self.topics.as_deref().unwrap_or_default();
        let (given_up, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.owned)
            .into_iter()
            .partition(|at| !self.cooperative || !topics.contains(&at.topic));
        // Should this future be dropped, all of it is still to be taken away.
        self.owned = kept.iter().chain(&given_up).cloned().collect();
        if !given_up.is_empty() {
            self.revoke(given_up).await;
        }
        self.owned = kept;
    }

    fn offers(&mut self) -> Result<Vec<(String, Bytes)>> {
        let rack = Some(self.config.rack.clone()).filter(|rack| !rack.is_empty());
        let subscription = Subscription {
            topics: self.topics.clone().unwrap_or_default(),
            user_data: None,
            owned: self.owned.clone(),
            generation: (self.generation >= 0).then_some(self.generation),
            rack,
        };
        let offer = |assignor: &Assignor| {
            let user_data = match assignor {
                Assignor::Range | Assignor::RoundRobin => None,
                Assignor::Sticky => self
                    .remembered
                    .as_ref()
                    .map(|(partitions, generation)| write_sticky_memory(partitions, *generation)),
                Assignor::CooperativeSticky => {
                    let generation = self.remembered.as_ref().map_or(-1, |(_, generation)| *generation);
                    Some(Bytes::copy_from_slice(&generation.to_be_bytes()))
                }
            };
            let metadata = write_subscription(&Subscription { user_data, ..subscription.clone() })?;
            Ok((assignor.name().to_owned(), metadata))
        };
        self.config.assignors.iter().map(offer).collect()
    }

    async fn lead(&mut self, round: &Round) -> Result<Vec<(StrBytes, Bytes)>> {
        let doing = || format!("cannot lead group {}", self.coordinator.group);
        let Some(assignor) = Assignor::by_name(&round.protocol) else {
            return Err(Error::protocol(doing(), format!("the group chose the assignor {:?}", round.protocol)));
        };
        let mut candidates = Vec::with_capacity(round.members.len());
        for member in &round.members {
            candidates.push(Candidate {
                member_id: member.member_id.to_string(),
                instance_id: member.instance_id.as_ref().map(ToString::to_string),
                subscription: read_subscription(member.metadata.clone())?,
            });
        }
        let topics: BTreeSet<Arc<str>> =
            candidates.iter().flat_map(|candidate| &candidate.subscription.topics).cloned().collect();
        let wanted = TopicsWanted::These(topics.iter().cloned().collect());
        let cluster = &self.coordinator.cluster;
        let metadata = cluster.refresh_until(&wanted, self.config.allow_auto_create, None).await?;
        let shapes: Topics = topics
            .into_iter()
            .map(|topic| {
                let shape = Shape::of(&metadata, &topic, true);
                (topic, shape)
            })
            .collect();
        let mut shares = Vec::with_capacity(candidates.len());
        if !round.keep_shares {
            for (member_id, partitions) in assignor.assign(&candidates, &shapes) {
                shares.push((StrBytes::from_string(member_id), write_assignment(&partitions)?));
            }
        }
        let watched = |topic: &Arc<str>| (Arc::clone(topic), self.shape(&metadata, topic));
        self.shared_out = Some(shapes.keys().map(watched).collect());
        Ok(shares)
    }

    fn missed(&mut self) {
        self.generation = -1;
    }

    async fn complete(&mut self, round: &Round, share: Bytes) -> Result<Option<&'static str>> {
        let assigned = read_assignment(share)?;
        if !round.leads() {
            self.shared_out = None;
        }
        self.remembered = Some((assigned.clone(), round.generation));
        let topics = self.topics.as_deref().unwrap_or_default();
        if assigned.iter().any(|at| !topics.contains(&at.topic)) {
            self.missed();
            return Ok(Some("the assignment does not match the subscription any more"));
        }
        self.generation = round.generation;
        let had = |at: &TopicPartition| self.owned.binary_search(at).is_ok();
        let added: Vec<TopicPartition> = assigned.iter().filter(|at| !had(at)).cloned().collect();
        let gone: Vec<TopicPartition> =
            self.owned.iter().filter(|at| assigned.binary_search(at).is_err()).cloned().collect();
        tracing::info!(
            group = %self.coordinator.group,
            generation = round.generation,
            partitions = assigned.len(),
            added = added.len(),
            revoked = gone.len(),
            "joined the group"
        );
        let again = !gone.is_empty();
        if again {
            self.revoke(gone).await;
        }
        self.owned = assigned;
        let watch = self.shared_out.iter().flat_map(BTreeMap::keys).cloned().collect();
        self.tell(Event::Assigned { added, generation: round.generation, watch });
        Ok(again.then_some("partitions were given up, and another member may have them now"))
    }

    async fn lost(&mut self) {
        self.generation = -1;
        self.shared_out = None;
        let partitions = self.owned.clone();
        if !partitions.is_empty() {
            let (done, told) = oneshot::channel();
            self.tell(Event::Lost(partitions, done));
            // An error says the same.
            drop(told.await);
        }
        self.owned.clear();
    }

    fn failed(&mut self, error: Error) {
        self.tell(Event::Failed(error));
    }
}

impl ConsumerProtocol {
    fn tell(&self, event: Event) {
        // Without a consumer the membership is about to end.
        drop(self.events.send(event));
    }

    async fn revoke(&self, partitions: Vec<TopicPartition>) {
        let (done, told) = oneshot::channel();
        self.tell(Event::Revoke(partitions, done));
        // An error says the same.
        drop(told.await);
    }

    /// Racks are watched only by those who care for theirs.
    fn shape(&self, metadata: &Metadata, topic: &str) -> Shape {
        Shape::of(metadata, topic, !self.config.rack.is_empty())
    }
}
