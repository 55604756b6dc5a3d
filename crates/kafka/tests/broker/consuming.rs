use std::collections::BTreeMap;
use std::time::Duration;

use milena_kafka::Error;
use milena_kafka::consumer::{OffsetAndMetadata, Polled, StartOffset};
use milena_kafka::records::TimestampType;

use crate::support::*;

#[tokio::test]
async fn polls_are_limited_and_seeks_go_both_ways() {
    let bootstrap = bootstrap!();
    let topic = topic(&bootstrap, 1, &[]).await;
    write(&bootstrap, &topic, 0, 0..1000).await;
    let mut consumer = consumer(&bootstrap, &[("max.poll.records", "70")]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Offset(10))]);
    let Polled::Records(batches) = next(&mut consumer).await else { panic!("records are there") };
    assert_eq!(batches.iter().map(|batch| batch.count()).sum::<usize>(), 70);
    assert_eq!(consumer.position(&at(&topic, 0)), Some(80));
    for target in [990, 3, 500] {
        consumer.seek(&at(&topic, 0), target);
        let records = read(&mut consumer, 10).await;
        for (step, (_, offset, value)) in records.iter().take(10).enumerate() {
            assert_eq!((*offset, value.parse()), (target + step as i64, Ok(target + step as i64)));
        }
    }
}

#[tokio::test]
async fn a_paused_partition_hands_out_nothing_and_goes_on_where_it_was() {
    let bootstrap = bootstrap!();
    let topic = topic(&bootstrap, 2, &[]).await;
    for partition in 0..2 {
        write(&bootstrap, &topic, partition, 0..300).await;
    }
    let mut consumer = consumer(&bootstrap, &[("max.poll.records", "10")]);
    consumer.assign((0..2).map(|partition| (at(&topic, partition), StartOffset::Earliest)).collect());
    let both = [at(&topic, 0), at(&topic, 1)];
    // Positions are found for paused ones too; otherwise one could be read to its end before the other has its position.
    consumer.pause(&both);
    while both.iter().any(|at| consumer.position(at).is_none()) {
        consumer.poll(Duration::from_millis(10)).await.unwrap();
    }
    consumer.resume(&both);
    read(&mut consumer, 10).await;
    consumer.pause(&both[..1]);
    let position = consumer.position(&at(&topic, 0)).unwrap();
    let first = consumer.position(&at(&topic, 1)).unwrap();
    let others = read(&mut consumer, 300 - usize::try_from(first).unwrap()).await;
    assert!(others.iter().all(|(partition, ..)| *partition == 1));
    assert_eq!(consumer.position(&at(&topic, 0)), Some(position));
    consumer.resume(&[at(&topic, 0)]);
    let rest = read(&mut consumer, usize::try_from(300 - position).unwrap()).await;
    assert_eq!(rest.first().map(|(partition, offset, _)| (*partition, *offset)), Some((0, position)));
    assert_eq!(rest.last().map(|(_, offset, _)| *offset), Some(299));
}

