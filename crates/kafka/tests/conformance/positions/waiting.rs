//! Fetches that wait for records.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kafka_protocol::messages::{ApiKey, FetchResponse};
use milena_kafka::config::ConsumerConfig;
use milena_kafka::consumer::{Consumer, Polled, StartOffset};
use tokio::net::TcpListener;

use crate::fake_broker::{FakeBroker, Reply, body, metadata};
use crate::support::{Harness, PATIENCE, at, next, produce, properties, read, rule};

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

const KEYS: &[(ApiKey, i16, i16)] = &[(ApiKey::Metadata, 0, 13), (ApiKey::Fetch, 4, 12)];

rule!(a_long_fetch_that_still_connects_is_given_up_for_another: dev; fault);
async fn a_long_fetch_that_still_connects_is_given_up_for_another(_: Harness) {
    // A server that takes connections and never says a word: where the leader seems to be for a while.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let away = Arc::new(AtomicBool::new(false));
    let [leader, other] =
        [TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap()];
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    let (silent_port, leader_port, other_port) = (port(&silent), port(&leader), port(&other));
    let leader = FakeBroker::on(leader, KEYS, |asked| {
        // Not as fast as it can.
        std::thread::sleep(Duration::from_millis(5));
        Reply::Body(body(&FetchResponse::default(), asked.version))
    });
    let is_away = Arc::clone(&away);
    let other = FakeBroker::on(other, KEYS, move |asked| {
        let leader = if is_away.load(Ordering::SeqCst) { silent_port } else { leader_port };
        Reply::Body(body(&metadata(asked, &[(1, leader), (2, other_port)]), asked.version))
    });
    let pairs = [("enable.auto.commit", "false"), ("metadata.max.age.ms", "100")];
    let config = ConsumerConfig::from_properties(&properties(&other.address(), &pairs)).unwrap();
    let mut consumer = Consumer::new(config).unwrap();
    consumer.assign(vec![(at("t", 0), StartOffset::Offset(0))]);
    let mut poll_until = async |done: &dyn Fn() -> bool| {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < PATIENCE);
            assert!(matches!(consumer.poll(Duration::from_millis(10)).await.unwrap(), Polled::Empty));
        }
    };
    // By then fetches may wait long.
    poll_until(&|| leader.asked().len() > 20).await;
    away.store(true, Ordering::SeqCst);
    let connecting = AtomicBool::new(false);
    let accepted = async {
        let stream = silent.accept().await.unwrap();
        connecting.store(true, Ordering::SeqCst);
        stream
    };
    let is_connecting = || connecting.load(Ordering::SeqCst);
    let (_stream, ()) = tokio::join!(accepted, poll_until(&is_connecting));
    away.store(false, Ordering::SeqCst);
    let (refreshed, fetched) = (other.asked().len(), leader.asked().len());
    poll_until(&|| other.asked().len() > refreshed + 2).await;
    assert_eq!(leader.asked().len(), fetched);
    let start = Instant::now();
    consumer.seek(&at("t", 0), 5);
    while leader.asked().len() == fetched {
        assert!(start.elapsed() < Duration::from_secs(5), "it waits for the connection");
        assert!(matches!(consumer.poll(Duration::from_millis(10)).await.unwrap(), Polled::Empty));
    }
}
