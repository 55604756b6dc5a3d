//! Coordinators that fail, and that move.

use std::time::{Duration, Instant};

use milena_devbroker::{Api, FaultAction};
use milena_kafka::ErrorCode;
use milena_kafka::consumer::Polled;

use super::*;
use crate::support::rule;

rule!(a_coordinator_that_moves_or_does_not_answer_costs_no_partitions: dev; fault);
async fn a_coordinator_that_moves_or_does_not_answer_costs_no_partitions(on: Harness) {
    let (topic, group) = (on.topic(2, &[]).await, unique("group"));
    let mut consumer = member(&on, &group, &[]);
    consumer.subscribe(topics(&topic));
    assigned(&mut consumer).await;
    let faults = on.dev_broker().faults();
    let error = |code: ErrorCode| FaultAction::Error(code.code());
    for (api, action) in [
        (Api::Heartbeat, error(ErrorCode::NOT_COORDINATOR)),
        (Api::Heartbeat, error(ErrorCode::COORDINATOR_NOT_AVAILABLE)),
        (Api::Heartbeat, error(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)),
        (Api::Heartbeat, FaultAction::Drop),
        (Api::Heartbeat, FaultAction::ApplyThenDrop),
    ] {
        faults.next(Api::FindCoordinator, 1, error(ErrorCode::COORDINATOR_NOT_AVAILABLE));
        faults.next(api, 3, action);
        let started = Instant::now();
        while faults.pending() > 1 {
            assert!(matches!(consumer.poll(Duration::from_millis(20)).await.unwrap(), Polled::Empty), "{action:?}");
            assert!(started.elapsed() < PATIENCE, "{action:?}");
        }
        faults.clear();
        consumer.commit_sync(&offsets(&at(&topic, 0), 0)).await.unwrap();
        assert_eq!(consumer.assignment().len(), 2);
    }
}

rule!(a_killed_coordinator_that_comes_back_finds_its_members_again: own; fault);
async fn a_killed_coordinator_that_comes_back_finds_its_members_again(mut on: Harness) {
    let (topic, group) = (on.topic(2, &[]).await, unique("group"));
    // Sessions run from when the broker has read the group, which may be long before it takes requests.
    let pairs = [COOPERATIVE, ("session.timeout.ms", "60000")];
    let mut consumers = [member(&on, &group, &pairs), member(&on, &group, &pairs)];
    let [first, second] = &mut consumers;
    first.subscribe(topics(&topic));
    second.subscribe(topics(&topic));
    settle(&mut [first, second], &[1, 1]).await;
    let before: Vec<_> = consumers.iter().map(|consumer| consumer.assignment().clone()).collect();
    let restarted = on.with_real(|broker| {
        broker.kill().unwrap();
        broker.restart().unwrap();
    });
    restarted.await;
    on.write(&topic, 0, 0..10).await;
    on.write(&topic, 1, 0..10).await;
    for (consumer, before) in consumers.iter_mut().zip(before) {
        let started = Instant::now();
        let mut count = 0;
        while count < 10 {
            assert!(started.elapsed() < PATIENCE);
            if let Polled::Records(batches) = consumer.poll(Duration::from_millis(100)).await.unwrap() {
                count += batches.iter().map(|batch| batch.records().count()).sum::<usize>();
            }
        }
        assert_eq!(*consumer.assignment(), before);
        consumer.commit_sync(&offsets(before.first().unwrap(), 10)).await.unwrap();
    }
}

rule!(a_group_outlives_the_node_that_coordinates_it: cluster; fault);
async fn a_group_outlives_the_node_that_coordinates_it(mut on: Harness) {
    let (topic, group) = (on.topic(3, &[]).await, unique("group"));
    let mut consumer = member(&on, &group, &[]);
    consumer.subscribe(topics(&topic));
    assigned(&mut consumer).await;
    for partition in 0..3 {
        consumer.commit_sync(&offsets(&at(&topic, partition), 0)).await.unwrap();
    }
    for node in 1..=3 {
        // One after the other, so the coordinator's too.
        on.with_real(move |cluster| cluster.signal(node, milena_testkit::kafka::Signal::KILL).unwrap()).await;
        for partition in 0..3 {
            on.write(&topic, partition, 0..5).await;
        }
        let mut count = 0;
        let started = Instant::now();
        while count < 15 {
            assert!(started.elapsed() < PATIENCE, "{count} of 15 records without node {node}");
            if let Polled::Records(batches) = consumer.poll(Duration::from_millis(100)).await.unwrap() {
                count += batches.iter().map(|batch| batch.records().count()).sum::<usize>();
            }
        }
        for partition in 0..3 {
            let done = consumer.position(&at(&topic, partition)).unwrap();
            consumer.commit_sync(&offsets(&at(&topic, partition), done)).await.unwrap();
        }
        on.with_real(|cluster| cluster.restart().unwrap()).await;
    }
}
