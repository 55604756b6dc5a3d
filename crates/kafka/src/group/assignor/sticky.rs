//! Keeps what members have, as far as that is balanced.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.AbstractStickyAssignor, StickyAssignor.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use milena_api::record::TopicPartition;

use super::java_order::sort_as_map_of_text;
use super::racks::Racks;
use super::{Candidate, Shares, Topics, constrained, exists, general};
use crate::group::protocol::read_sticky_memory;

/// What a member says it had, and in which generation.
#[derive(Debug, Clone, Default)]
pub(super) struct Claim {
    pub partitions: Vec<TopicPartition>,
    pub generation: Option<i32>,
}

/// The outcome.
pub(super) struct Sticky {
    pub shares: Shares,
    /// Partitions that go from one member straight to another; `None` if that is to be found out by comparing.
    pub moving: Option<BTreeMap<TopicPartition, String>>,
}

/// The group as it is being balanced; members in Java's order, and meant by their place in it.
pub(super) struct Group<'a> {
    pub members: Vec<Candidate>,
    pub claims: Vec<Claim>,
    /// Claims that hold: of several for one partition, that of the newest generation.
    pub owned: Vec<Vec<TopicPartition>>,
    /// Claimed twice in the same generation, which cannot be.
    pub disputed: BTreeSet<TopicPartition>,
    /// The newest generation of all claims.
    pub generation: i32,
    pub topics: &'a Topics,
    pub racks: Racks,
}

/// The sticky assignor's members remember their last assignment in their user data, as they have given it up by now.
pub(super) fn claim_of_sticky(candidate: &Candidate) -> Claim {
    let Some(user_data) = candidate.subscription.user_data.clone().filter(|data| !data.is_empty()) else {
        return Claim::default();
    };
    match read_sticky_memory(user_data) {
        Some((partitions, generation)) => Claim { partitions, generation },
        None => Claim { partitions: Vec::new(), generation: Some(-1) },
    }
}

pub(super) fn assign(candidates: &[Candidate], topics: &Topics, claim: impl Fn(&Candidate) -> Claim) -> Sticky {
    let mut members = candidates.to_vec();
    sort_as_map_of_text(&mut members, |member| &member.member_id);
    // Topics that nobody has seen, or that nobody wants, do not count.
    let wanted: BTreeSet<_> = candidates.iter().flat_map(|member| &member.subscription.topics).collect();
    let topics = topics.iter().filter(|(name, shape)| shape.partitions > 0 && wanted.contains(name));
    let topics: Topics = topics.map(|(name, shape)| (Arc::clone(name), shape.clone())).collect();
    let claims: Vec<Claim> = members.iter().map(claim).collect();
    let mut group = Group {
        racks: Racks::new(&members, &topics),
        owned: vec![Vec::new(); members.len()],
        disputed: BTreeSet::new(),
        generation: claims.iter().filter_map(|claim| claim.generation).fold(-1, i32::max),
        topics: &topics,
        members,
        claims,
    };
    group.settle_claims();
    let distinct = |member: &Candidate| -> BTreeSet<_> { member.subscription.topics.iter().cloned().collect() };
    let first = group.members.first().map(distinct).unwrap_or_default();
    if group.members.iter().all(|member| distinct(member) == first) {
        let (shares, moving) = constrained::assign(&group);
        Sticky { shares: group.named(shares), moving: Some(group.named_moves(moving)) }
    } else {
        let shares = general::assign(&group);
        Sticky { shares: group.named(shares), moving: None }
    }
}

impl Group<'_> {
    fn settle_claims(&mut self) {
        let mut owners: BTreeMap<TopicPartition, usize> = BTreeMap::new();
        for member in 0..self.members.len() {
            let Some(claim) = self.claims.get(member) else { continue };
            let generation = claim.generation.unwrap_or(-1);
            let mut mine = Vec::new();
            for at in claim.partitions.iter().filter(|at| exists(self.topics, at)) {
                let Some(other) = owners.get(at).copied() else {
                    mine.push(at.clone());
                    owners.insert(at.clone(), member);
                    continue;
                };
                let others = self.members.get(other).and_then(|other| other.subscription.generation).unwrap_or(-1);
                if generation < others {
                    continue;
                }
                if let Some(owned) = self.owned.get_mut(other) {
                    owned.retain(|owned| owned != at);
                }
                if other == member {
                    mine.retain(|owned| owned != at);
                }
                if generation == others {
                    self.disputed.insert(at.clone());
                } else {
                    mine.push(at.clone());
                }
                owners.insert(at.clone(), member);
            }
            if let Some(owned) = self.owned.get_mut(member) {
                *owned = mine;
            }
        }
    }

    pub(super) fn total(&self) -> usize {
        self.topics.values().map(|shape| shape.partitions).sum()
    }

    pub(super) fn name(&self, member: usize) -> &str {
        self.members.get(member).map_or("", |member| member.member_id.as_str())
    }

    fn named(&self, shares: Vec<Vec<TopicPartition>>) -> Shares {
        shares.into_iter().enumerate().map(|(member, share)| (self.name(member).to_owned(), share)).collect()
    }

    fn named_moves(&self, moves: BTreeMap<TopicPartition, usize>) -> BTreeMap<TopicPartition, String> {
        moves.into_iter().map(|(at, member)| (at, self.name(member).to_owned())).collect()
    }
}
