//! What a topic's configuration makes of batches, and topics that come and go, as every Kafka broker has it.
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
use common::transactional::{Producer, now_ms, see, settled};
use common::*;
use kafka_protocol::ResponseError as E;
use kafka_protocol::messages::DeleteTopicsRequest;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use milena_kafka::records::{
    BatchBuilder, BatchHeader, Compression, HEADER_LEN, Level, ProducerId, RecordIter, RecordParts, TimestampType,
};
use std::time::Duration;
use uuid::Uuid;

const CODECS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

fn today(values: &[&str], codec: Compression, producer: Option<ProducerId>) -> Bytes {
    let now = now_ms();
    let records: Vec<(i64, &str)> = values.iter().zip(0..).map(|(value, step)| (now + step, *value)).collect();
    timed_batch(&records, codec, producer)
}

/// Offset, timestamp and value of every record.
fn records(header: &BatchHeader, batch: &[u8]) -> Vec<(i64, i64, String)> {
    let stored = &batch[HEADER_LEN..];
    let plain = match header.compression().unwrap() {
        Compression::None => stored.to_vec(),
        codec => codec.decompress(stored).unwrap(),
    };
    let mut records = RecordIter::new(header, &plain);
    let mut found = Vec::new();
    while let Some(record) = records.next_checked() {
        let record = record.unwrap();
        let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
        found.push((record.offset, record.timestamp.unwrap(), value));
    }
    found
}

#[tokio::test]
async fn a_topic_with_a_codec_has_all_batches_in_it() {
    let target = target().await;
    let mut client = target.client().await;
    for (name, wanted) in [
        ("zstd", Compression::Zstd),
        ("gzip", Compression::Gzip),
        ("lz4", Compression::Lz4),
        ("snappy", Compression::Snappy),
        ("uncompressed", Compression::None),
    ] {
        let topic = client.create_with("codec", 1, &[("compression.type", name)]).await;
        for (number, sent) in CODECS.into_iter().enumerate() {
            let base = i64::try_from(number).unwrap() * 2;
            let producer = ProducerId {
                id: 900_000_000,
                epoch: 0,
                base_sequence: i32::try_from(base).unwrap(),
                transactional: false,
            };
            let batch = today(&["one", "two"], sent, Some(producer));
            let before = records(&BatchHeader::read(&batch).unwrap(), &batch);
            let answer = client.produce(&topic, 0, batch.clone()).await;
            assert_eq!((answer.error_code, answer.base_offset), (0, base), "{name} from {sent:?}");
            let fetched = client.fetch(&topic, 0, base).await;
            let (header, bytes) = &batches(&fetched.records.unwrap())[0];
            assert_eq!(header.compression().unwrap(), wanted, "{name} from {sent:?}");
            assert_eq!((header.base_offset, header.count, header.last_offset_delta), (base, 2, 1));
            assert_eq!((header.producer_id, header.base_sequence), (producer.id, producer.base_sequence));
            assert_eq!(header.timestamp_type(), TimestampType::CreateTime);
            let expected: Vec<_> =
                before.into_iter().map(|(offset, time, value)| (offset + base, time, value)).collect();
            assert_eq!(records(header, bytes), expected, "{name} from {sent:?}");
            assert_eq!(header.max_timestamp, expected[1].1);
            if sent == wanted {
                assert_eq!(bytes[16..], batch[16..], "nothing to do");
            }
            assert_eq!(client.produce(&topic, 0, batch).await.base_offset, base, "a duplicate");
        }
    }
}

