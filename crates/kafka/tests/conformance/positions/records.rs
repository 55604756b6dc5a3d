//! What of a log is handed out.

use std::time::Duration;

use milena_kafka::consumer::{Polled, StartOffset};
use milena_kafka::records::TimestampType;

use crate::support::{Harness, PATIENCE, at, next, read, rule, unique};

rule!(the_log_append_time_is_the_time_of_every_record_of_a_batch: dev, real);
async fn the_log_append_time_is_the_time_of_every_record_of_a_batch(on: Harness) {
    let topic = on.topic(1, &[("message.timestamp.type", "LogAppendTime")]).await;
    on.write(&topic, 0, 0..10).await;
    let mut consumer = on.consumer(&[]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    let Polled::Records(batches) = next(&mut consumer).await else { panic!("records are there") };
    for batch in &batches {
        assert_eq!(batch.timestamp_type, TimestampType::LogAppendTime);
        let times: Vec<_> = batch.records().map(|view| view.timestamp).collect();
        assert!(times.iter().all(|time| *time == times[0] && time.is_some()), "{times:?}");
    }
}

rule!(a_first_batch_larger_than_the_limits_is_still_read: dev, real);
async fn a_first_batch_larger_than_the_limits_is_still_read(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let (producer, _completions) = on.producer(&[]);
    for letter in [b'x', b'y'] {
        producer.send(&topic, Some(0), None, None, Some(&vec![letter; 500_000]), &[]).await.unwrap();
    }
    let limits = [("max.partition.fetch.bytes", "1000"), ("fetch.max.bytes", "1000")];
    let mut consumer = on.consumer(&limits);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    let records = read(&mut consumer, 2).await;
    assert!(records[0].2.starts_with('x') && records[1].2.starts_with('y'));
    assert!(records.iter().all(|(_, _, value)| value.len() == 500_000));
}

rule!(every_codec_is_read_with_every_size_of_poll: dev, real);
async fn every_codec_is_read_with_every_size_of_poll(on: Harness) {
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = on.topic(1, &[]).await;
        let (producer, mut completions) = on.producer(&[("compression.type", codec), ("linger.ms", "20")]);
        crate::support::produce(&producer, &mut completions, &topic, 0, 0..500).await;
        for records in ["1", "7", "1000"] {
            let mut consumer = on.consumer(&[("max.poll.records", records)]);
            consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
            let all = read(&mut consumer, 500).await;
            let expected: Vec<_> = (0..500).map(|n: i64| (0, n, n.to_string())).collect();
            assert_eq!(all, expected, "{codec}, {records} at a time");
        }
    }
}

rule!(positions_move_past_what_compaction_has_removed: dev, real);
async fn positions_move_past_what_compaction_has_removed(on: Harness) {
    let configs = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("max.compaction.lag.ms", "100"),
        ("delete.retention.ms", "100"),
    ];
    let topic = on.topic(1, &configs).await;
    let (producer, _completions) = on.producer(&[]);
    for round in 0..20 {
        let key = format!("key-{}", round % 2);
        producer.send(&topic, Some(0), None, Some(key.as_bytes()), Some(b"value"), &[]).await.unwrap();
    }
    // Cleaned from time to time, up to the segment that is written to.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(90);
    let offsets = loop {
        for _ in 0..10 {
            producer.send(&topic, Some(0), None, Some(b"filler"), Some(&vec![0; 500_000]), &[]).await.unwrap();
        }
        let mut consumer = on.consumer(&[]);
        consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
        let end = on.end(&topic).await;
        let mut offsets = Vec::new();
        while consumer.position(&at(&topic, 0)) != Some(end) {
            if let Polled::Records(batches) = consumer.poll(Duration::from_secs(1)).await.unwrap() {
                offsets.extend(batches.iter().flat_map(|batch| batch.records().map(|view| view.offset)));
            }
        }
        if !offsets.contains(&0) {
            break offsets;
        }
        assert!(tokio::time::Instant::now() < deadline, "nothing was compacted of {} records", offsets.len());
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    assert!(offsets.is_sorted() && offsets.contains(&18) && offsets.contains(&19), "{offsets:?}");
    // From inside a gap.
    let mut consumer = on.consumer(&[("auto.offset.reset", "none")]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Offset(3))]);
    assert_eq!(
        read(&mut consumer, 1).await.first().map(|(_, offset, _)| *offset),
        offsets.iter().find(|o| **o >= 3).copied()
    );
}

rule!(records_of_aborted_transactions_are_left_out_and_positions_move_past_them: dev, real, secure);
async fn records_of_aborted_transactions_are_left_out_and_positions_move_past_them(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let id = unique("transaction");
    let (producer, _completions) = on.producer(&[("transactional.id", &id), ("enable.idempotence", "true")]);
    producer.init_transactions().await.unwrap();
    let mut expected = Vec::new();
    // Offsets 0 to 2 and a marker, and so on; every other transaction is aborted, the last one too.
    for transaction in 0..6 {
        producer.begin_transaction().unwrap();
        for step in 0..3 {
            let value = format!("{transaction}-{step}");
            producer.send(&topic, Some(0), None, None, Some(value.as_bytes()), &[]).await.unwrap();
            if transaction % 2 == 0 {
                expected.push((0, transaction * 4 + step, value));
            }
        }
        match transaction % 2 {
            0 => producer.commit_transaction().await.unwrap(),
            _ => producer.abort_transaction().await.unwrap(),
        }
    }
    let (plain, _completions) = on.producer(&[]);
    plain.send(&topic, Some(0), None, None, Some(b"plain"), &[]).await.unwrap();
    expected.push((0, 24, "plain".to_owned()));
    for records in ["1", "2", "500"] {
        let pairs = [("isolation.level", "read_committed"), ("max.poll.records", records)];
        let mut consumer = on.consumer(&pairs);
        consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
        assert_eq!(read(&mut consumer, expected.len()).await, expected, "{records} at a time");
        assert_eq!(consumer.position(&at(&topic, 0)), Some(25));
        // From inside an aborted transaction.
        consumer.seek(&at(&topic, 0), 5);
        assert_eq!(read(&mut consumer, 1).await.first().map(|(_, offset, _)| *offset), Some(8));
    }
    let mut all = on.consumer(&[]);
    all.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    assert_eq!(read(&mut all, 19).await.len(), 19);
    assert_eq!(all.position(&at(&topic, 0)), Some(25));

    // An open transaction holds back what is behind it, and the end of the log with it.
    producer.begin_transaction().unwrap();
    producer.send(&topic, Some(0), None, None, Some(b"open"), &[]).await.unwrap();
    plain.send(&topic, Some(0), None, None, Some(b"behind"), &[]).await.unwrap();
    let mut committed = on.consumer(&[("isolation.level", "read_committed"), ("auto.offset.reset", "latest")]);
    committed.assign(vec![(at(&topic, 0), StartOffset::Latest)]);
    assert!(matches!(committed.poll(Duration::from_millis(500)).await.unwrap(), Polled::Empty));
    assert_eq!(committed.position(&at(&topic, 0)), Some(25));
    producer.abort_transaction().await.unwrap();
    assert_eq!(read(&mut committed, 1).await, [(0, 26, "behind".to_owned())]);
    producer.close(PATIENCE).await.unwrap();
}
