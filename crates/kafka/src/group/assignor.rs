//! Shares partitions out among the members of a group, as Java's assignors do.
//!
//! Counterpart: org.apache.kafka.clients.consumer.RangeAssignor, RoundRobinAssignor.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use milena_api::record::TopicPartition;

use crate::config::Assignor;

/// A member and the topics it wants.
pub(super) struct Candidate {
    pub member_id: String,
    pub topics: Vec<Arc<str>>,
}

impl Assignor {
    /// Name in the group protocol.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
        }
    }

    pub(super) fn by_name(name: &str) -> Option<Self> {
        [Self::Range, Self::RoundRobin].into_iter().find(|assignor| assignor.name() == name)
    }

    /// Partitions of each member; every member is in the answer.
    pub(super) fn assign(
        self,
        candidates: &[Candidate],
        partitions: impl Fn(&str) -> usize,
    ) -> BTreeMap<String, Vec<TopicPartition>> {
        let mut shares: BTreeMap<String, Vec<TopicPartition>> =
            candidates.iter().map(|candidate| (candidate.member_id.clone(), Vec::new())).collect();
        let topics: BTreeSet<&Arc<str>> = candidates.iter().flat_map(|candidate| &candidate.topics).collect();
        let number = |partition: usize| i32::try_from(partition).unwrap_or(i32::MAX);
        let mut sorted: Vec<&Candidate> = candidates.iter().collect();
        sorted.sort_by(|a, b| a.member_id.cmp(&b.member_id));
        match self {
            Self::Range => {
                for topic in topics {
                    let members: Vec<_> = sorted.iter().filter(|candidate| candidate.topics.contains(topic)).collect();
                    let count = partitions(topic);
                    let (each, more) = (count / members.len().max(1), count % members.len().max(1));
                    let mut next = 0;
                    for (index, member) in members.into_iter().enumerate() {
                        let end = next + each + usize::from(index < more);
                        if let Some(share) = shares.get_mut(&member.member_id) {
                            share.extend((next..end).map(|p| TopicPartition::new(Arc::clone(topic), number(p))));
                        }
                        next = end;
                    }
                }
            }
            Self::RoundRobin => {
                let mut turn = 0;
                for topic in topics {
                    for partition in 0..partitions(topic) {
                        // Somebody wants it, or the topic would not be in the list.
                        while !sorted.get(turn % sorted.len()).is_some_and(|member| member.topics.contains(topic)) {
                            turn += 1;
                        }
                        let member =
                            sorted.get(turn % sorted.len()).and_then(|member| shares.get_mut(&member.member_id));
                        if let Some(share) = member {
                            share.push(TopicPartition::new(Arc::clone(topic), number(partition)));
                        }
                        turn += 1;
                    }
                }
            }
        }
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(assignor: Assignor, members: &[(&str, &[&str])], partitions: usize) -> Vec<String> {
        let candidates: Vec<Candidate> = members
            .iter()
            .map(|(id, topics)| Candidate {
                member_id: (*id).to_owned(),
                topics: topics.iter().map(|topic| Arc::from(*topic)).collect(),
            })
            .collect();
        let shares = assignor.assign(&candidates, |_| partitions);
        shares
            .into_iter()
            .map(|(id, share)| format!("{id}: {}", share.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")))
            .collect()
    }

    #[test]
    fn range_gives_neighbours_to_one_member() {
        assert_eq!(
            shares(Assignor::Range, &[("m2", &["t", "u"]), ("m1", &["t", "u"])], 3),
            ["m1: t-0 t-1 u-0 u-1", "m2: t-2 u-2"]
        );
        assert_eq!(shares(Assignor::Range, &[("a", &["t"]), ("b", &["u"])], 2), ["a: t-0 t-1", "b: u-0 u-1"]);
        assert_eq!(shares(Assignor::Range, &[("a", &["t"]), ("b", &["t"])], 1), ["a: t-0", "b: "]);
    }

    #[test]
    fn round_robin_deals_out_one_by_one() {
        assert_eq!(
            shares(Assignor::RoundRobin, &[("a", &["t", "u"]), ("b", &["t", "u"])], 3),
            ["a: t-0 t-2 u-1", "b: t-1 u-0 u-2"]
        );
        assert_eq!(shares(Assignor::RoundRobin, &[("a", &["t"]), ("b", &["t", "u"])], 2), ["a: t-0", "b: t-1 u-0 u-1"]);
    }
}
