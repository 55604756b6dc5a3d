//! What is known about the cluster: brokers, topics, and who leads which partition.
//!
//! Counterpart: org.apache.kafka.clients.Metadata.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::{MetadataResponse, fetch_response, produce_response};
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;
use uuid::Uuid;

use super::address::Address;
use crate::error_code::ErrorCode;

/// Which topics a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TopicsWanted {
    /// Only brokers.
    None,
    All,
    These(Vec<Arc<str>>),
}

/// One state of knowledge; replaced as a whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metadata {
    pub controller: Option<i32>,
    pub brokers: HashMap<i32, Broker>,
    pub topics: HashMap<Arc<str>, Arc<TopicMetadata>>,
    /// Names of `topics` that have an id.
    names: HashMap<Uuid, Arc<str>>,
    /// Topics that could not be described, with the reason.
    pub errors: HashMap<Arc<str>, ErrorCode>,
}

/// A broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broker {
    pub address: Address,
    pub rack: Option<String>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicMetadata {
    /// Nil where the broker knows of no ids (before 2.8).
    pub id: Uuid,
    pub internal: bool,
    /// By number.
    pub partitions: Vec<PartitionMetadata>,
    /// When a broker last described it.
    described: Instant,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionMetadata {
    /// `None` while there is none.
    pub leader: Option<i32>,
    /// -1 if not known.
    pub epoch: i32,
    pub replicas: Vec<i32>,
    pub in_sync: Vec<i32>,
}

/// A leader that a broker named in its answer to a Fetch or Produce request (KIP-951).
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewLeader<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub leader: i32,
    pub epoch: i32,
}

impl Broker {
    fn new(host: &str, port: i32, rack: Option<&StrBytes>) -> Self {
        let address = Address { host: host.to_owned(), port: u16::try_from(port).unwrap_or(0) };
        Self { address, rack: rack.map(ToString::to_string) }
    }
}

/// A broker's id and address beside a [`NewLeader`].
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    node: i32,
    broker: Broker,
}

impl From<&fetch_response::NodeEndpoint> for Endpoint {
    fn from(from: &fetch_response::NodeEndpoint) -> Self {
        Self { node: from.node_id.0, broker: Broker::new(&from.host, from.port, from.rack.as_ref()) }
    }
}

impl From<&produce_response::NodeEndpoint> for Endpoint {
    fn from(from: &produce_response::NodeEndpoint) -> Self {
        Self { node: from.node_id.0, broker: Broker::new(&from.host, from.port, from.rack.as_ref()) }
    }
}

impl Metadata {
    /// This knowledge with an answer's on top. Topics that were not asked for stay as they were.
    pub(crate) fn updated(&self, wanted: &TopicsWanted, response: &MetadataResponse) -> Self {
        let brokers = response
            .brokers
            .iter()
            .map(|broker| (broker.node_id.0, Broker::new(&broker.host, broker.port, broker.rack.as_ref())));
        let mut topics = if *wanted == TopicsWanted::All { HashMap::new() } else { self.topics.clone() };
        let mut errors = HashMap::new();
        let described = Instant::now();
        for topic in &response.topics {
            let Some(name) = topic.name.as_ref() else { continue };
            let name: Arc<str> = Arc::from(name.0.as_str());
            if let Some(code) = ErrorCode::from_wire(topic.error_code) {
                topics.remove(&name);
                errors.insert(name, code);
                continue;
            }
            // Another id under the same name is another topic, whose epochs start anew. Brokers before 2.8 name none.
            let known_id = self.topics.get(&name).map_or(Uuid::nil(), |old| old.id);
            let id = if topic.topic_id.is_nil() { known_id } else { topic.topic_id };
            let old = self.topics.get(&name).filter(|old| old.id == id || old.id.is_nil());
            let mut partitions =
                vec![
                    PartitionMetadata { leader: None, epoch: -1, replicas: Vec::new(), in_sync: Vec::new() };
                    topic.partitions.len()
                ];
            for partition in &topic.partitions {
                let index = usize::try_from(partition.partition_index).ok();
                let Some(slot) = index.and_then(|index| partitions.get_mut(index)) else { continue };
                *slot = PartitionMetadata {
                    leader: (partition.leader_id.0 >= 0).then_some(partition.leader_id.0),
                    epoch: partition.leader_epoch,
                    replicas: partition.replica_nodes.iter().map(|node| node.0).collect(),
                    in_sync: partition.isr_nodes.iter().map(|node| node.0).collect(),
                };
                // A broker that lags behind must not undo what is known about a newer leader.
                if let Some(known) = old.and_then(|old| old.partitions.get(index?))
                    && known.epoch > slot.epoch
                    && slot.epoch >= 0
                {
                    *slot = known.clone();
                }
            }
            topics.insert(name, Arc::new(TopicMetadata { id, internal: topic.is_internal, partitions, described }));
        }
        let by_id = topics.iter().filter(|(_, topic)| !topic.id.is_nil());
        Self {
            controller: (response.controller_id.0 >= 0).then_some(response.controller_id.0),
            brokers: brokers.collect(),
            names: by_id.map(|(name, topic)| (topic.id, Arc::clone(name))).collect(),
            topics,
            errors,
        }
    }

