use std::collections::BTreeSet;
use std::time::Duration;

use milena_kafka::consumer::{Polled, StartOffset};
use milena_kafka::producer::{Append, ProducerRecord};
use milena_kafka::records::TimestampType;

use crate::support::*;

type Case<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, &'a [(&'a str, Option<&'a [u8]>)]);
type Owned = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>, Option<i64>);

#[tokio::test]
async fn records_come_back_as_they_went_in_all_codecs() {
    let bootstrap = bootstrap!();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = topic(&bootstrap, 1, &[]).await;
        let (producer, _) = producer(&bootstrap, &[("compression.type", codec)]);
        let big = vec![b'b'; 40_000];
        let cases: [Case<'_>; 4] = [
            (Some(b"key"), Some(b"value"), &[("a", Some(b"1")), ("a", None)]),
            (None, None, &[]),
            (Some(b""), Some(b""), &[("", Some(b""))]),
            (None, Some(&big), &[("ü", Some(b"\xff"))]),
        ];
        for (index, (key, value, headers)) in cases.iter().enumerate() {
            let sent = producer.send(&topic, None, Some(1000 + index as i64), *key, *value, headers).await.unwrap();
            assert_eq!((sent.partition, sent.offset, sent.timestamp), (0, Some(index as i64), 1000 + index as i64));
        }
        producer.close(PATIENCE).await.unwrap();

        let mut consumer = consumer(&bootstrap, &[]);
        consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
        let mut read: Vec<Owned> = Vec::new();
        while read.len() < cases.len() {
            let Polled::Records(batches) = next(&mut consumer).await else { continue };
            for batch in batches {
                assert_eq!(batch.timestamp_type, TimestampType::CreateTime);
                assert_eq!(batch.records().count(), batch.count());
                for view in batch.records() {
                    let bytes = |part: Option<&[u8]>| part.map(|part| batch.slice(part).to_vec());
                    let headers = view.headers().map(|(key, value)| (key.to_owned(), bytes(value))).collect();
                    read.push((bytes(view.key), bytes(view.value), headers, view.timestamp));
                }
            }
        }
        for (index, (key, value, headers)) in cases.iter().enumerate() {
            let headers = headers.iter().map(|(key, value)| ((*key).to_owned(), value.map(<[u8]>::to_vec))).collect();
            let expected = (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec), headers, Some(1000 + index as i64));
            assert_eq!(read[index], expected, "{codec}");
        }
        consumer.close(PATIENCE).await;
    }
}

#[tokio::test]
async fn every_tag_comes_back_once_and_order_holds_per_partition() {
    let bootstrap = bootstrap!();
    for settings in [
        &[("max.in.flight.requests.per.connection", "1"), ("enable.idempotence", "false")][..],
        &[("max.in.flight.requests.per.connection", "5"), ("compression.type", "lz4")],
        // Without sequence numbers, a batch that a broker refuses at first may come behind a later one unless one is in flight, as in Java.
        &[
            ("acks", "1"),
            ("max.in.flight.requests.per.connection", "1"),
            ("buffer.memory", "65536"),
            ("batch.size", "4096"),
        ],
    ] {
        const COUNT: u64 = 20_000;
        let topic = topic(&bootstrap, 3, &[]).await;
        let (producer, mut completions) = producer(&bootstrap, settings);
        assert_eq!(producer.ensure_topic(&topic).await.unwrap(), 3);
        let mut tag = 0;
        while tag < COUNT {
            let mut appender = producer.begin().await.unwrap();
            while tag < COUNT {
                let value = tag.to_string();
                let key = (tag % 7).to_string();
                let record = ProducerRecord {
                    topic: &topic,
                    partition: None,
                    timestamp: None,
                    key: (tag % 2 == 0).then_some(key.as_bytes()),
                    value: Some(value.as_bytes()),
                    headers: &[],
                };
                match appender.append(&record, tag).unwrap() {
                    Append::Appended => tag += 1,
                    Append::Full => break,
                    Append::UnknownTopic => panic!("the topic is known"),
                }
            }
        }
        producer.flush().await.unwrap();
        let mut tags = BTreeSet::new();
        while let Some(completion) = completions.try_next() {
            assert!(completion.result.unwrap().base_offset >= 0);
            for tag in completion.tags.iter() {
                assert!(tags.insert(tag), "tag {tag} came twice");
            }
        }
        assert_eq!(tags.len() as u64, COUNT, "a flush waits for everything");
        producer.close(PATIENCE).await.unwrap();

        let mut consumer = consumer(&bootstrap, &[]);
        consumer.assign((0..3).map(|partition| (at(&topic, partition), StartOffset::Earliest)).collect());
        let mut read = read(&mut consumer, COUNT as usize).await;
        let used: BTreeSet<i32> = read.iter().map(|(partition, ..)| *partition).collect();
        assert_eq!(used.len(), 3, "records without key go everywhere");
        read.sort_by_key(|(partition, offset, _)| (*partition, *offset));
        for pair in read.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            let [a, b] = [&pair[0].2, &pair[1].2].map(|value| value.parse::<u64>().unwrap());
            assert!(a < b, "{a} before {b} with {settings:?}");
        }
    }
}

