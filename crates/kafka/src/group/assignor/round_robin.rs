//! Deals partitions out one by one.
//!
//! Counterpart: org.apache.kafka.clients.consumer.RoundRobinAssignor.

use std::sync::Arc;

use milena_api::record::TopicPartition;

use super::{Candidate, Shares, Topics, by_instance, number};

pub(super) fn assign(candidates: &[Candidate], topics: &Topics) -> Shares {
    let mut shares: Shares = candidates.iter().map(|candidate| (candidate.member_id.clone(), Vec::new())).collect();
    let sorted = by_instance(candidates);
    let mut turn = 0;
    for (topic, shape) in topics {
        let wants = |candidate: &Candidate| candidate.subscription.topics.contains(topic);
        if !sorted.iter().any(|candidate| wants(candidate)) {
            continue;
        }
        for partition in 0..shape.partitions {
            while !sorted.get(turn % sorted.len()).is_some_and(|candidate| wants(candidate)) {
                turn += 1;
            }
            let member = sorted.get(turn % sorted.len());
            if let Some(share) = member.and_then(|member| shares.get_mut(&member.member_id)) {
                share.push(TopicPartition::new(Arc::clone(topic), number(partition)));
            }
            turn += 1;
        }
    }
    shares
}
