//! The budget of memory that consumers share.

use std::time::Duration;

use kafka_protocol::messages::ApiKey;
use milena_kafka::MemoryGovernor;
use milena_kafka::config::ConsumerConfig;
use milena_kafka::consumer::{Consumer, Polled, StartOffset};

use crate::fake_broker::{FakeBroker, Reply, body, metadata};
use crate::support::{Harness, PATIENCE, at, properties, rule};

const LIMIT: usize = 8 << 20;
const CONSUMERS: usize = 200;
const RECORDS: usize = 4;

rule!(two_hundred_consumers_of_large_records_stay_within_one_budget: dev);
async fn two_hundred_consumers_of_large_records_stay_within_one_budget(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let (producer, _completions) = on.producer(&[("max.request.size", "2000000")]);
    let value = vec![b'x'; 1_000_000];
    for _ in 0..RECORDS {
        producer.send(&topic, Some(0), None, None, Some(&value), &[]).await.unwrap();
    }
    let governor = MemoryGovernor::new(LIMIT);
    let config = ConsumerConfig::from_properties(&on.properties(&[("max.poll.records", "1")])).unwrap();
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..CONSUMERS {
        let (config, at) = (config.clone().with_memory(governor.clone()), at(&topic, 0));
        all.spawn(async move {
            let mut consumer = Consumer::new(config).unwrap();
            consumer.assign(vec![(at, StartOffset::Earliest)]);
            let mut offsets = Vec::new();
            while offsets.len() < RECORDS {
                if let Polled::Records(batches) = consumer.poll(Duration::from_secs(1)).await.unwrap() {
                    offsets.extend(batches.iter().flat_map(|batch| batch.records().map(|view| view.offset)));
                }
            }
            offsets
        });
    }
    let mut most = 0;
    let reading = async {
        while let Some(offsets) = all.join_next().await {
            assert_eq!(offsets.unwrap(), (0..RECORDS as i64).collect::<Vec<_>>());
        }
    };
    let watching = async {
        loop {
            most = most.max(governor.used());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = reading => {}
        () = watching => {}
        () = tokio::time::sleep(PATIENCE) => panic!("stuck with {} bytes granted", governor.used()),
    }
    assert!(most > LIMIT / 2 && most <= LIMIT, "{most} bytes");
    assert_eq!(governor.used(), 0, "everything is given back");
}

rule!(an_answer_larger_than_the_budget_is_read_alone_and_idle_consumers_hold_nothing: dev, real);
async fn an_answer_larger_than_the_budget_is_read_alone_and_idle_consumers_hold_nothing(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let governor = MemoryGovernor::new(100_000);
    let config = ConsumerConfig::from_properties(&on.properties(&[])).unwrap().with_memory(governor.clone());
    let mut consumers: Vec<Consumer> = (0..5).map(|_| Consumer::new(config.clone()).unwrap()).collect();
    for consumer in &mut consumers {
        consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
        assert!(matches!(consumer.poll(Duration::from_millis(50)).await.unwrap(), Polled::Empty));
    }
    assert_eq!(governor.used(), 0);
    let (producer, _completions) = on.producer(&[]);
    producer.send(&topic, Some(0), None, None, Some(&vec![b'x'; 500_000]), &[]).await.unwrap();
    for consumer in &mut consumers {
        assert_eq!(crate::support::read(consumer, 1).await[0].2.len(), 500_000);
    }
    assert_eq!(governor.used(), 0);
}

/// A topic whose two partitions have two records each, and memory for one partition's.
async fn scarce(on: &Harness) -> (String, MemoryGovernor, ConsumerConfig) {
    let topic = on.topic(2, &[]).await;
    let (producer, _completions) = on.producer(&[]);
    for partition in 0..2 {
        for _ in 0..2 {
            producer.send(&topic, Some(partition), None, None, Some(&vec![b'x'; 400_000]), &[]).await.unwrap();
        }
    }
    let governor = MemoryGovernor::new(1_000_000);
    let config = ConsumerConfig::from_properties(&on.properties(&[("max.poll.records", "1")])).unwrap();
    (topic, governor, config)
}

rule!(a_paused_partition_gives_memory_back_that_others_wait_for: dev, real);
async fn a_paused_partition_gives_memory_back_that_others_wait_for(on: Harness) {
    let (topic, governor, config) = scarce(&on).await;
    let mut paused = Consumer::new(config.clone().with_memory(governor.clone())).unwrap();
    paused.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    assert_eq!(crate::support::read(&mut paused, 1).await.len(), 1);
    paused.pause(&[at(&topic, 0)]);
    assert!(governor.used() > 0);
    let mut other = Consumer::new(config.with_memory(governor.clone())).unwrap();
    other.assign(vec![(at(&topic, 1), StartOffset::Earliest)]);
    let mut read = 0;
    let both = async {
        while read < 2 {
            assert!(matches!(paused.poll(Duration::from_millis(20)).await.unwrap(), Polled::Empty));
            if let Polled::Records(batches) = other.poll(Duration::from_millis(20)).await.unwrap() {
                read += batches.len();
            }
        }
    };
    tokio::time::timeout(PATIENCE, both).await.unwrap();
    paused.resume(&[at(&topic, 0)]);
    assert_eq!(crate::support::read(&mut paused, 1).await[0].1, 1);
}

rule!(pausing_gives_memory_back_that_others_wait_for_already: dev);
async fn pausing_gives_memory_back_that_others_wait_for_already(on: Harness) {
    let (topic, governor, config) = scarce(&on).await;
    let mut busy = Consumer::new(config.clone().with_memory(governor.clone())).unwrap();
    busy.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    assert_eq!(crate::support::read(&mut busy, 1).await.len(), 1);
    let mut other = Consumer::new(config.with_memory(governor.clone())).unwrap();
    other.assign(vec![(at(&topic, 1), StartOffset::Earliest)]);
    let waiting = async {
        while !governor.is_exhausted() {
            assert!(matches!(other.poll(Duration::from_millis(10)).await.unwrap(), Polled::Empty));
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    // From here on its owner is busy elsewhere.
    busy.pause(&[at(&topic, 0)]);
    assert_eq!(crate::support::read(&mut other, 2).await.len(), 2);
    busy.resume(&[at(&topic, 0)]);
    assert_eq!(crate::support::read(&mut busy, 1).await[0].1, 1);
}

const KEYS: &[(ApiKey, i16, i16)] = &[(ApiKey::Metadata, 0, 13), (ApiKey::Fetch, 4, 12)];

rule!(an_answer_that_is_announced_and_does_not_come_takes_no_memory: dev);
async fn an_answer_that_is_announced_and_does_not_come_takes_no_memory(_: Harness) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let fake = FakeBroker::on(listener, KEYS, move |asked| match asked.key {
        ApiKey::Fetch => Reply::Announcement(1 << 20),
        _ => Reply::Body(body(&metadata(asked, &[(1, port)]), asked.version)),
    });
    let governor = MemoryGovernor::new(8 << 20);
    let config = ConsumerConfig::from_properties(&properties(&fake.address(), &[])).unwrap();
    let mut consumer = Consumer::new(config.with_memory(governor.clone())).unwrap();
    consumer.assign(vec![(at("t", 0), StartOffset::Offset(0))]);
    let asking = async {
        while !fake.asked().iter().any(|asked| asked.key == ApiKey::Fetch) {
            assert!(matches!(consumer.poll(Duration::from_millis(10)).await.unwrap(), Polled::Empty));
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap();
    assert!(matches!(consumer.poll(Duration::from_millis(500)).await.unwrap(), Polled::Empty));
    assert_eq!(governor.used(), 0);
}