#[tokio::test]
async fn the_brokers_time_and_codec_go_together() {
    let target = target().await;
    let mut client = target.client().await;
    let configs = [("compression.type", "zstd"), ("message.timestamp.type", "LogAppendTime")];
    let topic = client.create_with("both", 1, &configs).await;
    for codec in CODECS {
        let before = now_ms();
        let answer = client.produce(&topic, 0, timed_batch(&[(5, "a"), (7, "b")], codec, None)).await;
        assert_eq!(answer.error_code, 0);
        assert!((before - 1000..=now_ms() + 1000).contains(&answer.log_append_time_ms));
        let fetched = client.fetch(&topic, 0, answer.base_offset).await;
        let (header, bytes) = &batches(&fetched.records.unwrap())[0];
        assert_eq!(header.compression().unwrap(), Compression::Zstd);
        assert_eq!(header.timestamp_type(), TimestampType::LogAppendTime);
        assert_eq!(header.max_timestamp, answer.log_append_time_ms);
        let times: Vec<i64> = records(header, bytes).into_iter().map(|(_, time, _)| time).collect();
        assert_eq!(times, [answer.log_append_time_ms; 2]);
    }
}

#[tokio::test]
async fn markers_are_not_compressed() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create_with("markers", 1, &[("compression.type", "zstd")]).await;
    let mut producer = Producer::new(&target, &unique("tx"), true).await;
    producer.send(&topic, 0, &["a"]).await;
    assert_eq!(producer.end(false).await, 0);
    settled(&mut client, &topic, 0, 2).await;
    let fetched = client.fetch(&topic, 0, 0).await;
    let found = batches(&fetched.records.unwrap());
    assert_eq!(found[0].0.compression().unwrap(), Compression::Zstd);
    assert!(found[0].0.is_transactional() && found[1].0.is_control());
    assert_eq!(found[1].0.compression().unwrap(), Compression::None);
    assert_eq!(see(&mut client, &topic, 0, 0, true).await.aborted, Some(vec![(producer.producer_id, 0)]));
}

#[tokio::test]
async fn batches_are_measured_as_they_come_and_as_they_are_kept() {
    let target = target().await;
    let mut client = target.client().await;
    let large = "x".repeat(1000);
    let topic = client.create_with("large", 1, &[("max.message.bytes", "500")]).await;
    let plain = client.produce(&topic, 0, today(&[&large], Compression::None, None)).await;
    assert_eq!(plain.error_code, E::MessageTooLarge.code());
    assert_eq!(client.produce(&topic, 0, today(&[&large], Compression::Zstd, None)).await.error_code, 0);
    let configs = [("max.message.bytes", "500"), ("compression.type", "uncompressed")];
    let topic = client.create_with("large", 1, &configs).await;
    let grown = client.produce(&topic, 0, today(&[&large], Compression::Zstd, None)).await;
    assert_eq!(grown.error_code, E::MessageTooLarge.code());
}

#[tokio::test]
async fn times_out_of_range_are_refused_record_by_record() {
    let target = target().await;
    let mut client = target.client().await;
    let configs = [("message.timestamp.before.max.ms", "3600000"), ("message.timestamp.after.max.ms", "3600000")];
    let topic = client.create_with("range", 1, &configs).await;
    let now = now_ms();
    let hours = |hours: i64| now + hours * 3_600_000;
    for codec in [Compression::None, Compression::Zstd] {
        let batch = timed_batch(&[(now, "a"), (hours(2), "b"), (hours(-2), "c"), (now, "d")], codec, None);
        let answer = client.produce(&topic, 0, batch).await;
        assert_eq!(answer.error_code, E::InvalidTimestamp.code());
        let errors: Vec<i32> = answer.record_errors.iter().map(|one| one.batch_index).collect();
        assert_eq!(errors, [1, 2], "{:?}", answer.error_message);
    }
    let answer =
        client.produce(&topic, 0, timed_batch(&[(now, "a"), (now - 1000, "b")], Compression::None, None)).await;
    assert_eq!((answer.error_code, answer.record_errors.len()), (0, 0));
}