#[tokio::test]
async fn a_batch_that_is_too_large_for_the_topic_goes_in_parts() {
    let bootstrap = bootstrap!();
    let topic = topic(&bootstrap, 1, &[("max.message.bytes", "2000")]).await;
    let (producer, mut completions) = producer(&bootstrap, &[("linger.ms", "1000"), ("enable.idempotence", "true")]);
    producer.ensure_topic(&topic).await.unwrap();
    {
        let mut appender = producer.begin().await.unwrap();
        for tag in 0..20 {
            let value = vec![b'a' + tag as u8; 400];
            let record = ProducerRecord {
                topic: &topic,
                partition: Some(0),
                timestamp: Some(7),
                key: None,
                value: Some(&value),
                headers: &[],
            };
            assert_eq!(appender.append(&record, tag).unwrap(), Append::Appended);
        }
    }
    producer.flush().await.unwrap();
    let mut tags = Vec::new();
    while let Some(completion) = completions.try_next() {
        let base = completion.result.unwrap().base_offset;
        assert_eq!(base, tags.len() as i64);
        tags.extend(completion.tags.iter());
    }
    assert_eq!(tags, (0..20).collect::<Vec<_>>());

    // One record that is too large by itself fails, and nothing else does.
    let error = producer.send(&topic, None, None, None, Some(&[b'x'; 5000]), &[]).await.unwrap_err();
    assert_eq!(error.code(), Some(milena_kafka::ErrorCode::MESSAGE_TOO_LARGE), "{error}");
    let after = producer.send(&topic, None, None, None, Some(b"small"), &[]).await.unwrap();
    assert_eq!(after.offset, Some(20));
}

#[tokio::test]
async fn a_record_larger_than_a_request_is_refused_by_name() {
    let bootstrap = bootstrap!();
    let topic = topic(&bootstrap, 1, &[]).await;
    let (producer, _) = producer(&bootstrap, &[("max.request.size", "1000")]);
    let error = producer.send(&topic, None, None, None, Some(&[0; 2000]), &[]).await.unwrap_err();
    assert!(error.to_string().contains("max.request.size"), "{error}");
    assert_eq!(error.java_class(), "org.apache.kafka.common.errors.RecordTooLargeException");
}

#[tokio::test]
async fn without_acks_nothing_is_waited_for_but_records_arrive() {
    let bootstrap = bootstrap!();
    let topic = topic(&bootstrap, 1, &[]).await;
    let (producer, _) = producer(&bootstrap, &[("acks", "0")]);
    for _ in 0..3 {
        assert_eq!(producer.send(&topic, None, None, None, Some(b"v"), &[]).await.unwrap().offset, None);
    }
    let mut consumer = consumer(&bootstrap, &[]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    assert_eq!(read(&mut consumer, 3).await.len(), 3);
}

#[tokio::test]
async fn an_unreachable_broker_fails_records_by_their_deadline() {
    // Nobody listens where a listener was just dropped.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let bootstrap = format!("127.0.0.1:{port}");
    let (producer, _) = producer(&bootstrap, &[("max.block.ms", "300")]);
    let started = std::time::Instant::now();
    let error = producer.send("nowhere", None, None, None, None, &[]).await.unwrap_err();
    assert!(error.is_retriable(), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10));
    producer.close(Duration::from_secs(1)).await.unwrap();
}
