//! Balances members that all want the same topics.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.AbstractStickyAssignor.ConstrainedAssignmentBuilder. Every member gets the
//! same number of partitions, or one more; members keep what they have up to that, then the rest is dealt out, to near members first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use milena_api::record::TopicPartition;

use super::number;
use super::sticky::Group;

struct Balance<'g> {
    group: &'g Group<'g>,
    least: usize,
    most: usize,
    shares: Vec<Vec<TopicPartition>>,
    /// Members with fewer than the least, in the order in which they are served.
    short: Vec<usize>,
    /// Members with the least, of which some get one more.
    even: VecDeque<usize>,
    given_up: BTreeSet<TopicPartition>,
    /// Given up because their owner is not in their rack. Java hands these on at once; two members would have them for a while.
    far: BTreeMap<TopicPartition, usize>,
    moving: BTreeMap<TopicPartition, usize>,
}

/// Each member's share, and what goes from one member to another.
pub(super) fn assign(group: &Group<'_>) -> (Vec<Vec<TopicPartition>>, BTreeMap<TopicPartition, usize>) {
    let members = group.members.len();
    if members == 0 {
        return (Vec::new(), BTreeMap::new());
    }
    let total = group.total();
    let mut balance = Balance {
        group,
        least: total / members,
        most: total.div_ceil(members),
        shares: vec![Vec::new(); members],
        short: Vec::new(),
        even: VecDeque::new(),
        given_up: BTreeSet::new(),
        far: BTreeMap::new(),
        moving: BTreeMap::new(),
    };
    balance.keep_owned(total % members);
    let kept: BTreeSet<&TopicPartition> = balance.shares.iter().flatten().collect();
    let mut left = Vec::with_capacity(total.saturating_sub(kept.len()));
    for (topic, shape) in group.topics {
        let all = (0..shape.partitions).map(|partition| TopicPartition::new(topic.clone(), number(partition)));
        left.extend(all.filter(|at| !kept.contains(at)));
    }
    balance.short.sort_by(|a, b| group.name(*a).cmp(group.name(*b)));
    balance.even.make_contiguous().sort_by(|a, b| group.name(*a).cmp(group.name(*b)));
    group.racks.sort(&mut left);
    if group.racks.matter {
        balance.deal_near(&mut left);
    }
    balance.deal(left);
    (balance.shares, balance.moving)
}

impl Balance<'_> {
    /// Members keep what they have, `over` of them one more than the least.
    fn keep_owned(&mut self, over: usize) {
        let mut over_so_far = 0;
        for (member, owned) in self.group.owned.iter().enumerate() {
            let (far, mut owned): (Vec<_>, Vec<_>) =
                owned.iter().cloned().partition(|at| self.group.racks.is_far(member, at));
            self.far.extend(far.into_iter().map(|at| (at, member)));
            owned.sort_by(|a, b| a.partition.cmp(&b.partition).then_with(|| a.topic.cmp(&b.topic)));
            owned.retain(|at| !self.group.disputed.contains(at));
            let keep = if owned.len() < self.least {
                self.short.push(member);
                owned.len()
            } else if owned.len() >= self.most && over_so_far < over {
                over_so_far += 1;
                if over_so_far == over {
                    self.even.clear();
                }
                self.most
            } else {
                if over_so_far < over {
                    self.even.push_back(member);
                }
                self.least
            };
            self.given_up.extend(owned.drain(keep..));
            if let Some(share) = self.shares.get_mut(member) {
                *share = owned;
            }
        }
    }

    fn count(&self, member: usize) -> usize {
        self.shares.get(member).map_or(0, Vec::len)
    }

    /// Deals to members in the partition's own racks, as far as that leaves the shares balanced.
    fn deal_near(&mut self, left: &mut Vec<TopicPartition>) {
        let mut next = 0;
        for at in std::mem::take(left) {
            let mut taker = None;
            if let Some(place) = self.group.racks.next_near(&at, &self.short, next) {
                let mut after = place;
                if let Some(member) = self.short.get(place).copied() {
                    let count = self.count(member) + 1;
                    if count >= self.least {
                        self.short.remove(place);
                        if count < self.most {
                            self.even.push_back(member);
                        }
                    } else {
                        after += 1;
                    }
                    taker = Some(member);
                }
                next = after.checked_rem(self.short.len()).unwrap_or(0);
            } else if let Some(place) = self.group.racks.next_near(&at, self.even.make_contiguous(), 0) {
                taker = self.even.get(place).copied();
                if taker.is_some_and(|member| self.count(member) + 1 == self.most) {
                    self.even.remove(place);
                }
            }
            match taker {
                Some(member) => self.give(at, member),
                None => left.push(at),
            }
        }
    }

    /// Deals one to each that is short, again and again, then one more to those that are even.
    fn deal(&mut self, left: Vec<TopicPartition>) {
        let mut turn = 0;
        for at in left {
            if turn >= self.short.len() {
                turn = 0;
            }
            if let Some(member) = self.short.get(turn).copied() {
                self.give(at, member);
                if self.count(member) >= self.least {
                    self.short.remove(turn);
                    self.even.push_back(member);
                } else {
                    turn += 1;
                }
            } else if let Some(member) = self.even.pop_front() {
                self.give(at, member);
            } else {
                // The quotas add up, so this does not happen; nothing stays behind if it does.
                let emptiest = (0..self.shares.len()).min_by_key(|member| self.count(*member)).unwrap_or(0);
                self.give(at, emptiest);
            }
        }
    }

    fn give(&mut self, at: TopicPartition, member: usize) {
        let elsewhere = self.far.get(&at).is_some_and(|owner| *owner != member);
        if elsewhere || self.given_up.contains(&at) || self.group.disputed.contains(&at) {
            self.moving.insert(at.clone(), member);
        }
        if let Some(share) = self.shares.get_mut(member) {
            share.push(at);
        }
    }
}
