//! Groups: who reads what, and what happens when that changes.

#![expect(clippy::disallowed_methods, reason = "members run beside each other, each on a task of the test's")]

mod assigning;
mod commits;
mod connect;
mod cooperative;
mod coordinator;
mod java_worker;
mod membership;
mod mixed;
mod static_members;

use std::collections::BTreeMap;
use std::time::Duration;

use milena_kafka::TopicPartition;
use milena_kafka::consumer::{Consumer, OffsetAndMetadata, Polled, Subscription};

use crate::support::*;

const QUICK: [(&str, &str); 2] = [("heartbeat.interval.ms", "100"), ("session.timeout.ms", "6000")];
const COOPERATIVE: (&str, &str) =
    ("partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");

/// A consumer of a group that notices rebalances quickly.
fn member(on: &Harness, group: &str, pairs: &[(&str, &str)]) -> Consumer {
    let pairs: Vec<_> = QUICK.iter().chain(&[("group.id", group)]).chain(pairs).copied().collect();
    on.consumer(&pairs)
}

fn topics(topic: &str) -> Subscription {
    Subscription::Topics(vec![topic.to_owned()])
}

fn offsets(at: &TopicPartition, offset: i64) -> BTreeMap<TopicPartition, OffsetAndMetadata> {
    BTreeMap::from([(at.clone(), OffsetAndMetadata::new(offset))])
}

/// Reads on until a rebalance is over; whatever is to be given up is.
async fn assigned(consumer: &mut Consumer) -> Vec<TopicPartition> {
    loop {
        match next(consumer).await {
            Polled::Assigned(partitions) => return partitions,
            Polled::Records(_) | Polled::Revoking(_) => {}
            event => panic!("{event:?} instead of an assignment"),
        }
    }
}

/// Reads on until partitions are to be given up.
async fn revoking(consumer: &mut Consumer) -> Vec<TopicPartition> {
    loop {
        match next(consumer).await {
            Polled::Revoking(partitions) => return partitions,
            Polled::Records(_) => {}
            event => panic!("{event:?} instead of a revocation"),
        }
    }
}

/// Polls both in turn until each of them has that many partitions.
async fn settle(consumers: &mut [&mut Consumer], counts: &[usize]) {
    let start = std::time::Instant::now();
    while start.elapsed() < PATIENCE {
        for consumer in consumers.iter_mut() {
            consumer.poll(Duration::from_millis(20)).await.unwrap();
        }
        if consumers.iter().zip(counts).all(|(consumer, count)| consumer.assignment().len() == *count) {
            // What they have they hear of, too, when its positions are known.
            for consumer in consumers.iter_mut() {
                while consumer.assignment().iter().any(|at| consumer.position(at).is_none()) {
                    consumer.poll(Duration::from_millis(20)).await.unwrap();
                }
                while let Polled::Assigned(_) = consumer.poll(Duration::from_millis(20)).await.unwrap() {}
            }
            return;
        }
    }
    let has: Vec<_> = consumers.iter().map(|consumer| consumer.assignment().clone()).collect();
    panic!("{has:?} instead of {counts:?} partitions after {PATIENCE:?}");
}
