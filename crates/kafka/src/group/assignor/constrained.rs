//! Balances members that all want the same topics.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.AbstractStickyAssignor.ConstrainedAssignmentBuilder. Every member gets the
//! same number of partitions, or one more; members keep what they have up to that, then the rest is dealt out, to near members first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

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
    /// Members that are to have one more than the least, and those of them that have it.
    over: usize,
    over_so_far: usize,
    /// By who had them.
    given_up: BTreeMap<TopicPartition, usize>,
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
        over: total % members,
        over_so_far: 0,
        given_up: BTreeMap::new(),
        moving: BTreeMap::new(),
    };
    balance.keep_owned();
    let kept: BTreeSet<&TopicPartition> = balance.shares.iter().flatten().collect();
    let mut left = Vec::with_capacity(total.saturating_sub(kept.len()));
    for (topic, shape) in group.topics {
        let all = (0..shape.partitions).map(|partition| TopicPartition::new(Arc::clone(topic), number(partition)));
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
    /// Members keep what they have and is near, up to their share.
    fn keep_owned(&mut self) {
        for (member, owned) in self.group.owned.iter().enumerate() {
            let (far, mut owned): (Vec<_>, Vec<_>) =
                owned.iter().cloned().partition(|at| self.group.racks.is_far(member, at));
            self.given_up.extend(far.into_iter().map(|at| (at, member)));
            owned.sort_by(|a, b| a.partition.cmp(&b.partition).then_with(|| a.topic.cmp(&b.topic)));
            owned.retain(|at| !self.group.disputed.contains(at));
            let keep = if owned.len() < self.least {
                self.short.push(member);
                owned.len()
            } else if owned.len() >= self.most && self.over_so_far < self.over {
                self.one_more_is_over();
                self.most
            } else {
                if self.over_so_far < self.over {
                    self.even.push_back(member);
                }
                self.least
            };
            self.given_up.extend(owned.drain(keep..).map(|at| (at, member)));
            if let Some(share) = self.shares.get_mut(member) {
                *share = owned;
            }
        }
    }

    /// When enough members have one more, nobody else gets one.
    fn one_more_is_over(&mut self) {
        self.over_so_far += 1;
        if self.over_so_far == self.over {
            self.even.clear();
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
                        if count < self.most && self.over_so_far < self.over {
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
                    self.one_more_is_over();
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
        let had_by_another = self.given_up.get(&at).is_some_and(|owner| *owner != member);
        if had_by_another || self.group.disputed.contains(&at) {
            self.moving.insert(at.clone(), member);
        }
        if let Some(share) = self.shares.get_mut(member) {
            share.push(at);
        }
    }
}