#[tokio::test]
async fn positions_out_of_range_are_reset_as_the_policy_says() {
    let bootstrap = bootstrap!();
    let topic = topic(&bootstrap, 1, &[]).await;
    write(&bootstrap, &topic, 0, 0..100).await;
    let admin = admin(&bootstrap);
    assert_eq!(admin.delete_records(&at(&topic, 0), 40).await.unwrap(), 40);
    for (policy, start, expected) in [("earliest", 5, 40), ("earliest", 5000, 40), ("by_duration:PT1H", 5, 40)] {
        let mut consumer = consumer(&bootstrap, &[("auto.offset.reset", policy)]);
        consumer.assign(vec![(at(&topic, 0), StartOffset::Offset(start))]);
        assert_eq!(
            read(&mut consumer, 1).await.first().map(|(_, offset, _)| *offset),
            Some(expected),
            "{policy} {start}"
        );
    }
    let mut latest = consumer(&bootstrap, &[("auto.offset.reset", "latest")]);
    latest.assign(vec![(at(&topic, 0), StartOffset::Offset(5))]);
    while latest.position(&at(&topic, 0)) != Some(100) {
        assert!(matches!(latest.poll(Duration::from_millis(100)).await.unwrap(), Polled::Empty));
    }
    let mut none = consumer(&bootstrap, &[("auto.offset.reset", "none")]);
    none.assign(vec![(at(&topic, 0), StartOffset::Offset(5))]);
    let error = loop {
        match none.poll(PATIENCE).await {
            Ok(Polled::Empty) => {}
            Ok(event) => panic!("{event:?}"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::NoOffset { out_of_range: true, .. }), "{error:?}");
    none.seek(&at(&topic, 0), 99);
    assert_eq!(read(&mut none, 1).await, [(0, 99, "99".to_owned())]);
}

#[tokio::test]
async fn starts_by_time_and_at_the_end_find_their_place() {
    let bootstrap = bootstrap!();
    let topic = topic(&bootstrap, 1, &[("message.timestamp.type", "LogAppendTime")]).await;
    write(&bootstrap, &topic, 0, 0..10).await;
    let mut consumer = consumer(&bootstrap, &[]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Timestamp(1))]);
    let Polled::Records(batches) = next(&mut consumer).await else { panic!("records are there") };
    assert_eq!(batches[0].timestamp_type, TimestampType::LogAppendTime);
    let times: Vec<_> = batches[0].records().map(|view| view.timestamp).collect();
    assert!(times.iter().all(|time| *time == times[0] && time.is_some()));

    consumer.assign(vec![(at(&topic, 0), StartOffset::Latest)]);
    while consumer.position(&at(&topic, 0)).is_none() {
        assert!(matches!(consumer.poll(Duration::from_millis(10)).await.unwrap(), Polled::Empty));
    }
    write(&bootstrap, &topic, 0, 10..11).await;
    assert_eq!(read(&mut consumer, 1).await, [(0, 10, "10".to_owned())]);
}

#[tokio::test]
async fn a_wakeup_ends_a_poll_at_once_and_only_one() {
    let bootstrap = bootstrap!();
    let topic = topic(&bootstrap, 1, &[]).await;
    let mut consumer = consumer(&bootstrap, &[]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    let wakeup = consumer.wakeup_handle();
    let (polled, ()) = tokio::join!(consumer.poll(PATIENCE), async {
        tokio::task::yield_now().await;
        wakeup.wakeup();
        wakeup.wakeup();
    });
    assert!(matches!(polled.unwrap(), Polled::Woken));
    assert!(matches!(consumer.poll(Duration::from_millis(50)).await.unwrap(), Polled::Empty));
}

#[tokio::test]
async fn commits_work_outside_a_group_and_are_where_the_next_start_begins() {
    let bootstrap = bootstrap!();
    let topic = topic(&bootstrap, 1, &[]).await;
    write(&bootstrap, &topic, 0, 0..50).await;
    let group = unique("group");
    let mut first = consumer(&bootstrap, &[("group.id", &group)]);
    first.assign(vec![(at(&topic, 0), StartOffset::Committed)]);
    assert_eq!(read(&mut first, 1).await[0].1, 0);
    let offsets = BTreeMap::from([(at(&topic, 0), OffsetAndMetadata::new(20))]);
    first.commit_sync(&offsets).await.unwrap();
    first.close(PATIENCE).await;
    let mut second = consumer(&bootstrap, &[("group.id", &group)]);
    second.assign(vec![(at(&topic, 0), StartOffset::Committed)]);
    assert_eq!(read(&mut second, 1).await[0].1, 20);

    let mut alone = consumer(&bootstrap, &[]);
    let error = alone.commit_async(&offsets).await.unwrap_err();
    assert!(error.to_string().contains("group.id"), "{error}");
}

#[tokio::test]
async fn a_first_batch_larger_than_the_limits_is_still_read() {
    let bootstrap = bootstrap!();
    let topic = topic(&bootstrap, 1, &[]).await;
    let (producer, _) = producer(&bootstrap, &[]);
    producer.send(&topic, None, None, None, Some(&vec![b'x'; 500_000]), &[]).await.unwrap();
    let mut consumer = consumer(&bootstrap, &[("max.partition.fetch.bytes", "1000"), ("fetch.max.bytes", "1000")]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    assert_eq!(read(&mut consumer, 1).await[0].2.len(), 500_000);
}
