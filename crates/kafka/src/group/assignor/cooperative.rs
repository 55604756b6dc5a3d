//! Sticky, but a partition that another member still has is given to nobody: it is free in the next round.
//!
//! Counterpart: org.apache.kafka.clients.consumer.CooperativeStickyAssignor.

use std::collections::BTreeMap;

use bytes::Buf;
use milena_api::record::TopicPartition;

use super::sticky::{self, Claim, Sticky};
use super::{Candidate, Shares, Topics};

fn claim(candidate: &Candidate) -> Claim {
    let subscription = &candidate.subscription;
    let generation = subscription.generation.or_else(|| {
        // Members that speak an older version say it in their user data.
        let mut user_data = subscription.user_data.clone()?;
        Some(user_data.try_get_i32().unwrap_or(-1))
    });
    Claim { partitions: subscription.owned.clone(), generation }
}

pub(super) fn assign(candidates: &[Candidate], topics: &Topics) -> Shares {
    let Sticky { mut shares, moving } = sticky::assign(candidates, topics, claim);
    let mut held: BTreeMap<&TopicPartition, &str> = BTreeMap::new();
    for candidate in candidates {
        held.extend(candidate.subscription.owned.iter().map(|at| (at, candidate.member_id.as_str())));
    }
    for (member, share) in &mut shares {
        share.retain(|at| match &moving {
            Some(moving) => moving.get(at) != Some(member),
            None => held.get(at).is_none_or(|holder| *holder == member.as_str()),
        });
    }
    shares
}
