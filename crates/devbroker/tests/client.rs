//! Milena's own client against a broker: what they do together, and what the client makes of faults.
//!
//! The tests without faults run against the real broker that `MILENA_TEST_BOOTSTRAP` names, too.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::{Target, target, unique};
use milena_devbroker::{Api, DevBroker, DevBrokerConfig, FaultAction};
use milena_kafka::admin::{Admin, NewTopic};
use milena_kafka::config::{AdminConfig, ConsumerConfig, ProducerConfig, Properties};
use milena_kafka::consumer::{Consumer, Polled, Subscription};
use milena_kafka::producer::Producer;
use milena_kafka::{OffsetAndMetadata, TopicPartition};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

fn properties(address: &str, more: &[(&str, &str)]) -> Properties {
    let mut properties = Properties::new();
    properties.insert("bootstrap.servers".into(), address.into());
    for (key, value) in more {
        properties.insert((*key).into(), (*value).into());
    }
    properties
}

async fn topic(address: &str, prefix: &str, partitions: i32) -> String {
    let admin = Admin::new(AdminConfig::from_properties(&properties(address, &[])).unwrap()).unwrap();
    let name = unique(prefix);
    for (_, created) in admin.create_topics(vec![NewTopic::new(&name, partitions, 1)]).await.unwrap() {
        created.unwrap();
    }
    name
}

fn producer(address: &str, more: &[(&str, &str)]) -> Producer {
    Producer::new(ProducerConfig::from_properties(&properties(address, more)).unwrap()).unwrap().0
}

fn member(address: &str, group: &str, topic: &str) -> Consumer {
    let settings = [
        ("group.id", group),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
        ("session.timeout.ms", "6000"),
        ("heartbeat.interval.ms", "200"),
        ("metadata.max.age.ms", "500"),
    ];
    let config = ConsumerConfig::from_properties(&properties(address, &settings)).unwrap();
    let mut consumer = Consumer::new(config).unwrap();
    consumer.subscribe(Subscription::Topics(vec![topic.to_owned()]));
    consumer
}

/// Polls until `count` values are there, or until a time that no working broker needs.
async fn read(consumer: &mut Consumer, count: usize) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut values = Vec::new();
    while values.len() < count {
        assert!(Instant::now() < deadline, "only {} of {count} records came", values.len());
        if let Polled::Records(batches) = consumer.poll(Duration::from_secs(1)).await.unwrap() {
            for batch in &batches {
                let texts = batch.records().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap());
                values.extend(texts);
            }
        }
    }
    values
}

#[tokio::test]
async fn records_of_all_codecs_arrive_in_order_and_commits_are_continued() {
    let target: Target = target().await;
    let topic = topic(&target.address, "client", 1).await;
    let group = unique("client");
    let mut expected = Vec::new();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let producer = producer(&target.address, &[("compression.type", codec), ("acks", "all")]);
        for number in 0..20 {
            let value = format!("{codec}-{number}");
            producer.send(&topic, Some(0), None, Some(b"key"), Some(value.as_bytes()), &[]).await.unwrap();
            expected.push(value);
        }
        producer.close(Duration::from_secs(5)).await.unwrap();
    }
    let mut consumer = member(&target.address, &group, &topic);
    assert_eq!(read(&mut consumer, 100).await, expected);
    let partition = TopicPartition { topic: topic.as_str().into(), partition: 0 };
    let commit = BTreeMap::from([(partition.clone(), OffsetAndMetadata::new(60))]);
    consumer.commit_sync(&commit).await.unwrap();
    consumer.close(Duration::from_secs(5)).await;

    let mut again = member(&target.address, &group, &topic);
    assert_eq!(read(&mut again, 40).await, expected[60..]);
    assert_eq!(again.position(&partition), Some(100));
    again.close(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn two_members_share_the_partitions_and_take_over() {
    let target: Target = target().await;
    let topic = topic(&target.address, "shared", 4).await;
    let group = unique("shared");
    let mut one = member(&target.address, &group, &topic);
    let mut two = member(&target.address, &group, &topic);
    let settled = async {
        let deadline = Instant::now() + Duration::from_secs(30);
        while one.assignment().len() != 2 || two.assignment().len() != 2 {
            assert!(Instant::now() < deadline, "{:?} {:?}", one.assignment(), two.assignment());
            let (first, second) =
                tokio::join!(one.poll(Duration::from_millis(50)), two.poll(Duration::from_millis(50)));
            first.unwrap();
            second.unwrap();
        }
    };
    settled.await;
    two.close(Duration::from_secs(5)).await;
    let deadline = Instant::now() + Duration::from_secs(30);
    while one.assignment().len() != 4 {
        assert!(Instant::now() < deadline, "{:?}", one.assignment());
        one.poll(Duration::from_millis(50)).await.unwrap();
    }
    one.close(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn the_client_gets_over_lost_and_refused_requests() {
    const NOT_LEADER: i16 = 6;
    const COORDINATOR_LOADING: i16 = 14;
    let broker = DevBroker::start(DevBrokerConfig::default()).await.unwrap();
    let address = broker.bootstrap();
    let topic = topic(&address, "faults", 1).await;
    let producer = producer(&address, &[("acks", "all"), ("retry.backoff.ms", "10"), ("enable.idempotence", "false")]);
    let send = async |value: &str| {
        producer.send(&topic, Some(0), None, None, Some(value.as_bytes()), &[]).await.unwrap().offset
    };
    assert_eq!(send("a").await, Some(0));
    broker.faults().next(Api::Produce, 2, FaultAction::Error(NOT_LEADER));
    assert_eq!(send("b").await, Some(1));
    broker.faults().next(Api::Produce, 1, FaultAction::Drop);
    assert_eq!(send("c").await, Some(2));

    let faults = broker.faults();
    faults.next(Api::FindCoordinator, 1, FaultAction::Error(COORDINATOR_LOADING));
    faults.next(Api::JoinGroup, 1, FaultAction::Drop);
    faults.next(Api::SyncGroup, 1, FaultAction::Error(COORDINATOR_LOADING));
    faults.next(Api::OffsetFetch, 1, FaultAction::Error(COORDINATOR_LOADING));
    faults.next(Api::Fetch, 1, FaultAction::Drop);
    faults.next(Api::ListOffsets, 1, FaultAction::Error(NOT_LEADER));
    let mut consumer = member(&address, "faults", &topic);
    assert_eq!(read(&mut consumer, 3).await, ["a", "b", "c"]);
    assert_eq!(broker.faults().pending(), 0, "every fault was met");
    consumer.close(Duration::from_secs(5)).await;
}
