//! What is known about the cluster: brokers, topics, and who leads which partition.
//!
//! Counterpart: org.apache.kafka.clients.Metadata.

use std::collections::HashMap;
use std::sync::Arc;

use kafka_protocol::messages::MetadataResponse;
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
    pub id: Uuid,
    pub internal: bool,
    /// By number.
    pub partitions: Vec<PartitionMetadata>,
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

impl Metadata {
    /// This knowledge with an answer's on top. Topics that were not asked for stay as they were.
    pub(super) fn updated(&self, wanted: &TopicsWanted, response: &MetadataResponse) -> Self {
        let brokers = response.brokers.iter().map(|broker| {
            let address = Address { host: broker.host.to_string(), port: u16::try_from(broker.port).unwrap_or(0) };
            (broker.node_id.0, Broker { address, rack: broker.rack.as_ref().map(ToString::to_string) })
        });
        let mut topics = if *wanted == TopicsWanted::All { HashMap::new() } else { self.topics.clone() };
        let mut errors = HashMap::new();
        for topic in &response.topics {
            let Some(name) = topic.name.as_ref() else { continue };
            let name: Arc<str> = Arc::from(name.0.as_str());
            if let Some(code) = ErrorCode::from_wire(topic.error_code) {
                topics.remove(&name);
                errors.insert(name, code);
                continue;
            }
            let old = self.topics.get(&name).filter(|old| old.id == topic.topic_id);
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
            topics
                .insert(name, Arc::new(TopicMetadata { id: topic.topic_id, internal: topic.is_internal, partitions }));
        }
        Self {
            controller: (response.controller_id.0 >= 0).then_some(response.controller_id.0),
            brokers: brokers.collect(),
            topics,
            errors,
        }
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
