//! Balances members that want different topics.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.AbstractStickyAssignor.GeneralAssignmentBuilder. What nobody has goes to whoever
//! has least; then partitions move from those with more to those with less until that no longer helps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use milena_api::record::TopicPartition;

use super::java_order::PartitionSet;
use super::number;
use super::sticky::Group;

/// Members by what they have, then by name; taken out and put back whenever their share changes.
type Ranking = BTreeSet<(usize, String, usize)>;

struct Balance<'g> {
    group: &'g Group<'g>,
    /// Who wants a topic.
    wanted_by: BTreeMap<Arc<str>, Vec<usize>>,
    /// The topics that a member can get.
    wants: Vec<BTreeSet<Arc<str>>>,
    shares: Vec<Vec<TopicPartition>>,
    owner: BTreeMap<TopicPartition, usize>,
    ranking: Ranking,
    /// Members whose share cannot change.
    fixed: BTreeSet<usize>,
    /// Who had a partition before its present owner, and in which generation.
    before: BTreeMap<TopicPartition, (usize, i32)>,
    moves: Moves,
}

pub(super) fn assign(group: &Group<'_>) -> Vec<Vec<TopicPartition>> {
    let mut wanted_by: BTreeMap<Arc<str>, Vec<usize>> =
        group.topics.keys().map(|topic| (Arc::clone(topic), Vec::new())).collect();
    let mut wants = vec![BTreeSet::new(); group.members.len()];
    for (member, (candidate, wants)) in group.members.iter().zip(&mut wants).enumerate() {
        for topic in &candidate.subscription.topics {
            if let Some(members) = wanted_by.get_mut(topic)
                && wants.insert(Arc::clone(topic))
            {
                members.push(member);
            }
        }
    }
    let mut balance = Balance {
        group,
        wanted_by,
        wants,
        shares: vec![Vec::new(); group.members.len()],
        owner: BTreeMap::new(),
        ranking: Ranking::new(),
        fixed: BTreeSet::new(),
        before: BTreeMap::new(),
        moves: Moves::default(),
    };
    balance.run();
    balance.shares
}

