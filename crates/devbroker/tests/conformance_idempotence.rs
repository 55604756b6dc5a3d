//! Idempotent producers: sequences, epochs and duplicates, as every Kafka broker judges them.
//!
//! Runs against an embedded broker, or against the real one that `MILENA_TEST_BOOTSTRAP` names: both must pass.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use bytes::Bytes;
use common::transactional::{Producer, is_passing, now_ms};
use common::*;
use kafka_protocol::ResponseError as E;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::{DeleteRecordsRequest, InitProducerIdRequest, ProducerId as WireProducerId};
use milena_kafka::records::{Compression, ProducerId};
use std::time::Duration;

async fn new_producer(client: &mut Client) -> i64 {
    let request = InitProducerIdRequest::default()
        .with_transaction_timeout_ms(60_000)
        .with_transactional_id(None)
        .with_producer_id(WireProducerId(-1))
        .with_producer_epoch(-1);
    loop {
        let answer = client.send(4, &request).await;
        if !is_passing(answer.error_code) {
            assert_eq!(answer.error_code, 0);
            return answer.producer_id.0;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn sequenced(id: i64, epoch: i16, base_sequence: i32, count: usize) -> Bytes {
    let records = vec![(now_ms(), "v"); count];
    let producer = ProducerId { id, epoch, base_sequence, transactional: false };
    timed_batch(&records, Compression::None, Some(producer))
}

/// Code and offset.
async fn send(client: &mut Client, topic: &TestTopic, batch: Bytes) -> (i16, i64) {
    let answer = client.produce(topic, 0, batch).await;
    (answer.error_code, answer.base_offset)
}

const OUT_OF_ORDER: (i16, i64) = (45, -1);
const FENCED: (i16, i64) = (47, -1);

#[tokio::test]
async fn the_last_five_batches_may_be_repeated() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("repeated", 1).await;
    let id = new_producer(&mut client).await;
    for sequence in 0..6 {
        let sent = send(&mut client, &topic, sequenced(id, 0, sequence, 1)).await;
        assert_eq!(sent, (0, i64::from(sequence)));
    }
    for sequence in 1..6 {
        let sent = send(&mut client, &topic, sequenced(id, 0, sequence, 1)).await;
        assert_eq!(sent, (0, i64::from(sequence)));
    }
    assert_eq!(send(&mut client, &topic, sequenced(id, 0, 0, 1)).await, OUT_OF_ORDER);
    assert_eq!(send(&mut client, &topic, sequenced(id, 0, 5, 2)).await, OUT_OF_ORDER, "another batch");
    assert_eq!(send(&mut client, &topic, sequenced(id, 0, 6, 1)).await, (0, 6));
}

#[tokio::test]
async fn a_newer_epoch_begins_at_zero_and_fences_the_older_one() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("epochs", 1).await;
    let id = new_producer(&mut client).await;
    assert_eq!(send(&mut client, &topic, sequenced(id, 1, 0, 2)).await, (0, 0));
    assert_eq!(send(&mut client, &topic, sequenced(id, 0, 2, 1)).await, FENCED);
    assert_eq!(send(&mut client, &topic, sequenced(id, 2, 2, 1)).await, OUT_OF_ORDER);
    assert_eq!(send(&mut client, &topic, sequenced(id, 2, 0, 1)).await, (0, 2));
    assert_eq!(send(&mut client, &topic, sequenced(id, 1, 0, 2)).await, FENCED, "no duplicate any more");
}

#[tokio::test]
async fn a_producer_that_is_not_known_may_begin_anywhere_and_sequences_wrap_around() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("wraps", 1).await;
    let id = new_producer(&mut client).await;
    assert_eq!(send(&mut client, &topic, sequenced(id, 0, i32::MAX - 2, 2)).await, (0, 0));
    assert_eq!(send(&mut client, &topic, sequenced(id, 0, i32::MAX, 2)).await, (0, 2));
    assert_eq!(send(&mut client, &topic, sequenced(id, 0, i32::MAX, 2)).await, (0, 2));
    assert_eq!(send(&mut client, &topic, sequenced(id, 0, 2, 1)).await, OUT_OF_ORDER);
    assert_eq!(send(&mut client, &topic, sequenced(id, 0, 1, 1)).await, (0, 4));
}

#[tokio::test]
async fn a_producer_is_known_even_when_its_records_are_deleted() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("deleted", 1).await;
    let id = new_producer(&mut client).await;
    assert_eq!(send(&mut client, &topic, sequenced(id, 0, 0, 2)).await, (0, 0));
    let one = DeleteRecordsPartition::default().with_partition_index(0).with_offset(-1);
    let delete = DeleteRecordsRequest::default()
        .with_timeout_ms(10_000)
        .with_topics(vec![DeleteRecordsTopic::default().with_name(topic_name(&topic.name)).with_partitions(vec![one])]);
    assert_eq!(client.send(2, &delete).await.topics[0].partitions[0].low_watermark, 2);
    assert_eq!(send(&mut client, &topic, sequenced(id, 0, 5, 1)).await, OUT_OF_ORDER);
    assert_eq!(send(&mut client, &topic, sequenced(id, 0, 0, 2)).await, (0, 0));
    assert_eq!(send(&mut client, &topic, sequenced(id, 0, 2, 1)).await, (0, 2));
}

#[tokio::test]
async fn identities_that_cannot_be_are_refused() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("identities", 1).await;
    let id = new_producer(&mut client).await;
    assert_eq!(send(&mut client, &topic, sequenced(id, 0, -1, 1)).await.0, E::InvalidRecord.code());
    assert_eq!(send(&mut client, &topic, sequenced(id, -1, 0, 1)).await, (0, 0), "nobody looks at the epoch");
    let id_of_nobody = 1_000_000_000 + id;
    assert_eq!(send(&mut client, &topic, sequenced(id_of_nobody, 0, 0, 1)).await, (0, 1));
}

#[tokio::test]
async fn a_transaction_of_version_2_begins_at_zero_where_its_producer_is_not_known() {
    let target = target().await;
    let mut client = target.client().await;
    for v2 in [false, true] {
        let topic = client.create("begins", 1).await;
        let mut producer = Producer::new(&target, &unique("tx"), v2).await;
        if !v2 {
            assert_eq!(producer.add(&topic, &[0]).await, [0]);
        }
        let late = producer.batch(3, &["late"]);
        let (code, _) = producer.send_batch(if v2 { 13 } else { 11 }, &topic, 0, late).await;
        assert_eq!(code, if v2 { E::OutOfOrderSequenceNumber.code() } else { 0 });
        producer.sequence = if v2 { 0 } else { 4 };
        producer.send(&topic, 0, &["a"]).await;
        assert_eq!(producer.end(true).await, 0);
    }
}
