//! Which members are near which partitions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use milena_api::record::TopicPartition;

use super::{Candidate, Topics, number};

/// Whether racks tell partitions apart: members and replicas share some, and not every partition is everywhere.
pub(super) fn worth_it(members: &BTreeSet<&str>, partitions: &[BTreeSet<String>]) -> bool {
    let all: BTreeSet<&str> = partitions.iter().flatten().map(String::as_str).collect();
    let everywhere = |racks: &BTreeSet<String>| racks.len() == all.len();
    !members.is_disjoint(&all) && !partitions.iter().all(everywhere)
}

/// Racks of a group's members and topics; empty if they do not matter.
#[derive(Debug, Default)]
pub(super) struct Racks {
    /// By member.
    members: Vec<Option<String>>,
    partitions: BTreeMap<TopicPartition, BTreeSet<String>>,
    /// Members near a partition, also where that does not matter otherwise.
    near: BTreeMap<TopicPartition, usize>,
    pub matter: bool,
}

impl Racks {
    pub(super) fn new(candidates: &[Candidate], topics: &Topics) -> Self {
        let members: Vec<Option<String>> = candidates
            .iter()
            .map(|candidate| candidate.subscription.rack.clone().filter(|rack| !rack.is_empty()))
            .collect();
        let distinct: BTreeSet<&str> = members.iter().flatten().map(String::as_str).collect();
        if distinct.is_empty() {
            return Self::default();
        }
        let mut partitions = BTreeMap::new();
        for (topic, shape) in topics {
            for partition in 0..shape.partitions {
                let racks = shape.racks.get(partition).cloned().unwrap_or_default();
                partitions.insert(TopicPartition::new(Arc::clone(topic), number(partition)), racks);
            }
        }
        let all: Vec<BTreeSet<String>> = partitions.values().cloned().collect();
        let matter = worth_it(&distinct, &all);
        let in_rack = |rack: &String| members.iter().flatten().filter(|member| *member == rack).count();
        let near = partitions.iter().map(|(at, racks)| (at.clone(), racks.iter().map(in_rack).sum())).collect();
        match matter {
            true => Self { members, partitions, near, matter },
            false => Self { near, ..Self::default() },
        }
    }

    pub(super) fn of_member(&self, member: usize) -> Option<&str> {
        self.members.get(member)?.as_deref()
    }

    /// Whether a member has a rack, and the partition is elsewhere.
    pub(super) fn is_far(&self, member: usize, at: &TopicPartition) -> bool {
        self.of_member(member).is_some_and(|rack| !self.is_in(at, rack))
    }

    /// Whether a member has a rack, and the partition is there.
    pub(super) fn is_near(&self, member: usize, at: &TopicPartition) -> bool {
        self.of_member(member).is_some_and(|rack| self.is_in(at, rack))
    }

    fn is_in(&self, at: &TopicPartition, rack: &str) -> bool {
        self.partitions.get(at).is_some_and(|racks| racks.contains(rack))
    }

    /// Those that few members are near come first.
    pub(super) fn sort(&self, partitions: &mut [TopicPartition]) {
        if !self.near.is_empty() {
            partitions.sort_by_key(|at| self.near.get(at).copied().unwrap_or(0));
        }
    }

    /// The place in `members` of the next that is near, from `first` on and around.
    pub(super) fn next_near(&self, at: &TopicPartition, members: &[usize], first: usize) -> Option<usize> {
        let count = members.len();
        (0..count)
            .map(|step| (first + step) % count)
            .find(|place| members.get(*place).is_some_and(|member| self.is_near(*member, at)))
    }
}