impl Balance<'_> {
    fn run(&mut self) {
        self.remember_before();
        let revoked = self.keep_owned();
        let mut topics: Vec<(&Arc<str>, usize)> =
            self.wanted_by.iter().map(|(topic, members)| (topic, members.len())).collect();
        topics.sort_by(|a, b| a.1.cmp(&b.1).then_with(|| a.0.cmp(b.0)));
        let mut all = Vec::new();
        for (topic, _) in topics {
            let count = self.group.topics.get(topic).map_or(0, |shape| shape.partitions);
            all.extend((0..count).map(|partition| TopicPartition::new(Arc::clone(topic), number(partition))));
        }
        let mut free: Vec<TopicPartition> = all.iter().filter(|at| !self.owner.contains_key(*at)).cloned().collect();
        for member in 0..self.shares.len() {
            self.rank(member);
        }
        let from_nothing = self.shares.iter().all(Vec::is_empty);

        let mut to_give = free.clone();
        if self.group.racks.matter {
            to_give.retain(|at| !self.give_to_least(at, true));
        }
        for at in &to_give {
            self.give_to_least(at, false);
        }

        // What only one member can have, and members that have all they can get and share none of it, stay out of the rest.
        let contested = |balance: &Self, at: &TopicPartition| balance.takers(&at.topic).len() >= 2;
        all.retain(|at| contested(self, at));
        free.retain(|at| contested(self, at));
        for member in 0..self.shares.len() {
            let has_all = self.count(member) >= self.most(member);
            let share = self.shares.get(member).map(Vec::as_slice).unwrap_or_default();
            if has_all && !share.iter().any(|at| contested(self, at)) {
                self.unrank(member);
                self.fixed.insert(member);
            }
        }

        let before = self.shares.clone();
        if !revoked {
            self.improve(&free);
        }
        let changed = self.improve(&all);
        if !from_nothing && changed && self.unevenness(&self.shares) >= self.unevenness(&before) {
            self.shares = before;
        }
    }

    fn takers(&self, topic: &str) -> &[usize] {
        self.wanted_by.get(topic).map(Vec::as_slice).unwrap_or_default()
    }

    fn can_have(&self, member: usize, topic: &str) -> bool {
        self.wants.get(member).is_some_and(|wants| wants.contains(topic))
    }

    fn count(&self, member: usize) -> usize {
        self.shares.get(member).map_or(0, Vec::len)
    }

    /// As many partitions as a member could have.
    fn most(&self, member: usize) -> usize {
        let wants = self.wants.get(member).into_iter().flatten();
        wants.filter_map(|topic| self.group.topics.get(topic)).map(|shape| shape.partitions).sum()
    }

    fn rank(&mut self, member: usize) {
        let name = self.group.name(member).to_owned();
        self.ranking.insert((self.count(member), name, member));
    }

    fn unrank(&mut self, member: usize) {
        let name = self.group.name(member).to_owned();
        self.ranking.remove(&(self.count(member), name, member));
    }

    /// Claims of older generations than the newest tell who had a partition before.
    fn remember_before(&mut self) {
        for (member, claim) in self.group.claims.iter().enumerate() {
            let generation = claim.generation.unwrap_or(-1);
            if generation >= self.group.generation {
                continue;
            }
            for at in &claim.partitions {
                let newer = self.before.get(at).is_none_or(|(_, known)| generation > *known);
                if newer {
                    self.before.insert(at.clone(), (member, generation));
                }
            }
        }
    }

    /// Members keep what they have and still want; tells whether anything was taken away.
    fn keep_owned(&mut self) -> bool {
        let mut revoked = false;
        for (member, owned) in self.group.owned.iter().enumerate() {
            for at in owned {
                if !self.can_have(member, &at.topic) || self.group.racks.is_far(member, at) {
                    revoked = true;
                    continue;
                }
                self.owner.insert(at.clone(), member);
                if let Some(share) = self.shares.get_mut(member) {
                    share.push(at.clone());
                }
            }
        }
        revoked
    }

    /// Gives a partition to the member with the smallest share that wants it, and is near it if that is asked for.
    fn give_to_least(&mut self, at: &TopicPartition, near: bool) -> bool {
        let fits = |member: usize| self.can_have(member, &at.topic) && !(near && self.group.racks.is_far(member, at));
        let Some(member) = self.ranking.iter().map(|(_, _, member)| *member).find(|member| fits(*member)) else {
            return false;
        };
        self.unrank(member);
        if let Some(share) = self.shares.get_mut(member) {
            share.push(at.clone());
        }
        self.owner.insert(at.clone(), member);
        self.rank(member);
        true
    }

    fn is_balanced(&self) -> bool {
        let (Some(first), Some(last)) = (self.ranking.first(), self.ranking.last()) else { return true };
        if first.0 + 1 >= last.0 {
            return true;
        }
        for (count, _, member) in &self.ranking {
            if *count == self.most(*member) {
                continue;
            }
            for topic in self.wants.get(*member).into_iter().flatten() {
                let partitions = self.group.topics.get(topic).map_or(0, |shape| shape.partitions);
                for partition in 0..partitions {
                    let at = TopicPartition::new(Arc::clone(topic), number(partition));
                    let other = self.owner.get(&at).copied().filter(|other| other != member);
                    if other.is_some_and(|other| count + 1 < self.count(other)) {
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Moves partitions to members with less until that no longer helps.
    fn improve(&mut self, partitions: &[TopicPartition]) -> bool {
        let mut changed = false;
        loop {
            let mut moved = false;
            for at in partitions {
                if self.is_balanced() {
                    break;
                }
                let Some(owner) = self.owner.get(at).copied() else { continue };
                let count = self.count(owner);
                let better = |balance: &Self, other: usize| count > balance.count(other) + 1;
                let before = self.before.get(at).map(|(member, _)| *member);
                if let Some(before) = before.filter(|before| {
                    !self.fixed.contains(before) && self.can_have(*before, &at.topic) && better(self, *before)
                }) {
                    self.move_to(at, before);
                    moved = true;
                    continue;
                }
                if self.takers(&at.topic).iter().any(|other| better(self, *other)) {
                    let least = self.ranking.iter().map(|(_, _, member)| *member);
                    let least = least.into_iter().find(|member| self.can_have(*member, &at.topic));
                    if let Some(least) = least {
                        self.move_to(at, least);
                        moved = true;
                    }
                }
            }
            changed |= moved;
            if !moved {
                return changed;
            }
        }
    }

    fn move_to(&mut self, at: &TopicPartition, to: usize) {
        let Some(from) = self.owner.get(at).copied() else { return };
        let at = self.moves.instead(at, from, to);
        let Some(from) = self.owner.get(&at).copied() else { return };
        self.unrank(from);
        self.unrank(to);
        self.moves.note(&at, from, to);
        if let Some(share) = self.shares.get_mut(from) {
            share.retain(|other| *other != at);
        }
        if let Some(share) = self.shares.get_mut(to) {
            share.push(at.clone());
        }
        self.owner.insert(at, to);
        self.rank(to);
        self.rank(from);
    }

    /// Sum of all differences between two members that can change.
    fn unevenness(&self, shares: &[Vec<TopicPartition>]) -> usize {
        let counts: Vec<usize> = shares
            .iter()
            .enumerate()
            .filter(|(member, _)| !self.fixed.contains(member))
            .map(|(_, share)| share.len())
            .collect();
        let after = |index: usize| counts.iter().skip(index + 1);
        counts.iter().enumerate().map(|(index, a)| after(index).map(|b| a.abs_diff(*b)).sum::<usize>()).sum()
    }
}

/// What has moved so far: a partition that would go one way while another of its topic has gone the other way stays, and that one goes back.
#[derive(Default)]
struct Moves {
    by_topic: BTreeMap<Arc<str>, BTreeMap<(usize, usize), PartitionSet>>,
    by_partition: BTreeMap<TopicPartition, (usize, usize)>,
}

impl Moves {
    fn instead(&self, at: &TopicPartition, from: usize, to: usize) -> TopicPartition {
        let from = self.by_partition.get(at).map_or(from, |(first, _)| *first);
        let back = self.by_topic.get(&at.topic).and_then(|moves| moves.get(&(to, from)));
        back.and_then(PartitionSet::first).unwrap_or(at).clone()
    }

    fn note(&mut self, at: &TopicPartition, from: usize, to: usize) {
        let mut first = from;
        if let Some(old) = self.by_partition.remove(at) {
            if let Some(moves) = self.by_topic.get_mut(&at.topic)
                && let Some(set) = moves.get_mut(&old)
            {
                set.remove(at);
                if set.is_empty() {
                    moves.remove(&old);
                }
            }
            first = old.0;
            if first == to {
                return;
            }
        }
        self.by_partition.insert(at.clone(), (first, to));
        self.by_topic.entry(Arc::clone(&at.topic)).or_default().entry((first, to)).or_default().insert(at.clone());
    }
}
