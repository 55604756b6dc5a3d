//! Fetches that fail, and brokers that die.

use std::time::Duration;

use milena_devbroker::{Api, Fault, FaultAction};
use milena_kafka::consumer::{Polled, StartOffset};

use crate::support::{Harness, at, produce, read, rule};

rule!(refused_sessions_and_passing_errors_of_a_fetch_lose_and_repeat_nothing: dev; fault);
async fn refused_sessions_and_passing_errors_of_a_fetch_lose_and_repeat_nothing(on: Harness) {
    let topic = on.topic(2, &[]).await;
    let (producer, mut completions) = on.producer(&[]);
    let mut consumer = on.consumer(&[]);
    consumer.assign((0..2).map(|partition| (at(&topic, partition), StartOffset::Earliest)).collect());
    // Session not found, wrong epoch, topic ids of a session, unknown topic id, not leader, storage, fenced, unknown epoch, unknown error.
    let codes = [70, 71, 106, 100, 6, 56, 74, 75, 78, -1];
    let actions = codes.map(FaultAction::Error).into_iter().chain([FaultAction::Drop, FaultAction::ApplyThenDrop]);
    for (round, action) in (0u32..).zip(actions) {
        on.dev_broker().faults().next(Api::Fetch, 2, action);
        on.dev_broker().faults().add(Fault::on(Api::Fetch, action).partition(&topic, 1));
        for partition in 0..2 {
            produce(&producer, &mut completions, &topic, partition, round * 5..(round + 1) * 5).await;
        }
        let mut records = read(&mut consumer, 10).await;
        records.sort();
        let first = i64::from(round) * 5;
        let expected = (0..2).flat_map(|p| (first..first + 5).map(move |n| (p, n, n.to_string())));
        let mut expected: Vec<_> = expected.collect();
        expected.sort();
        assert_eq!(records, expected, "{action:?}");
    }
}

rule!(a_partition_that_is_refused_for_good_is_an_error_and_the_others_are_read: dev; fault);
async fn a_partition_that_is_refused_for_good_is_an_error_and_the_others_are_read(on: Harness) {
    let topic = on.topic(1, &[]).await;
    on.write(&topic, 0, 0..10).await;
    let mut consumer = on.consumer(&[]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Offset(0))]);
    // TOPIC_AUTHORIZATION_FAILED.
    on.dev_broker().faults().add(Fault::on(Api::Fetch, FaultAction::Error(29)).partition(&topic, 0));
    let error = super::resets::failure(&mut consumer).await;
    assert_eq!(error.code().map(|code| code.name()), Some("TOPIC_AUTHORIZATION_FAILED"), "{error}");
    assert_eq!(read(&mut consumer, 10).await.len(), 10);
}

rule!(offsets_are_looked_up_until_a_leader_answers: dev; fault);
async fn offsets_are_looked_up_until_a_leader_answers(on: Harness) {
    let topic = on.topic(1, &[]).await;
    on.write(&topic, 0, 0..10).await;
    // Not leader, offset not available, leader not available, unknown leader epoch, storage error.
    for code in [6, 78, 5, 75, 56] {
        on.dev_broker().faults().next(Api::ListOffsets, 2, FaultAction::Error(code));
        on.dev_broker().faults().next(Api::ListOffsets, 1, FaultAction::Drop);
        let mut consumer = on.consumer(&[]);
        consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
        assert_eq!(read(&mut consumer, 10).await.len(), 10, "code {code}");
        assert_eq!(on.dev_broker().faults().pending(), 0);
    }
}

rule!(connections_that_are_cut_lose_and_repeat_nothing: proxy; fault);
async fn connections_that_are_cut_lose_and_repeat_nothing(on: Harness) {
    let topic = on.topic(2, &[]).await;
    for partition in 0..2 {
        on.write(&topic, partition, 0..5000).await;
    }
    let mut consumer = on.consumer(&[("max.partition.fetch.bytes", "5000"), ("max.poll.records", "100")]);
    consumer.assign((0..2).map(|partition| (at(&topic, partition), StartOffset::Earliest)).collect());
    let mut all = Vec::new();
    while all.len() < 10_000 {
        all.extend(read(&mut consumer, 1000.min(10_000 - all.len())).await);
        on.proxied().cut().unwrap();
        on.proxied().mend().unwrap();
    }
    all.sort_by_key(|(partition, offset, _)| (*partition, *offset));
    let expected: Vec<_> = (0..2)
        .flat_map(|partition| (0..5000).map(move |offset: i64| (partition, offset, offset.to_string())))
        .collect();
    assert!(all == expected, "{} records", all.len());
}

/// Writes and reads while the broker is killed and frozen; every record once, in order.
async fn through_outages(mut on: Harness, records: u32, kills: usize, freezes: usize) {
    let topic = on.topic(1, &[]).await;
    let idempotent =
        [("enable.idempotence", "true"), ("delivery.timeout.ms", "600000"), ("request.timeout.ms", "5000")];
    let (producer, mut completions) = on.producer(&idempotent);
    let name = topic.clone();
    let outages = u32::try_from(kills + freezes).unwrap() + 1;
    let writer = tokio::spawn(async move {
        for part in 0..outages * 4 {
            let (from, to) = (records / (outages * 4) * part, records / (outages * 4) * (part + 1));
            produce(&producer, &mut completions, &name, 0, from..to).await;
        }
        records / (outages * 4) * outages * 4
    });
    let mut consumer = on.consumer(&[("request.timeout.ms", "5000"), ("max.poll.records", "5000")]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<u32>();
    let (progress, mut progressed) = tokio::sync::watch::channel(0);
    let reader = tokio::spawn(async move {
        let mut next = 0;
        let mut end = None;
        while end != Some(next) {
            if let Ok(all) = stopped.try_recv() {
                end = Some(i64::from(all));
                continue;
            }
            let Polled::Records(batches) = consumer.poll(Duration::from_millis(200)).await.unwrap() else { continue };
            for batch in batches {
                for view in batch.records() {
                    let value = std::str::from_utf8(view.value.unwrap()).unwrap().parse::<i64>().unwrap();
                    assert_eq!((view.offset, value), (next, next), "each record once and in its place");
                    next += 1;
                }
            }
            progress.send_replace(next);
        }
    });
    for outage in 0..kills + freezes {
        let share = i64::from(records) * i64::try_from(outage).unwrap() / i64::from(outages);
        if progressed.wait_for(|read| *read >= share).await.is_err() {
            panic!("the reader ended: {:?}", reader.await);
        }
        if outage % 3 == 2 && outage / 3 < freezes {
            // Longer than a request may take.
            on.freeze(Duration::from_secs(6)).await;
        } else {
            on.kill_and_restart().await;
        }
    }
    stop.send(writer.await.unwrap()).unwrap();
    tokio::time::timeout(Duration::from_secs(300), reader).await.unwrap().unwrap();
}

rule!(records_are_read_exactly_once_through_a_broker_that_dies_and_freezes: own; fault);
async fn records_are_read_exactly_once_through_a_broker_that_dies_and_freezes(on: Harness) {
    through_outages(on, 20_000, 2, 1).await;
}

rule!(a_million_records_are_read_exactly_once_through_ten_kills_and_five_freezes: own; long);
async fn a_million_records_are_read_exactly_once_through_ten_kills_and_five_freezes(on: Harness) {
    through_outages(on, 1_000_000, 10, 5).await;
}
