//! Produce, fetch and offsets, as every Kafka broker answers them.
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
use common::*;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_protocol::messages::{
    BrokerId, DeleteRecordsRequest, InitProducerIdRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest,
    ProducerId as WireProducerId,
};
use milena_kafka::records::{BatchBuilder, BatchHeader, Compression, Level, ProducerId, RecordParts, TimestampType};
use std::time::{Duration, Instant};

const CODECS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

fn code(error: ResponseError) -> i16 {
    error.code()
}

#[tokio::test]
async fn batches_of_all_codecs_come_back_as_they_were_sent() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("codecs", 1).await;
    for (number, codec) in CODECS.into_iter().enumerate() {
        let sent = batch(&["one", "two", "three"], codec);
        let answer = client.produce(&topic, 0, sent.clone()).await;
        let base = i64::try_from(number).unwrap() * 3;
        assert_eq!((answer.error_code, answer.base_offset, answer.log_append_time_ms), (0, base, -1));
        let fetched = client.fetch(&topic, 0, base).await;
        assert_eq!((fetched.error_code, fetched.high_watermark, fetched.log_start_offset), (0, base + 3, 0));
        let found = batches(&fetched.records.unwrap());
        assert_eq!(found.len(), 1);
        let (header, bytes) = &found[0];
        assert_eq!((header.base_offset, header.leader_epoch, header.count), (base, 0, 3));
        assert_eq!(bytes[16..], sent[16..], "{codec:?}: only base offset and leader epoch change");
    }
}

#[tokio::test]
async fn every_version_of_produce_and_fetch_is_served() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("versions", 1).await;
    let mut end = 0;
    for version in 3..=13 {
        let answer = client.produce_as(version, -1, &topic, 0, batch(&["v"], Compression::None)).await;
        assert_eq!((answer.error_code, answer.base_offset), (0, end), "produce version {version}");
        end += 1;
    }
    for version in 4..=18 {
        let fetched = client.fetch_as(version, &topic, 0, 4, 1 << 20, 1 << 20).await;
        assert_eq!((fetched.error_code, fetched.high_watermark), (0, end), "fetch version {version}");
        let bases: Vec<i64> = batches(&fetched.records.unwrap()).iter().map(|(header, _)| header.base_offset).collect();
        assert_eq!(bases, (4..end).collect::<Vec<_>>(), "fetch version {version}");
    }
}

#[tokio::test]
async fn a_parked_fetch_is_answered_by_the_next_record_or_when_its_time_is_over() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("parked", 2).await;
    let mut waiting = target.client().await;
    let request = fetch_request(17, &topic, &[(0, 0, 1000), (1, 0, 1000)]).with_max_wait_ms(20_000);
    waiting.write(17, &request).await;
    let started = Instant::now();
    client.produce(&topic, 1, batch(&["wake"], Compression::None)).await;
    let response = waiting.read::<kafka_protocol::messages::FetchRequest>(17).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(10));
    let lens: Vec<usize> = response.responses[0]
        .partitions
        .iter()
        .map(|partition| partition.records.as_ref().map_or(0, Bytes::len))
        .collect();
    assert!(lens[0] == 0 && lens[1] > 0, "{lens:?}");

    let started = Instant::now();
    let request = fetch_request(17, &topic, &[(0, 0, 1000)]).with_max_wait_ms(150);
    let response = waiting.send(17, &request).await;
    assert!(started.elapsed() >= Duration::from_millis(140));
    assert!(response.responses[0].partitions[0].records.as_ref().is_none_or(Bytes::is_empty));
}

#[tokio::test]
async fn a_fetch_waits_until_min_bytes_are_there() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("minbytes", 1).await;
    let one = batch(&["record"], Compression::None);
    let wanted = i32::try_from(one.len() * 2).unwrap();
    let mut waiting = target.client().await;
    let request = fetch_request(17, &topic, &[(0, 0, 1 << 20)]).with_max_wait_ms(20_000).with_min_bytes(wanted);
    waiting.write(17, &request).await;
    client.produce(&topic, 0, one.clone()).await;
    client.produce(&topic, 0, one).await;
    let response = waiting.read::<kafka_protocol::messages::FetchRequest>(17).await.unwrap();
    assert_eq!(batches(response.responses[0].partitions[0].records.as_ref().unwrap()).len(), 2);
}

