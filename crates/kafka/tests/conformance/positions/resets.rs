//! Where reading begins, and what happens to positions that are gone.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use milena_kafka::Error;
use milena_kafka::consumer::{Consumer, OffsetAndMetadata, Polled, StartOffset};

use crate::support::{Harness, PATIENCE, at, next, read, rule, unique};

/// Polls until there is an error.
pub async fn failure(consumer: &mut Consumer) -> Error {
    let polling = async {
        loop {
            match consumer.poll(Duration::from_secs(1)).await {
                Ok(Polled::Records(batches)) => panic!("{} batches instead of an error", batches.len()),
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    };
    tokio::time::timeout(PATIENCE, polling).await.unwrap()
}

/// Polls until a partition's position is known.
async fn position(consumer: &mut Consumer, topic: &str) -> i64 {
    let polling = async {
        loop {
            consumer.pause(&[at(topic, 0)]);
            if let Some(position) = consumer.position(&at(topic, 0)) {
                consumer.resume(&[at(topic, 0)]);
                return position;
            }
            assert!(matches!(consumer.poll(Duration::from_millis(10)).await.unwrap(), Polled::Empty));
        }
    };
    tokio::time::timeout(PATIENCE, polling).await.unwrap()
}

rule!(a_position_out_of_range_is_reset_as_the_policy_says: dev, real, secure);
async fn a_position_out_of_range_is_reset_as_the_policy_says(on: Harness) {
    let topic = on.topic(1, &[]).await;
    on.write(&topic, 0, 0..100).await;
    assert_eq!(on.admin(&[]).delete_records(&at(&topic, 0), 40).await.unwrap(), 40);
    for (policy, start) in
        [("earliest", 5), ("earliest", 5000), ("earliest", 101), ("by_duration:PT1H", 5), ("by_duration:PT1H", 5000)]
    {
        let mut consumer = on.consumer(&[("auto.offset.reset", policy)]);
        consumer.assign(vec![(at(&topic, 0), StartOffset::Offset(start))]);
        let first = read(&mut consumer, 1).await.into_iter().next().unwrap();
        assert_eq!((first.1, first.2.as_str()), (40, "40"), "{policy} from {start}");
    }
    for start in [5, 5000] {
        let mut latest = on.consumer(&[("auto.offset.reset", "latest")]);
        latest.assign(vec![(at(&topic, 0), StartOffset::Offset(start))]);
        while latest.position(&at(&topic, 0)) != Some(100) {
            assert!(matches!(latest.poll(Duration::from_millis(20)).await.unwrap(), Polled::Empty), "from {start}");
        }
    }
    // The end itself is in range.
    let mut none = on.consumer(&[("auto.offset.reset", "none")]);
    none.assign(vec![(at(&topic, 0), StartOffset::Offset(100))]);
    assert!(matches!(none.poll(Duration::from_millis(300)).await.unwrap(), Polled::Empty));
    assert_eq!(none.position(&at(&topic, 0)), Some(100));
}

rule!(without_a_policy_an_error_names_partition_and_offset_until_somebody_seeks: dev, real);
async fn without_a_policy_an_error_names_partition_and_offset_until_somebody_seeks(on: Harness) {
    let topic = on.topic(1, &[]).await;
    on.write(&topic, 0, 0..100).await;
    on.admin(&[]).delete_records(&at(&topic, 0), 40).await.unwrap();
    for start in [5, 5000] {
        let mut consumer = on.consumer(&[("auto.offset.reset", "none")]);
        consumer.assign(vec![(at(&topic, 0), StartOffset::Offset(start))]);
        for _ in 0..2 {
            let error = failure(&mut consumer).await;
            assert!(matches!(error, Error::NoOffset { out_of_range: true, .. }), "{error:?}");
            let text = error.to_string();
            assert!(text.contains(&format!("{topic}-0")) && text.contains(&format!("offset {start}")), "{text}");
            assert_eq!(error.java_class(), "org.apache.kafka.clients.consumer.OffsetOutOfRangeException");
        }
        consumer.seek(&at(&topic, 0), 99);
        assert_eq!(read(&mut consumer, 1).await, [(0, 99, "99".to_owned())]);
    }
    let group = unique("group");
    let mut nothing = on.consumer(&[("auto.offset.reset", "none"), ("group.id", &group)]);
    nothing.assign(vec![(at(&topic, 0), StartOffset::Committed)]);
    for _ in 0..2 {
        let error = failure(&mut nothing).await;
        assert_eq!(error.java_class(), "org.apache.kafka.clients.consumer.NoOffsetForPartitionException", "{error}");
        assert!(error.to_string().contains(&format!("{topic}-0")), "{error}");
    }
}

rule!(without_a_committed_offset_the_policy_says_where_reading_begins: dev, real);
async fn without_a_committed_offset_the_policy_says_where_reading_begins(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let (producer, _completions) = on.producer(&[]);
    for age_minutes in [180, 120, 60, 30, 10] {
        let timestamp = now - age_minutes * 60_000;
        producer.send(&topic, Some(0), Some(timestamp), None, Some(b"old"), &[]).await.unwrap();
    }
    for (policy, expected) in [
        ("earliest", 0),
        ("latest", 5),
        ("by_duration:PT90M", 2),
        ("by_duration:PT40M", 3),
        ("by_duration:P1D", 0),
        // No record is that young: the end.
        ("by_duration:PT1M", 5),
    ] {
        let mut consumer = on.consumer(&[("auto.offset.reset", policy), ("group.id", &unique("group"))]);
        consumer.assign(vec![(at(&topic, 0), StartOffset::Committed)]);
        assert_eq!(position(&mut consumer, &topic).await, expected, "{policy}");
    }
    for (start, expected) in [
        (StartOffset::Earliest, 0),
        (StartOffset::Latest, 5),
        (StartOffset::Timestamp(now - 45 * 60_000), 3),
        (StartOffset::Timestamp(now), 5),
        (StartOffset::Offset(4), 4),
    ] {
        let mut consumer = on.consumer(&[("auto.offset.reset", "none")]);
        consumer.assign(vec![(at(&topic, 0), start)]);
        assert_eq!(position(&mut consumer, &topic).await, expected, "{start:?}");
    }
    // Who begins at the end reads what is written from then on.
    let mut latest = on.consumer(&[]);
    latest.assign(vec![(at(&topic, 0), StartOffset::Latest)]);
    assert_eq!(position(&mut latest, &topic).await, 5);
    producer.send(&topic, Some(0), None, None, Some(b"new"), &[]).await.unwrap();
    assert_eq!(read(&mut latest, 1).await, [(0, 5, "new".to_owned())]);
}

rule!(committed_offsets_are_where_reading_goes_on_with_the_epoch_of_what_was_read: dev, real);
async fn committed_offsets_are_where_reading_goes_on_with_the_epoch_of_what_was_read(on: Harness) {
    let topic = on.topic(1, &[]).await;
    on.write(&topic, 0, 0..50).await;
    let group = unique("group");
    let pairs = [("group.id", group.as_str()), ("enable.auto.commit", "true"), ("max.poll.records", "20")];
    let mut first = on.consumer(&pairs);
    first.assign(vec![(at(&topic, 0), StartOffset::Committed)]);
    assert_eq!(read(&mut first, 1).await.len(), 20);
    first.close(PATIENCE).await;

    let mut second = on.consumer(&pairs);
    let committed = second.committed(&[at(&topic, 0)]).await.unwrap();
    let place = committed.get(&at(&topic, 0)).map(|of| (of.offset, of.leader_epoch));
    assert_eq!(place, Some((20, Some(0))));
    second.assign(vec![(at(&topic, 0), StartOffset::Committed)]);
    assert_eq!(read(&mut second, 1).await[0].1, 20);
    // A committed offset that is gone is out of range like any other.
    let gone = BTreeMap::from([(at(&topic, 0), OffsetAndMetadata::new(5))]);
    second.commit_sync(&gone).await.unwrap();
    on.admin(&[]).delete_records(&at(&topic, 0), 30).await.unwrap();
    let mut third = on.consumer(&pairs);
    third.assign(vec![(at(&topic, 0), StartOffset::Committed)]);
    assert_eq!(read(&mut third, 1).await[0].1, 30);
}

rule!(a_topic_that_was_deleted_and_made_anew_is_read_from_its_beginning: dev, real);
async fn a_topic_that_was_deleted_and_made_anew_is_read_from_its_beginning(on: Harness) {
    let topic = on.topic(1, &[]).await;
    on.write(&topic, 0, 0..20).await;
    let mut consumer = on.consumer(&[("metadata.max.age.ms", "1000"), ("allow.auto.create.topics", "false")]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    assert_eq!(read(&mut consumer, 20).await.len(), 20);
    on.admin(&[]).delete_topic(&topic).await.unwrap();
    on.make_anew(&topic).await;
    // More records than the position is high, so that only the topic's id tells.
    on.write(&topic, 0, 0..40).await;
    let records = read(&mut consumer, 40).await;
    let offsets: Vec<i64> = records.iter().map(|(_, offset, _)| *offset).collect();
    assert_eq!(offsets, (0..40).collect::<Vec<_>>());
    assert!(records.iter().all(|(_, offset, value)| *value == offset.to_string()));
}

rule!(seeks_go_both_ways_and_drop_what_was_fetched: dev, real, secure);
async fn seeks_go_both_ways_and_drop_what_was_fetched(on: Harness) {
    let topic = on.topic(1, &[]).await;
    on.write(&topic, 0, 0..1000).await;
    let mut consumer = on.consumer(&[("max.poll.records", "70")]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Offset(10))]);
    let Polled::Records(batches) = next(&mut consumer).await else { panic!("records are there") };
    assert_eq!(batches.iter().map(|batch| batch.count()).sum::<usize>(), 70);
    assert_eq!(consumer.position(&at(&topic, 0)), Some(80));
    for target in [990, 3, 500, 999] {
        consumer.seek(&at(&topic, 0), target);
        assert_eq!(consumer.position(&at(&topic, 0)), Some(target));
        for (step, (_, offset, value)) in read(&mut consumer, 1).await.iter().enumerate() {
            assert_eq!((*offset, value.parse()), (target + step as i64, Ok(target + step as i64)));
        }
    }
}

rule!(a_paused_partition_hands_out_nothing_and_goes_on_where_it_was: dev, real);
async fn a_paused_partition_hands_out_nothing_and_goes_on_where_it_was(on: Harness) {
    let topic = on.topic(2, &[]).await;
    for partition in 0..2 {
        on.write(&topic, partition, 0..300).await;
    }
    let mut consumer = on.consumer(&[("max.poll.records", "10")]);
    consumer.assign((0..2).map(|partition| (at(&topic, partition), StartOffset::Earliest)).collect());
    // Positions are found for paused ones too; otherwise one could be read to its end before the other has its position.
    let both = [at(&topic, 0), at(&topic, 1)];
    consumer.pause(&both);
    while both.iter().any(|at| consumer.position(at).is_none()) {
        assert!(matches!(consumer.poll(Duration::from_millis(10)).await.unwrap(), Polled::Empty));
    }
    consumer.resume(&both);
    assert_eq!(read(&mut consumer, 10).await.len(), 10);
    consumer.pause(&both[..1]);
    let position = consumer.position(&at(&topic, 0)).unwrap();
    let first = consumer.position(&at(&topic, 1)).unwrap();
    let others = read(&mut consumer, 300 - usize::try_from(first).unwrap()).await;
    assert!(others.iter().all(|(partition, ..)| *partition == 1));
    assert_eq!(consumer.position(&at(&topic, 0)), Some(position));
    consumer.resume(&[at(&topic, 0)]);
    let rest = read(&mut consumer, usize::try_from(300 - position).unwrap()).await;
    let offsets: Vec<i64> = rest.iter().map(|(_, offset, _)| *offset).collect();
    assert_eq!(offsets, (position..300).collect::<Vec<_>>());
}