    /// This knowledge without the topics that nobody has asked for in `memory`.
    pub(super) fn without_unwanted(mut self, now: Instant, memory: Duration) -> Self {
        let wanted = |topic: &TopicMetadata| now.saturating_duration_since(topic.described) <= memory;
        if !self.topics.values().all(|topic| wanted(topic)) {
            self.topics.retain(|_, topic| wanted(topic));
            self.names.retain(|_, name| self.topics.contains_key(name));
        }
        self
    }

    /// This knowledge for a cluster that may not be the same any more: leaders and their epochs are to be learnt anew.
    pub(super) fn without_leaders(&self) -> Self {
        let mut new = self.clone();
        for topic in new.topics.values_mut() {
            for partition in &mut Arc::make_mut(topic).partitions {
                partition.leader = None;
                partition.epoch = -1;
            }
        }
        new
    }

    /// This knowledge with newer leaders on top; `None` if nothing is newer. A leader counts only with a newer epoch and an
    /// address.
    pub(super) fn with_leaders(&self, leaders: &[NewLeader<'_>], endpoints: &[Endpoint]) -> Option<Self> {
        let mut new = None;
        for leader in leaders {
            let known = |node| self.brokers.contains_key(&node) || endpoints.iter().any(|at| at.node == node);
            let newer = self.partition(leader.topic, leader.partition).is_some_and(|old| old.epoch < leader.epoch);
            if !newer || leader.leader < 0 || !known(leader.leader) {
                continue;
            }
            let new = new.get_or_insert_with(|| self.clone());
            let slot = usize::try_from(leader.partition).ok();
            let topic = new.topics.get_mut(leader.topic).map(Arc::make_mut);
            if let Some(slot) = topic.and_then(|topic| topic.partitions.get_mut(slot?)) {
                slot.leader = Some(leader.leader);
                slot.epoch = leader.epoch;
            }
        }
        if let Some(new) = &mut new {
            new.brokers.extend(endpoints.iter().map(|at| (at.node, at.broker.clone())));
        }
        new
    }

    /// The id of a topic, if it has one.
    pub(crate) fn topic_id(&self, name: &str) -> Option<Uuid> {
        self.topics.get(name).map(|topic| topic.id).filter(|id| !id.is_nil())
    }

    /// The topic that has this id now.
    pub(crate) fn topic_name(&self, id: Uuid) -> Option<&Arc<str>> {
        self.names.get(&id)
    }

    pub(crate) fn partition(&self, topic: &str, partition: i32) -> Option<&PartitionMetadata> {
        self.topics.get(topic)?.partitions.get(usize::try_from(partition).ok()?)
    }

    /// The leader, if it is known and its address too.
    pub(crate) fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        let leader = self.partition(topic, partition)?.leader?;
        self.brokers.contains_key(&leader).then_some(leader)
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::TopicName;
    use kafka_protocol::messages::metadata_response::{
        MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
    };

    use super::*;

    fn answer(id: u128, leader: i32, epoch: i32) -> MetadataResponse {
        let partition = MetadataResponsePartition::default().with_leader_id(leader.into()).with_leader_epoch(epoch);
        let topic = MetadataResponseTopic::default()
            .with_name(Some(TopicName(StrBytes::from_static_str("t"))))
            .with_topic_id(Uuid::from_u128(id))
            .with_partitions(vec![partition]);
        let broker = |id: i32| {
            MetadataResponseBroker::default()
                .with_node_id(id.into())
                .with_host(StrBytes::from_static_str("h"))
                .with_port(9000 + id)
        };
        MetadataResponse::default().with_brokers(vec![broker(1), broker(2)]).with_topics(vec![topic])
    }

    fn after(answers: &[MetadataResponse]) -> Metadata {
        answers.iter().fold(Metadata::default(), |known, answer| known.updated(&TopicsWanted::All, answer))
    }

    fn leader(metadata: &Metadata) -> (Option<i32>, i32) {
        let partition = metadata.partition("t", 0).unwrap();
        (partition.leader, partition.epoch)
    }

    #[test]
    fn a_broker_that_lags_behind_does_not_undo_a_newer_leader() {
        assert_eq!(leader(&after(&[answer(7, 1, 5), answer(7, 2, 4)])), (Some(1), 5));
        assert_eq!(leader(&after(&[answer(7, 1, 5), answer(0, 2, 4)])), (Some(1), 5));
        assert_eq!(leader(&after(&[answer(7, 1, 5), answer(7, 2, 5)])), (Some(2), 5));
        // Without an epoch (old brokers) the last answer counts.
        assert_eq!(leader(&after(&[answer(7, 1, 5), answer(7, 2, -1)])), (Some(2), -1));
    }

    #[test]
    fn a_topic_that_nobody_asks_for_is_forgotten() {
        let (now, memory) = (Instant::now(), Duration::from_secs(300));
        let known = after(&[answer(7, 1, 5)]);
        let later = |seconds| known.clone().without_unwanted(now + Duration::from_secs(seconds), memory);
        assert_eq!((later(299).topics.len(), later(299).topic_id("t")), (1, Some(Uuid::from_u128(7))));
        let forgotten = later(302);
        assert_eq!(
            (forgotten.topics.len(), forgotten.topic_name(Uuid::from_u128(7)), forgotten.brokers.len()),
            (0, None, 2)
        );
    }

    #[test]
    fn a_topic_made_anew_replaces_the_old_one_whatever_the_epochs() {
        let metadata = after(&[answer(7, 1, 5), answer(8, 2, 0)]);
        assert_eq!(leader(&metadata), (Some(2), 0));
        assert_eq!(metadata.topic_id("t"), Some(Uuid::from_u128(8)));
        assert_eq!(metadata.topic_name(Uuid::from_u128(8)).map(|name| &**name), Some("t"));
        assert_eq!(metadata.topic_name(Uuid::from_u128(7)), None);
    }

    #[test]
    fn a_leader_named_in_an_answer_counts_if_it_is_newer_and_can_be_reached() {
        let metadata = after(&[answer(7, 1, 5)]);
        let named = |leader, epoch| NewLeader { topic: "t", partition: 0, leader, epoch };
        let endpoint = Endpoint { node: 3, broker: Broker::new("new", 1, None) };
        for old in [named(2, 5), named(2, 4), named(3, 6), named(-1, 6)] {
            assert!(metadata.with_leaders(&[old], &[]).is_none(), "{old:?}");
        }
        assert_eq!(leader(&metadata.with_leaders(&[named(2, 6)], &[]).unwrap()), (Some(2), 6));
        let moved = metadata.with_leaders(&[named(3, 6)], &[endpoint]).unwrap();
        assert_eq!((leader(&moved), moved.brokers[&3].address.to_string().as_str()), ((Some(3), 6), "new:1"));
    }
}