#[tokio::test]
async fn byte_limits_hold_except_for_the_first_batch() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("limits", 2).await;
    let large = "x".repeat(5000);
    for partition in [0, 1] {
        for _ in 0..3 {
            client.produce(&topic, partition, batch(&[&large], Compression::None)).await;
        }
    }
    let fetched = client.fetch_as(17, &topic, 0, 0, 100, 1 << 20).await;
    assert_eq!(batches(&fetched.records.unwrap()).len(), 1, "larger than the partition's limit");
    let fetched = client.fetch_as(17, &topic, 0, 0, 1 << 20, 100).await;
    assert_eq!(batches(&fetched.records.unwrap()).len(), 1, "larger than the whole limit");
    let fetched = client.fetch_as(17, &topic, 0, 0, 11_000, 1 << 20).await;
    assert_eq!(batches(&fetched.records.unwrap()).len(), 2);
    let request = fetch_request(17, &topic, &[(0, 0, 1 << 20), (1, 0, 1 << 20)]).with_max_bytes(7000);
    let response = client.send(17, &request).await;
    let whole: usize = response.responses[0]
        .partitions
        .iter()
        .map(|partition| batches(partition.records.as_deref().unwrap_or_default()).len())
        .sum();
    assert_eq!(whole, 1);
}

#[tokio::test]
async fn offsets_outside_the_log_and_unknown_partitions_are_errors() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("range", 1).await;
    client.produce(&topic, 0, batch(&["a"], Compression::None)).await;
    assert_eq!(client.fetch(&topic, 0, 1).await.error_code, 0);
    assert_eq!(client.fetch(&topic, 0, 2).await.error_code, code(ResponseError::OffsetOutOfRange));
    assert_eq!(client.fetch(&topic, 7, 0).await.error_code, code(ResponseError::UnknownTopicOrPartition));
    let gone = TestTopic { name: unique("gone"), id: uuid::Uuid::new_v4() };
    assert_eq!(client.fetch(&gone, 0, 0).await.error_code, code(ResponseError::UnknownTopicId));
    let by_name = client.fetch_as(12, &gone, 0, 0, 100, 100).await;
    assert_eq!(by_name.error_code, code(ResponseError::UnknownTopicOrPartition));
    let answer = client.produce(&topic, 7, batch(&["a"], Compression::None)).await;
    assert_eq!(answer.error_code, code(ResponseError::UnknownTopicOrPartition));
    let answer = client.produce(&gone, 0, batch(&["a"], Compression::None)).await;
    assert_eq!(answer.error_code, code(ResponseError::UnknownTopicId));
}

#[tokio::test]
async fn bad_batches_are_refused_and_nothing_of_them_is_kept() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create_with("bad", 1, &[("max.message.bytes", "1000")]).await;
    let mut broken = batch(&["value"], Compression::None).to_vec();
    *broken.last_mut().unwrap() ^= 1;
    let answer = client.produce(&topic, 0, Bytes::from(broken)).await;
    assert_eq!(answer.error_code, code(ResponseError::CorruptMessage));
    let large = "x".repeat(2000);
    let answer = client.produce(&topic, 0, batch(&[&large], Compression::None)).await;
    assert_eq!(answer.error_code, code(ResponseError::MessageTooLarge));
    let one = batch(&["value"], Compression::None);
    let answer = client.produce(&topic, 0, Bytes::from([one.clone(), one.clone()].concat())).await;
    assert_eq!(answer.error_code, code(ResponseError::InvalidRecord));
    let answer = client.produce_as(13, 2, &topic, 0, one.clone()).await;
    assert_eq!(answer.error_code, code(ResponseError::InvalidRequiredAcks));
    let future = timed_batch(&[(i64::MAX / 4, "later")], Compression::None, None);
    assert_eq!(client.produce(&topic, 0, future).await.error_code, code(ResponseError::InvalidTimestamp));
    assert_eq!(client.produce(&topic, 0, one).await.base_offset, 0);
}

#[tokio::test]
async fn a_produce_without_acks_is_not_answered() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("noacks", 1).await;
    client.write(13, &produce_request(13, 0, &topic, 0, batch(&["a"], Compression::None))).await;
    // The next answer on the connection is that of the next request.
    let answer = client.produce(&topic, 0, batch(&["b"], Compression::None)).await;
    assert_eq!((answer.error_code, answer.base_offset), (0, 1));
}