#[tokio::test]
async fn records_without_a_key_are_refused_by_name_in_a_compacted_topic() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create_with("keys", 1, &[("cleanup.policy", "compact")]).await;
    let mut builder = BatchBuilder::with_capacity(256);
    for key in [Some(b"k".as_slice()), None, Some(b"l".as_slice()), None] {
        builder.append(&RecordParts { timestamp: now_ms(), key, value: Some(b"v"), headers: &[] }).unwrap();
    }
    let batch = builder.build(Compression::None, Level::default(), None).unwrap();
    let answer = client.produce(&topic, 0, batch).await;
    assert_eq!(answer.error_code, E::InvalidRecord.code());
    let errors: Vec<i32> = answer.record_errors.iter().map(|one| one.batch_index).collect();
    assert_eq!(errors, [1, 3]);
    let reason = answer.record_errors[0].batch_index_error_message.as_ref().unwrap();
    assert!(reason.starts_with("Compacted topic cannot accept message without key"), "{}", reason.as_str());
    assert_eq!(client.fetch(&topic, 0, 0).await.high_watermark, 0);
}

#[tokio::test]
async fn a_topic_that_was_deleted_and_made_again_is_another_one() {
    let target = target().await;
    let mut client = target.client().await;
    let old = client.create("again", 1).await;
    assert_eq!(client.produce(&old, 0, today(&["a"], Compression::None, None)).await.error_code, 0);
    let state = DeleteTopicState::default().with_name(None).with_topic_id(old.id);
    let request = DeleteTopicsRequest::default().with_topics(vec![state]).with_timeout_ms(10_000);
    let answer = client.send(6, &request).await;
    assert_eq!((answer.responses[0].error_code, answer.responses[0].topic_id), (0, old.id));
    let mut gone = client.fetch(&old, 0, 0).await.error_code;
    for _ in 0..500 {
        if gone != 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        gone = client.fetch(&old, 0, 0).await.error_code;
    }
    assert_eq!(gone, E::UnknownTopicId.code());
    let answer = client.send(6, &request).await;
    assert_eq!(answer.responses[0].error_code, E::UnknownTopicId.code());

    let new = client.create_named(&old.name, 1, &[]).await;
    assert_ne!(new.id, old.id);
    let answer = client.produce(&old, 0, today(&["b"], Compression::None, None)).await;
    assert_eq!((answer.error_code, answer.base_offset), (E::UnknownTopicId.code(), -1));
    assert_eq!(client.fetch(&old, 0, 0).await.error_code, E::UnknownTopicId.code());
    let unknown = TestTopic { id: Uuid::new_v4(), ..new.clone() };
    assert_eq!(client.fetch(&unknown, 0, 0).await.error_code, E::UnknownTopicId.code());
    assert_eq!(client.produce(&new, 0, today(&["c"], Compression::None, None)).await.base_offset, 0);
    // By name the new one is found.
    assert_eq!(client.produce_as(12, -1, &old, 0, today(&["d"], Compression::None, None)).await.base_offset, 1);
    assert_eq!(client.fetch_as(12, &old, 0, 0, 1 << 20, 1 << 20).await.high_watermark, 2);
}

#[tokio::test]
async fn a_fetch_session_tells_of_a_topic_that_is_deleted() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("session", 1).await;
    let full = fetch_request(17, &topic, &[(0, 0, 1000)]).with_session_epoch(0).with_max_wait_ms(0);
    let session = client.send(17, &full).await.session_id;
    let state = DeleteTopicState::default().with_name(Some(topic_name(&topic.name)));
    let request = DeleteTopicsRequest::default().with_topics(vec![state]).with_timeout_ms(10_000);
    assert_eq!(client.send(6, &request).await.responses[0].error_code, 0);
    for epoch in 1..500 {
        let next = full.clone().with_session_id(session).with_session_epoch(epoch).with_topics(vec![]);
        let answer = client.send(17, &next).await;
        assert_eq!(answer.error_code, 0);
        if let Some(topic) = answer.responses.first() {
            // The session remembers which name the id stood for.
            assert_eq!(topic.partitions[0].error_code, E::UnknownTopicOrPartition.code());
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nothing is told");
}

#[tokio::test]
async fn acks_that_do_not_exist_are_refused() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("acks", 1).await;
    let answer = client.produce_as(9, 2, &topic, 0, today(&["a"], Compression::None, None)).await;
    assert_eq!((answer.error_code, answer.base_offset), (E::InvalidRequiredAcks.code(), -1));
}
