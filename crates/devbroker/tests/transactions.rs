//! What only the embedded broker can be asked of transactions: a data folder, markers that wait, records that are lost.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::transactional::*;
use common::*;
use kafka_protocol::ResponseError as E;
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_protocol::messages::{ApiVersionsRequest, BrokerId, EndTxnRequest, OffsetForLeaderEpochRequest};
use milena_devbroker::{DevBroker, DevBrokerConfig};
use milena_kafka::records::Compression;
use std::path::Path;
use std::time::Duration;

async fn start(dir: &Path) -> DevBroker {
    DevBroker::start(DevBrokerConfig { dir: Some(dir.to_owned()), ..DevBrokerConfig::default() }).await.unwrap()
}

#[tokio::test]
async fn an_open_transaction_outlives_the_broker_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    for clean in [true, false] {
        let broker = start(dir.path()).await;
        let mut client = Client::connect(&broker.bootstrap()).await;
        let topic = client.create("kept", 1).await;
        let mut producer = Producer::at(&broker.bootstrap(), &unique("tx"), true).await;
        producer.send(&topic, 0, &["a"]).await;
        assert_eq!(producer.end(false).await, 0);
        producer.send(&topic, 0, &["b"]).await;
        let before = see(&mut client, &topic, 0, 0, true).await;
        assert_eq!((before.end, before.stable), (3, 2));
        if clean {
            broker.stop().await;
        } else {
            drop(broker);
        }

        let broker = loop {
            let config = DevBrokerConfig { dir: Some(dir.path().to_owned()), ..DevBrokerConfig::default() };
            match DevBroker::start(config).await {
                Ok(broker) => break broker,
                Err(milena_devbroker::Error::DirInUse { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        };
        let mut client = Client::connect(&broker.bootstrap()).await;
        assert_eq!(see(&mut client, &topic, 0, 0, true).await, before);
        producer.client = Client::connect(&broker.bootstrap()).await;
        assert_eq!(producer.send(&topic, 0, &["c"]).await, 3);
        assert_eq!(producer.end(true).await, 0);
        let after = see(&mut client, &topic, 0, 0, true).await;
        assert_eq!((after.end, after.stable), (5, 5));
        assert_eq!(after.aborted, before.aborted);
        broker.stop().await;
    }
}

#[tokio::test]
async fn markers_that_wait_keep_the_producer_waiting() {
    let config = DevBrokerConfig { transaction_marker_delay: Duration::from_millis(300), ..DevBrokerConfig::default() };
    let broker = DevBroker::start(config).await.unwrap();
    let mut client = Client::connect(&broker.bootstrap()).await;
    let topic = client.create("waiting", 1).await;
    let mut producer = Producer::at(&broker.bootstrap(), &unique("tx"), true).await;
    producer.send(&topic, 0, &["a"]).await;
    let request = EndTxnRequest::default()
        .with_transactional_id(transactional_id(&producer.id))
        .with_producer_id(kafka_protocol::messages::ProducerId(producer.producer_id))
        .with_producer_epoch(0)
        .with_committed(true);
    assert_eq!(producer.client.send(5, &request).await.error_code, 0);
    assert_eq!(producer.client.send(5, &request).await.error_code, E::ConcurrentTransactions.code());
    assert_eq!(see(&mut client, &topic, 0, 0, true).await.stable, 0);
    producer.epoch = 1;
    producer.sequence = 0;
    // Waits as long as it is told to.
    assert_eq!(producer.send(&topic, 0, &["b"]).await, 2);
    assert_eq!(see(&mut client, &topic, 0, 0, true).await.stable, 2);
}

#[tokio::test]
async fn clients_are_told_of_the_older_transaction_version_if_that_is_asked_for() {
    let broker =
        DevBroker::start(DevBrokerConfig { transaction_version: 1, ..DevBrokerConfig::default() }).await.unwrap();
    let mut client = Client::connect(&broker.bootstrap()).await;
    let answer = client.send(4, &ApiVersionsRequest::default()).await;
    assert_eq!(answer.finalized_features[0].max_version_level, 1);
}

async fn epoch_end(client: &mut Client, topic: &TestTopic, epoch: i32) -> (i16, i32, i64) {
    let wanted =
        OffsetForLeaderPartition::default().with_partition(0).with_current_leader_epoch(-1).with_leader_epoch(epoch);
    let request = OffsetForLeaderEpochRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![
        OffsetForLeaderTopic::default().with_topic(topic_name(&topic.name)).with_partitions(vec![wanted]),
    ]);
    let answer = client.send(4, &request).await;
    let one = &answer.topics[0].partitions[0];
    (one.error_code, one.leader_epoch, one.end_offset)
}

#[tokio::test]
async fn a_log_that_lost_records_says_where_the_epochs_part() {
    let dir = tempfile::tempdir().unwrap();
    for on_disk in [false, true] {
        let dir = on_disk.then(|| dir.path().to_owned());
        let broker = DevBroker::start(DevBrokerConfig { dir, ..DevBrokerConfig::default() }).await.unwrap();
        let mut client = Client::connect(&broker.bootstrap()).await;
        let topic = client.create("lost", 1).await;
        for value in ["a", "b", "c"] {
            client.produce(&topic, 0, batch(&[value, value], Compression::None)).await;
        }
        assert_eq!(epoch_end(&mut client, &topic, 0).await, (0, 0, 6));
        assert_eq!(broker.lose_records(&topic.name, 0, 3).unwrap(), 2);
        assert_eq!(epoch_end(&mut client, &topic, 0).await, (0, 0, 2));
        let answer = client.produce(&topic, 0, batch(&["d"], Compression::None)).await;
        assert_eq!((answer.error_code, answer.base_offset), (0, 2));
        assert_eq!(epoch_end(&mut client, &topic, 0).await, (0, 0, 2));
        assert_eq!(epoch_end(&mut client, &topic, 1).await, (0, 1, 3));
        assert_eq!(epoch_end(&mut client, &topic, 2).await, (0, -1, -1));
        let fetched = client.fetch(&topic, 0, 0).await;
        let found = batches(&fetched.records.unwrap());
        let found: Vec<(i64, i32)> =
            found.iter().map(|(header, _)| (header.base_offset, header.leader_epoch)).collect();
        assert_eq!(found, [(0, 0), (2, 1)]);

        let request = |offset, last_epoch| {
            let mut request = fetch_request(17, &topic, &[(0, offset, 1000)]).with_max_wait_ms(0);
            request.topics[0].partitions[0].last_fetched_epoch = last_epoch;
            request
        };
        let answer = client.send(17, &request(3, 0)).await;
        let diverging = &answer.responses[0].partitions[0].diverging_epoch;
        assert_eq!((diverging.epoch, diverging.end_offset), (0, 2));
        let answer = client.send(17, &request(3, 1)).await;
        assert_eq!(answer.responses[0].partitions[0].diverging_epoch.end_offset, -1);
        let answer = client.send(17, &request(2, 0)).await;
        assert_eq!(batches(answer.responses[0].partitions[0].records.as_ref().unwrap()).len(), 1);
        broker.stop().await;
    }
}

#[tokio::test]
async fn a_transaction_whose_first_records_are_lost_is_not_open_any_more() {
    let broker = DevBroker::start(DevBrokerConfig::default()).await.unwrap();
    let mut client = Client::connect(&broker.bootstrap()).await;
    let topic = client.create("lost", 1).await;
    client.produce(&topic, 0, batch(&["a"], Compression::None)).await;
    let mut producer = Producer::at(&broker.bootstrap(), &unique("tx"), true).await;
    producer.send(&topic, 0, &["b"]).await;
    assert_eq!(see(&mut client, &topic, 0, 0, true).await.stable, 1);
    broker.lose_records(&topic.name, 0, 1).unwrap();
    let seen = see(&mut client, &topic, 0, 0, true).await;
    assert_eq!((seen.end, seen.stable), (1, 1));
    assert!(broker.lose_records("nowhere", 0, 1).is_err());
}