#[tokio::test]
async fn an_idempotent_producer_may_repeat_but_not_skip() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("idempotent", 1).await;
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(60_000)
        .with_producer_id(WireProducerId(-1))
        .with_producer_epoch(-1);
    let mut response = client.send(4, &request).await;
    for _ in 0..100 {
        // A real broker may still be loading its coordinator.
        if response.error_code == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        response = client.send(4, &request).await;
    }
    let second = client.send(4, &request).await;
    assert_eq!((response.error_code, response.producer_epoch), (0, 0));
    assert_ne!(response.producer_id, second.producer_id);
    let sequenced = |base_sequence| {
        let producer = ProducerId { id: response.producer_id.0, epoch: 0, base_sequence, transactional: false };
        timed_batch(&[(1_700_000_000_000, "a"), (1_700_000_000_000, "b")], Compression::None, Some(producer))
    };
    assert_eq!(client.produce(&topic, 0, sequenced(0)).await.base_offset, 0);
    assert_eq!(client.produce(&topic, 0, sequenced(2)).await.base_offset, 2);
    let repeated = client.produce(&topic, 0, sequenced(0)).await;
    assert_eq!((repeated.error_code, repeated.base_offset), (0, 0));
    let skipped = client.produce(&topic, 0, sequenced(6)).await;
    assert_eq!(skipped.error_code, code(ResponseError::OutOfOrderSequenceNumber));
    assert_eq!(client.produce(&topic, 0, sequenced(4)).await.base_offset, 4);
}

#[tokio::test]
async fn the_brokers_time_is_stamped_where_the_topic_says_so() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create_with("stamped", 1, &[("message.timestamp.type", "LogAppendTime")]).await;
    let sent = timed_batch(&[(5, "old")], Compression::Zstd, None);
    let answer = client.produce(&topic, 0, sent).await;
    assert!(answer.log_append_time_ms > 1_700_000_000_000);
    let fetched = client.fetch(&topic, 0, 0).await;
    let (header, _) = &batches(&fetched.records.unwrap())[0];
    assert_eq!(
        (header.timestamp_type(), header.max_timestamp),
        (TimestampType::LogAppendTime, answer.log_append_time_ms)
    );
}

async fn list(client: &mut Client, topic: &TestTopic, timestamp: i64) -> (i16, i64, i64) {
    let wanted =
        ListOffsetsPartition::default().with_partition_index(0).with_current_leader_epoch(-1).with_timestamp(timestamp);
    let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![
        ListOffsetsTopic::default().with_name(topic_name(&topic.name)).with_partitions(vec![wanted]),
    ]);
    let response = client.send(8, &request).await;
    let found = &response.topics[0].partitions[0];
    (found.error_code, found.offset, found.timestamp)
}

#[tokio::test]
async fn offsets_are_found_by_time_in_all_codecs() {
    let target = target().await;
    let mut client = target.client().await;
    for codec in CODECS {
        let topic = client.create("times", 1).await;
        assert_eq!(list(&mut client, &topic, -3).await, (0, -1, -1), "an empty log has no largest time");
        // Recent enough to be kept, and in the order of a real log.
        let base = 1_800_000_000_000 - 100_000_000_000;
        let times =
            |from: i64| -> Vec<(i64, &'static str)> { (0..3).map(|step| (base + from + step * 10, "v")).collect() };
        client.produce(&topic, 0, timed_batch(&times(0), codec, None)).await;
        client.produce(&topic, 0, timed_batch(&times(100), codec, None)).await;
        assert_eq!(list(&mut client, &topic, -2).await, (0, 0, -1));
        assert_eq!(list(&mut client, &topic, -1).await, (0, 6, -1));
        assert_eq!(list(&mut client, &topic, -3).await, (0, 5, base + 120));
        assert_eq!(list(&mut client, &topic, 0).await, (0, 0, base));
        assert_eq!(list(&mut client, &topic, base + 5).await, (0, 1, base + 10));
        assert_eq!(list(&mut client, &topic, base + 21).await, (0, 3, base + 100));
        assert_eq!(list(&mut client, &topic, base + 121).await, (0, -1, -1));
    }
}

#[tokio::test]
async fn deleted_records_move_the_first_offset() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("deleted", 1).await;
    client.produce(&topic, 0, batch(&["a", "b", "c", "d"], Compression::None)).await;
    let delete = |offset: i64| {
        DeleteRecordsRequest::default().with_timeout_ms(10_000).with_topics(vec![
            DeleteRecordsTopic::default()
                .with_name(topic_name(&topic.name))
                .with_partitions(vec![DeleteRecordsPartition::default().with_partition_index(0).with_offset(offset)]),
        ])
    };
    let response = client.send(2, &delete(2)).await;
    let result = &response.topics[0].partitions[0];
    assert_eq!((result.error_code, result.low_watermark), (0, 2));
    assert_eq!(list(&mut client, &topic, -2).await.1, 2);
    assert_eq!(client.fetch(&topic, 0, 1).await.error_code, code(ResponseError::OffsetOutOfRange));
    let fetched = client.fetch(&topic, 0, 2).await;
    assert_eq!((fetched.error_code, fetched.log_start_offset), (0, 2));
    let response = client.send(2, &delete(9)).await;
    assert_eq!(response.topics[0].partitions[0].error_code, code(ResponseError::OffsetOutOfRange));
    let response = client.send(2, &delete(-1)).await;
    assert_eq!(response.topics[0].partitions[0].low_watermark, 4);
}

