//! Batches and records that are too large, records that a broker refuses, codecs, and what comes back.

use milena_kafka::ErrorCode;
use milena_kafka::consumer::{Polled, StartOffset};
use milena_kafka::producer::Append;
use milena_kafka::records::TimestampType;

use super::support::{append, assert_exact, ends, record};
use crate::support::{Harness, PATIENCE, at, next, rule};

rule!(a_batch_that_is_too_large_goes_in_parts_and_a_record_that_is_fails_alone: dev, real, secure);
async fn a_batch_that_is_too_large_goes_in_parts_and_a_record_that_is_fails_alone(on: Harness) {
    for idempotent in ["true", "false"] {
        let topic = on.topic(1, &[("max.message.bytes", "500")]).await;
        let (producer, mut completions) = on.producer(&[("linger.ms", "50"), ("enable.idempotence", idempotent)]);
        append(&producer, &topic, 1, 0..2000).await;
        producer.flush().await.unwrap();
        for end in ends(&mut completions, 2000).await {
            end.result.unwrap();
        }
        let error = producer.send(&topic, Some(0), None, None, Some(&[b'x'; 800]), &[]).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::MESSAGE_TOO_LARGE), "{error}");
        append(&producer, &topic, 1, 2000..3000).await;
        producer.flush().await.unwrap();
        for end in ends(&mut completions, 1000).await {
            end.result.unwrap();
        }
        producer.close(PATIENCE).await.unwrap();
        assert_exact(&on, &topic, 1, 3000).await;
    }
}

rule!(a_record_larger_than_a_request_or_the_memory_is_refused_by_name: dev, real);
async fn a_record_larger_than_a_request_or_the_memory_is_refused_by_name(on: Harness) {
    let topic = on.topic(1, &[]).await;
    for key in ["max.request.size", "buffer.memory"] {
        let (producer, _) = on.producer(&[(key, "1000")]);
        let error = producer.send(&topic, None, None, None, Some(&[0; 2000]), &[]).await.unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
        assert_eq!(error.java_class(), "org.apache.kafka.common.errors.RecordTooLargeException");
        producer.send(&topic, None, None, None, Some(&[0; 200]), &[]).await.unwrap();
        producer.close(PATIENCE).await.unwrap();
    }
}

rule!(records_at_fault_are_named_and_those_beside_them_say_so: dev, real, secure);
async fn records_at_fault_are_named_and_those_beside_them_say_so(on: Harness) {
    // A compacted topic takes no record without key.
    let topic = on.topic(1, &[("cleanup.policy", "compact")]).await;
    let (producer, mut completions) = on.producer(&[("linger.ms", "100")]);
    producer.ensure_topic(&topic).await.unwrap();
    {
        let mut appender = producer.begin().await.unwrap();
        for tag in 0..6 {
            let key = (tag != 2 && tag != 4).then_some(b"key".as_slice());
            let appended =
                appender.append(&milena_kafka::producer::ProducerRecord { key, ..record(&topic, 0, b"v") }, tag);
            assert_eq!(appended.unwrap(), Append::Appended);
        }
    }
    producer.flush().await.unwrap();
    let mut named = Vec::new();
    for end in ends(&mut completions, 6).await {
        let error = end.result.unwrap_err();
        assert!(!end.maybe_written, "{error}");
        if error.code() == Some(ErrorCode::INVALID_RECORD) {
            named.extend(end.tags.iter());
        } else {
            assert!(error.to_string().contains("part of a batch"), "{error}");
        }
    }
    named.sort_unstable();
    assert_eq!(named, [2, 4]);
    // The next batch of an idempotent producer goes on where the log ends.
    let sent = producer.send(&topic, Some(0), None, Some(b"key"), Some(b"v"), &[]).await.unwrap();
    assert_eq!(sent.offset, Some(0));
    producer.close(PATIENCE).await.unwrap();
}

