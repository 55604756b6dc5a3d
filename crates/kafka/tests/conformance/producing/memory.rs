//! The budget of memory that a producer shares with consumers.

use std::time::Duration;

use milena_kafka::MemoryGovernor;
use milena_kafka::config::{ConsumerConfig, ProducerConfig};
use milena_kafka::consumer::{Consumer, Polled, StartOffset};
use milena_kafka::producer::Producer;

use crate::support::{Harness, PATIENCE, at, rule};

const RECORDS: usize = 40;

rule!(records_are_moved_under_a_budget_that_fetched_records_fill: dev, real);
async fn records_are_moved_under_a_budget_that_fetched_records_fill(on: Harness) {
    let (from, to) = (on.topic(1, &[]).await, on.topic(1, &[]).await);
    let (producer, _) = on.producer(&[]);
    let value = vec![b'x'; 20_000];
    for _ in 0..RECORDS {
        producer.send(&from, Some(0), None, None, Some(&value), &[]).await.unwrap();
    }
    producer.close(PATIENCE).await.unwrap();
    // The consumer has one answer that takes all the memory it may have, and gives nothing back before its last record is handed out;
    // and that waits for the producer.
    let governor = MemoryGovernor::new(400_000);
    let config = ConsumerConfig::from_properties(&on.properties(&[("max.poll.records", "1")])).unwrap();
    let mut consumer = Consumer::new(config.with_memory(governor.clone())).unwrap();
    consumer.assign(vec![(at(&from, 0), StartOffset::Earliest)]);
    let config = ProducerConfig::from_properties(&on.properties(&[])).unwrap();
    let (producer, _) = Producer::new(config.with_memory(governor.clone())).unwrap();
    let (mut moved, mut exhausted) = (0, false);
    let moving = async {
        while moved < RECORDS {
            let Polled::Records(batches) = consumer.poll(Duration::from_secs(1)).await.unwrap() else { continue };
            for batch in batches {
                for view in batch.records() {
                    exhausted |= governor.is_exhausted();
                    producer.send(&to, Some(0), None, view.key, view.value, &[]).await.unwrap();
                    moved += 1;
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE, moving).await.unwrap();
    assert!(exhausted, "the fetched records did not fill the budget");
    producer.close(PATIENCE).await.unwrap();
    assert_eq!(on.end(&to).await, i64::try_from(RECORDS).unwrap());
    drop(consumer);
}