#[tokio::test]
async fn the_end_of_the_only_epoch_is_the_end_of_the_log() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("epochs", 1).await;
    client.produce(&topic, 0, batch(&["a", "b"], Compression::None)).await;
    let mut ask = async |current: i32, epoch: i32| {
        let wanted = OffsetForLeaderPartition::default()
            .with_partition(0)
            .with_current_leader_epoch(current)
            .with_leader_epoch(epoch);
        let request = OffsetForLeaderEpochRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![
            OffsetForLeaderTopic::default().with_topic(topic_name(&topic.name)).with_partitions(vec![wanted]),
        ]);
        let response = client.send(4, &request).await;
        let answer = &response.topics[0].partitions[0];
        (answer.error_code, answer.leader_epoch, answer.end_offset)
    };
    assert_eq!(ask(0, 0).await, (0, 0, 2));
    assert_eq!(ask(5, 0).await.0, code(ResponseError::UnknownLeaderEpoch));
    assert_eq!(ask(-1, 9).await, (0, -1, -1));
}

#[tokio::test]
async fn an_incremental_fetch_names_only_what_changed() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("session", 2).await;
    client.produce(&topic, 0, batch(&["a"], Compression::None)).await;
    let full = fetch_request(17, &topic, &[(0, 0, 1000), (1, 0, 1000)]).with_session_epoch(0);
    let response = client.send(17, &full).await;
    let session = response.session_id;
    assert!(session > 0);
    assert_eq!(response.responses[0].partitions.len(), 2);

    let next = |epoch: i32, partitions: &[(i32, i64, i32)]| {
        let mut request = fetch_request(17, &topic, partitions)
            .with_session_id(session)
            .with_session_epoch(epoch)
            .with_max_wait_ms(50);
        if partitions.is_empty() {
            request.topics.clear();
        }
        request
    };
    let response = client.send(17, &next(1, &[(0, 1, 1000)])).await;
    assert_eq!((response.error_code, response.responses.len()), (0, 0), "nothing has changed");
    client.produce(&topic, 1, batch(&["b"], Compression::None)).await;
    let response = client.send(17, &next(2, &[])).await;
    assert_eq!(response.responses[0].partitions.len(), 1);
    assert_eq!(response.responses[0].partitions[0].partition_index, 1);
    let response = client.send(17, &next(9, &[])).await;
    assert_eq!(response.error_code, code(ResponseError::InvalidFetchSessionEpoch));
    let lost = next(1, &[]).with_session_id(session.wrapping_add(1_000_003) & i32::MAX);
    assert_eq!(client.send(17, &lost).await.error_code, code(ResponseError::FetchSessionIdNotFound));
}

#[tokio::test]
async fn a_compacted_topic_takes_no_record_without_a_key() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create_with("keys", 1, &[("cleanup.policy", "compact")]).await;
    for codec in CODECS {
        let mut builder = BatchBuilder::with_capacity(100);
        for key in [Some(b"k".as_slice()), None] {
            let parts = RecordParts { timestamp: 1_700_000_000_000, key, value: Some(b"v"), headers: &[] };
            builder.append(&parts).unwrap();
        }
        let batch = builder.build(codec, Level::default(), None).unwrap();
        let answer = client.produce(&topic, 0, batch).await;
        assert_eq!(answer.error_code, code(ResponseError::InvalidRecord), "{codec:?}");
    }
    let answer = client.produce(&topic, 0, batch(&["a"], Compression::Snappy)).await;
    assert_eq!((answer.error_code, answer.base_offset), (0, 0));
}

#[test]
fn the_test_batches_are_what_they_say() {
    let header = BatchHeader::read(&batch(&["a", "b"], Compression::Gzip)).unwrap();
    assert_eq!((header.count, header.last_offset_delta, header.producer_id), (2, 1, -1));
}
