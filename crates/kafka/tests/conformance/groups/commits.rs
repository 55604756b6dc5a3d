//! Commits.

use std::time::Duration;

use milena_devbroker::{Api, FaultAction};
use milena_kafka::consumer::Polled;
use milena_kafka::{Error, ErrorCode};

use super::*;
use crate::support::rule;

rule!(commits_carry_text_and_leader_epoch: dev, real);
async fn commits_carry_text_and_leader_epoch(on: Harness) {
    let (topic, group) = (on.topic(2, &[]).await, unique("group"));
    on.write(&topic, 0, 0..10).await;
    let mut consumer = member(&on, &group, &[]);
    consumer.subscribe(topics(&topic));
    assigned(&mut consumer).await;
    let offset = OffsetAndMetadata { offset: 4, leader_epoch: Some(0), metadata: "as far as this".to_owned() };
    consumer.commit_sync(&BTreeMap::from([(at(&topic, 0), offset.clone())])).await.unwrap();
    let committed = consumer.committed(&[at(&topic, 0), at(&topic, 1)]).await.unwrap();
    assert_eq!(committed, BTreeMap::from([(at(&topic, 0), offset)]), "without those that were never committed");
}

rule!(a_commit_in_a_rebalance_is_repeated_and_one_of_an_illegal_generation_is_not: dev; fault);
async fn a_commit_in_a_rebalance_is_repeated_and_one_of_an_illegal_generation_is_not(on: Harness) {
    let (topic, group) = (on.topic(1, &[]).await, unique("group"));
    let mut consumer = member(&on, &group, &[]);
    consumer.subscribe(topics(&topic));
    assigned(&mut consumer).await;
    let faults = on.dev_broker().faults();
    let here = at(&topic, 0);
    for code in [
        ErrorCode::REBALANCE_IN_PROGRESS,
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode::COORDINATOR_NOT_AVAILABLE,
    ] {
        faults.next(Api::OffsetCommit, 2, FaultAction::Error(code.code()));
        consumer.commit_sync(&offsets(&here, 1)).await.unwrap();
        assert_eq!(faults.pending(), 0, "{code}");
    }
    for action in [FaultAction::Drop, FaultAction::ApplyThenDrop] {
        faults.next(Api::OffsetCommit, 1, action);
        consumer.commit_sync(&offsets(&here, 2)).await.unwrap();
    }
    for code in [ErrorCode::ILLEGAL_GENERATION, ErrorCode::UNKNOWN_MEMBER_ID] {
        faults.next(Api::OffsetCommit, 2, FaultAction::Error(code.code()));
        let refused = consumer.commit_sync(&offsets(&here, 3)).await;
        assert!(matches!(refused, Err(Error::CommitFailed { .. })), "{refused:?}");
        assert_eq!(faults.pending(), 1, "it was not tried again");
        faults.clear();
    }
    faults.next(Api::OffsetCommit, 2, FaultAction::Error(ErrorCode::GROUP_AUTHORIZATION_FAILED.code()));
    let refused = consumer.commit_sync(&offsets(&here, 3)).await.unwrap_err();
    assert_eq!((refused.code(), faults.pending()), (Some(ErrorCode::GROUP_AUTHORIZATION_FAILED), 1));
    faults.clear();
    // In the background a commit is tried once: the next one says the same and more.
    faults.next(Api::OffsetCommit, 1, FaultAction::Error(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS.code()));
    assert!(consumer.commit_async(&offsets(&here, 4)).await.is_err());
    assert_eq!(consumer.committed(std::slice::from_ref(&here)).await.unwrap()[&here].offset, 2);
}

rule!(a_stuck_commit_ends_with_its_time_and_holds_up_neither_heartbeats_nor_records: dev);
async fn a_stuck_commit_ends_with_its_time_and_holds_up_neither_heartbeats_nor_records(on: Harness) {
    let (topic, group) = (on.topic(1, &[]).await, unique("group"));
    let mut consumer = member(
        &on,
        &group,
        &[("default.api.timeout.ms", "2000"), ("request.timeout.ms", "1500"), ("session.timeout.ms", "1000")],
    );
    consumer.subscribe(topics(&topic));
    assigned(&mut consumer).await;
    on.dev_broker().faults().next(Api::OffsetCommit, 1, FaultAction::Delay(Duration::from_secs(10)));
    let stuck = consumer.commit_async(&offsets(&at(&topic, 0), 1));
    on.write(&topic, 0, 0..5).await;
    read(&mut consumer, 5).await;
    let error = stuck.await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(matches!(consumer.poll(Duration::from_millis(300)).await.unwrap(), Polled::Empty), "still a member");
    consumer.commit_sync(&offsets(&at(&topic, 0), 5)).await.unwrap();
    // A synchronous one keeps its own time.
    on.dev_broker().faults().next(Api::OffsetCommit, 5, FaultAction::Delay(Duration::from_secs(10)));
    let started = std::time::Instant::now();
    let error = consumer.commit_sync(&offsets(&at(&topic, 0), 5)).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!((1900..4000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
}

rule!(offsets_of_open_transactions_are_waited_for: dev);
async fn offsets_of_open_transactions_are_waited_for(on: Harness) {
    let (topic, group) = (on.topic(1, &[]).await, unique("group"));
    let faults = on.dev_broker().faults();
    faults.next(Api::OffsetFetch, 3, FaultAction::Error(ErrorCode::UNSTABLE_OFFSET_COMMIT.code()));
    let mut consumer = member(&on, &group, &[]);
    consumer.subscribe(topics(&topic));
    assert_eq!(assigned(&mut consumer).await, [at(&topic, 0)]);
    assert_eq!(faults.pending(), 0);
}

rule!(offsets_are_committed_automatically_as_java_does: dev, real);
async fn offsets_are_committed_automatically_as_java_does(on: Harness) {
    let (topic, group, here) = (on.topic(1, &[]).await, unique("group"), 0);
    let here = at(&topic, here);
    on.write(&topic, 0, 0..30).await;
    let auto = [("enable.auto.commit", "true"), ("auto.commit.interval.ms", "100"), ("max.poll.records", "10")];
    let mut consumer = member(&on, &group, &auto);
    consumer.subscribe(topics(&topic));
    assigned(&mut consumer).await;
    assert_eq!(read(&mut consumer, 10).await.len(), 10);
    // What was handed out counts as done with the next poll, and is committed when its time has come.
    consumer.pause(std::slice::from_ref(&here));
    let committed = loop {
        consumer.poll(Duration::from_millis(20)).await.unwrap();
        if let Some(offset) =
            consumer.committed(std::slice::from_ref(&here)).await.unwrap().get(&here).filter(|of| of.offset > 0)
        {
            break offset.offset;
        }
    };
    assert_eq!(committed, 10);
    consumer.resume(std::slice::from_ref(&here));
    read(&mut consumer, 10).await;
    // Closing commits the rest.
    consumer.close(PATIENCE).await;

    let late = [("enable.auto.commit", "true"), ("auto.commit.interval.ms", "3600000"), ("max.poll.records", "5")];
    let mut consumer = member(&on, &group, &late);
    consumer.subscribe(topics(&topic));
    assigned(&mut consumer).await;
    assert_eq!(consumer.position(&here), Some(20));
    read(&mut consumer, 5).await;
    // Giving up commits too.
    consumer.pause(std::slice::from_ref(&here));
    consumer.enforce_rebalance("the test wants it");
    assert_eq!(assigned(&mut consumer).await, std::slice::from_ref(&here));
    assert_eq!(consumer.position(&here), Some(25));
}
