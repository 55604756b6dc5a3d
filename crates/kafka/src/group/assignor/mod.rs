//! Shares partitions out among the members of a group, with the outcome of Java's assignors.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.AbstractPartitionAssignor.

mod constrained;
mod cooperative;
mod general;
mod java_order;
mod racks;
mod range;
mod round_robin;
mod sticky;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use milena_api::record::TopicPartition;

use super::protocol::Subscription;
use crate::config::Assignor;
use crate::net::Metadata;

/// A member as the leader sees it.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
    pub subscription: Subscription,
}

/// A topic as assignors see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub partitions: usize,
    /// Racks of each partition's replicas; empty if nobody asked.
    pub racks: Vec<BTreeSet<String>>,
}

/// Topics by name; those that do not exist have no partitions.
pub(crate) type Topics = BTreeMap<Arc<str>, Shape>;
/// Partitions by member; every member is in it.
pub(crate) type Shares = BTreeMap<String, Vec<TopicPartition>>;

impl Shape {
    pub(crate) fn of(metadata: &Metadata, topic: &str, with_racks: bool) -> Self {
        let Some(topic) = metadata.topics.get(topic) else { return Self { partitions: 0, racks: Vec::new() } };
        let rack = |node: &i32| metadata.brokers.get(node).and_then(|broker| broker.rack.clone());
        let racks = topic.partitions.iter().map(|partition| partition.replicas.iter().filter_map(rack).collect());
        let racks: Vec<BTreeSet<String>> = if with_racks { racks.collect() } else { Vec::new() };
        Self { partitions: topic.partitions.len(), racks }
    }
}

impl Assignor {
    /// Name in the group protocol.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::Sticky => "sticky",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    pub(crate) fn by_name(name: &str) -> Option<Self> {
        [Self::Range, Self::RoundRobin, Self::Sticky, Self::CooperativeSticky]
            .into_iter()
            .find(|assignor| assignor.name() == name)
    }

    /// What each member gets; members in the order in which the coordinator named them.
    pub(crate) fn assign(self, candidates: &[Candidate], topics: &Topics) -> Shares {
        match self {
            Self::Range => range::assign(candidates, topics),
            Self::RoundRobin => round_robin::assign(candidates, topics),
            Self::Sticky => sticky::assign(candidates, topics, sticky::claim_of_sticky).shares,
            Self::CooperativeSticky => cooperative::assign(candidates, topics),
        }
    }
}

/// Partition numbers go over the wire as 32 bits.
fn number(partition: usize) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}

/// Whether a topic has a partition.
fn exists(topics: &Topics, at: &TopicPartition) -> bool {
    let count = topics.get(&at.topic).map_or(0, |shape| shape.partitions);
    usize::try_from(at.partition).is_ok_and(|partition| partition < count)
}

/// Static members come first, by their instance; all others by the id that the coordinator gave.
fn by_instance(candidates: &[Candidate]) -> Vec<&Candidate> {
    let mut sorted: Vec<&Candidate> = candidates.iter().collect();
    sorted.sort_by_key(|candidate| {
        let instance = candidate.instance_id.as_deref();
        (instance.is_none(), instance, if instance.is_some() { "" } else { candidate.member_id.as_str() })
    });
    sorted
}
