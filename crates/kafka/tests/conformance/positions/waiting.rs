//! Fetches that wait for records.

use std::time::{Duration, Instant};

use milena_kafka::config::ConsumerConfig;
use milena_kafka::consumer::{Consumer, Polled, StartOffset};

use crate::support::{Harness, at, next, produce, read, rule};

/// A consumer that lets brokers wait as long as it sees fit.
fn patient(on: &Harness) -> Consumer {
    let pairs = [("enable.auto.commit", "false"), ("auto.offset.reset", "earliest")];
    Consumer::new(ConsumerConfig::from_properties(&on.properties(&pairs)).unwrap()).unwrap()
}

async fn idle(consumer: &mut Consumer, time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        assert!(matches!(consumer.poll(Duration::from_millis(200)).await.unwrap(), Polled::Empty));
    }
}

rule!(a_fetch_that_waits_long_delays_neither_records_nor_seeks_nor_partitions: dev, real);
async fn a_fetch_that_waits_long_delays_neither_records_nor_seeks_nor_partitions(on: Harness) {
    let topic = on.topic(3, &[]).await;
    on.write(&topic, 0, 0..10).await;
    on.write(&topic, 1, 0..10).await;
    let mut consumer = patient(&on);
    let starts = [(0, StartOffset::Latest), (1, StartOffset::Offset(10)), (2, StartOffset::Earliest)];
    consumer.assign(starts.map(|(partition, start)| (at(&topic, partition), start)).to_vec());
    let (producer, mut completions) = on.producer(&[]);
    producer.ensure_topic(&topic).await.unwrap();
    // By then fetches wait for seconds.
    idle(&mut consumer, Duration::from_secs(9)).await;

    let start = Instant::now();
    consumer.seek(&at(&topic, 1), 3);
    assert_eq!(read(&mut consumer, 7).await.first().map(|(partition, offset, _)| (*partition, *offset)), Some((1, 3)));
    let seek = start.elapsed();

    idle(&mut consumer, Duration::from_secs(9)).await;
    let start = Instant::now();
    produce(&producer, &mut completions, &topic, 2, 0..1).await;
    assert_eq!(read(&mut consumer, 1).await, [(2, 0, "0".to_owned())]);
    let record = start.elapsed();

    idle(&mut consumer, Duration::from_secs(9)).await;
    let start = Instant::now();
    consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    assert_eq!(read(&mut consumer, 10).await.len(), 10);
    let assigned = start.elapsed();

    consumer.pause(&[at(&topic, 0)]);
    let start = Instant::now();
    consumer.resume(&[at(&topic, 0)]);
    produce(&producer, &mut completions, &topic, 0, 0..1).await;
    next(&mut consumer).await;
    let resumed = start.elapsed();
    let all = [seek, record, assigned, resumed];
    assert!(all.iter().all(|time| *time < Duration::from_millis(700)), "seek, record, assign, resume: {all:?}");
}

rule!(a_wakeup_ends_a_poll_at_once_and_only_one: dev, real);
async fn a_wakeup_ends_a_poll_at_once_and_only_one(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let mut consumer = on.consumer(&[]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    let wakeup = consumer.wakeup_handle();
    let start = Instant::now();
    let (polled, ()) = tokio::join!(consumer.poll(Duration::from_secs(60)), async {
        tokio::task::yield_now().await;
        wakeup.wakeup();
        wakeup.wakeup();
    });
    assert!(matches!(polled.unwrap(), Polled::Woken));
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(matches!(consumer.poll(Duration::from_millis(50)).await.unwrap(), Polled::Empty));
}