rule!(every_codec_at_every_end_of_its_levels_is_read_back: dev, real);
async fn every_codec_at_every_end_of_its_levels_is_read_back(on: Harness) {
    let codecs: [(&str, &[(&str, &str)]); 9] = [
        ("none", &[]),
        ("snappy", &[]),
        ("gzip", &[("compression.gzip.level", "1")]),
        ("gzip", &[("compression.gzip.level", "9")]),
        ("lz4", &[("compression.lz4.level", "1")]),
        ("lz4", &[("compression.lz4.level", "17")]),
        ("zstd", &[("compression.zstd.level", "-100")]),
        ("zstd", &[("compression.zstd.level", "3")]),
        ("zstd", &[("compression.zstd.level", "22")]),
    ];
    for (codec, settings) in codecs {
        let topic = on.topic(1, &[]).await;
        let mut all = vec![("compression.type", codec), ("linger.ms", "20")];
        all.extend(settings);
        let (producer, mut completions) = on.producer(&all);
        append(&producer, &topic, 1, 0..3000).await;
        producer.flush().await.unwrap();
        for end in ends(&mut completions, 3000).await {
            end.result.unwrap();
        }
        producer.close(PATIENCE).await.unwrap();
        assert_exact(&on, &topic, 1, 3000).await;
    }
}

type Written<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, &'a [(&'a str, Option<&'a [u8]>)]);
type Read = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>, Option<i64>);

rule!(keys_values_headers_and_times_come_back_as_they_went: dev, real, secure);
async fn keys_values_headers_and_times_come_back_as_they_went(on: Harness) {
    let big = vec![b'b'; 40_000];
    let cases: [Written<'_>; 4] = [
        (Some(b"key"), Some(b"value"), &[("a", Some(b"1")), ("a", None)]),
        (None, None, &[]),
        (Some(b""), Some(b""), &[("", Some(b""))]),
        (None, Some(&big), &[("ü", Some(b"\xff"))]),
    ];
    let owned = |part: &[u8]| part.to_vec();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = on.topic(1, &[]).await;
        let (producer, _) = on.producer(&[("compression.type", codec)]);
        let mut expected: Vec<Read> = Vec::new();
        for (place, (key, value, headers)) in (0..).zip(&cases) {
            let time = 1000 + place;
            let sent = producer.send(&topic, None, Some(time), *key, *value, headers).await.unwrap();
            assert_eq!((sent.partition, sent.offset, sent.timestamp), (0, Some(place), time), "{codec}");
            let headers = headers.iter().map(|(key, value)| ((*key).to_owned(), value.map(owned))).collect();
            expected.push((key.map(owned), value.map(owned), headers, Some(time)));
        }
        producer.close(PATIENCE).await.unwrap();

        let mut consumer = on.consumer(&[]);
        consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
        let mut read: Vec<Read> = Vec::new();
        while read.len() < cases.len() {
            let Polled::Records(batches) = next(&mut consumer).await else { continue };
            for batch in batches {
                assert_eq!(batch.timestamp_type, TimestampType::CreateTime);
                assert_eq!(batch.records().count(), batch.count());
                for view in batch.records() {
                    let bytes = |part: Option<&[u8]>| part.map(|part| batch.slice(part).to_vec());
                    let text = |key| String::from_utf8_lossy(key).into_owned();
                    let headers = view.headers().map(|(key, value)| (text(key), bytes(value))).collect();
                    read.push((bytes(view.key), bytes(view.value), headers, view.timestamp));
                }
            }
        }
        assert_eq!(read, expected, "{codec}");
    }
}

rule!(compressed_batches_are_filled_by_what_they_become: dev, real);
async fn compressed_batches_are_filled_by_what_they_become(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let (producer, mut completions) =
        on.producer(&[("compression.type", "zstd"), ("batch.size", "4000"), ("linger.ms", "1000")]);
    producer.ensure_topic(&topic).await.unwrap();
    let value = [b'x'; 1000];
    let (mut written, mut most) = (0, 0);
    // Three records fit uncompressed; the hope grows with every batch.
    while most <= 10 && written < 20_000 {
        {
            let mut appender = producer.begin().await.unwrap();
            for tag in 0..40 {
                assert_eq!(appender.append(&record(&topic, 0, &value), tag).unwrap(), Append::Appended);
            }
        }
        producer.flush().await.unwrap();
        most = ends(&mut completions, 40).await.iter().map(|end| end.tags.len()).max().unwrap();
        written += 40;
    }
    assert!(most > 10, "{most}");
    producer.close(PATIENCE).await.unwrap();
    let mut consumer = on.consumer(&[]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    let mut count = 0;
    while count < written {
        let Polled::Records(batches) = next(&mut consumer).await else { continue };
        for batch in batches {
            assert!(batch.records().all(|view| view.value == Some(&value)));
            count += batch.count();
        }
    }
}
