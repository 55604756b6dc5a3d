//! Joining, staying and leaving.

use std::time::{Duration, Instant};

use milena_devbroker::{Api, Fault, FaultAction};
use milena_kafka::consumer::Polled;
use milena_kafka::{Error, ErrorCode};

use super::*;
use crate::support::rule;

rule!(a_member_gets_everything_and_its_commits_are_where_the_next_one_begins: dev, real, secure);
async fn a_member_gets_everything_and_its_commits_are_where_the_next_one_begins(on: Harness) {
    let (topic, group) = (on.topic(2, &[]).await, unique("group"));
    on.write(&topic, 1, 0..100).await;
    let mut first = member(&on, &group, &[]);
    first.subscribe(topics(&topic));
    assert_eq!(assigned(&mut first).await, [at(&topic, 0), at(&topic, 1)]);
    assert_eq!(first.position(&at(&topic, 1)), Some(0), "positions are known with the assignment");
    read(&mut first, 100).await;
    let pending = first.commit_async(&offsets(&at(&topic, 1), 30));
    first.commit_sync(&offsets(&at(&topic, 1), 60)).await.unwrap();
    pending.await.unwrap();
    first.close(PATIENCE).await;

    // One partition's position takes longer than the other's; what is known of the other waits for it.
    if let Some(broker) = on.if_dev() {
        broker.faults().next(Api::ListOffsets, 1, FaultAction::Delay(Duration::from_millis(300)));
    }
    let mut second = member(&on, &group, &[]);
    second.subscribe(topics(&topic));
    assert!(matches!(next(&mut second).await, Polled::Assigned(_)), "before any record");
    assert_eq!(second.position(&at(&topic, 1)), Some(60));
    assert_eq!(read(&mut second, 40).await.first().map(|record| record.1), Some(60));
}

/// Two members, the first of which does not give up what it has, so that the join of the other (client `second`) is held.
async fn held_join(on: &Harness, group: &str, topic: &str) -> (Consumer, Consumer) {
    let mut first = member(on, group, &[]);
    first.subscribe(topics(topic));
    assigned(&mut first).await;
    let mut second = member(on, group, &[("client.id", "second")]);
    second.subscribe(topics(topic));
    assert!(matches!(second.poll(Duration::from_millis(700)).await.unwrap(), Polled::Empty));
    (first, second)
}

rule!(heartbeats_stop_while_a_join_is_in_flight: dev);
async fn heartbeats_stop_while_a_join_is_in_flight(on: Harness) {
    let (topic, group) = (on.topic(1, &[]).await, unique("group"));
    let (first, mut second) = held_join(&on, &group, &topic).await;
    let faults = on.dev_broker().faults();
    let refuse = FaultAction::Error(ErrorCode::UNKNOWN_MEMBER_ID.code());
    faults.add(Fault::on(Api::Heartbeat, refuse).client("second"));
    assert!(matches!(second.poll(Duration::from_secs(1)).await.unwrap(), Polled::Empty));
    assert_eq!(faults.pending(), 1, "ten heartbeats would have been due");
    // With the first gone the join ends; then heartbeats begin, and the first of them meets the fault.
    first.close(PATIENCE).await;
    assert_eq!(assigned(&mut second).await, [at(&topic, 0)]);
    assert!(matches!(next(&mut second).await, Polled::Lost(_)));
    assert_eq!(faults.pending(), 0);
}

rule!(an_answer_to_a_heartbeat_of_an_earlier_generation_is_ignored: dev; fault);
async fn an_answer_to_a_heartbeat_of_an_earlier_generation_is_ignored(on: Harness) {
    let (topic, group) = (on.topic(1, &[]).await, unique("group"));
    let mut consumer = member(&on, &group, &[]);
    consumer.subscribe(topics(&topic));
    assigned(&mut consumer).await;
    let faults = on.dev_broker().faults();
    faults.next(Api::Heartbeat, 1, FaultAction::Delay(Duration::from_millis(700)));
    while faults.pending() > 0 {
        consumer.poll(Duration::from_millis(10)).await.unwrap();
    }
    // While the heartbeat is on its way the group gets its next generation: the answer is that the old one is illegal.
    consumer.enforce_rebalance("the test wants it");
    assert_eq!(assigned(&mut consumer).await, [at(&topic, 0)]);
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1200) {
        assert!(matches!(consumer.poll(Duration::from_millis(100)).await.unwrap(), Polled::Empty));
    }
    consumer.commit_sync(&offsets(&at(&topic, 0), 0)).await.unwrap();
}

rule!(partitions_change_hands_only_after_the_owner_is_done_with_them: dev, real, secure);
async fn partitions_change_hands_only_after_the_owner_is_done_with_them(on: Harness) {
    let (topic, group) = (on.topic(4, &[]).await, unique("group"));
    for partition in 0..4 {
        on.write(&topic, partition, 0..10).await;
    }
    let mut first = member(&on, &group, &[]);
    first.subscribe(topics(&topic));
    assert_eq!(assigned(&mut first).await.len(), 4);
    read(&mut first, 40).await;
    let mut second = member(&on, &group, &[]);
    second.subscribe(topics(&topic));
    let joining = tokio::spawn(async move {
        let partitions = assigned(&mut second).await;
        (second, partitions)
    });
    let given_up = revoking(&mut first).await;
    assert_eq!(given_up.len(), 4, "eager: everything is given up");
    // The other one has nothing while this one is busy, heartbeats or not.
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!joining.is_finished());
    }
    let sevens = given_up.iter().map(|at| (at.clone(), OffsetAndMetadata::new(7))).collect();
    first.commit_sync(&sevens).await.unwrap();
    let mine = assigned(&mut first).await;
    let (mut second, others) = joining.await.unwrap();
    assert_eq!((mine.len(), others.len()), (2, 2));
    assert!(mine.iter().all(|at| !others.contains(at)));
    for at in &others {
        assert_eq!(second.position(at), Some(7), "what was committed while revoking counts");
    }
    // When one leaves, the other gets all again, well before a session would time out.
    let started = Instant::now();
    first.close(PATIENCE).await;
    while second.assignment().len() < 4 {
        next(&mut second).await;
    }
    assert!(started.elapsed() < Duration::from_secs(5));
}

rule!(an_owner_that_takes_too_long_to_give_up_is_not_waited_for: dev, real);
async fn an_owner_that_takes_too_long_to_give_up_is_not_waited_for(on: Harness) {
    let (topic, group) = (on.topic(1, &[]).await, unique("group"));
    let mut first = member(&on, &group, &[("max.poll.interval.ms", "1500")]);
    first.subscribe(topics(&topic));
    assigned(&mut first).await;
    let mut second = member(&on, &group, &[]);
    second.subscribe(topics(&topic));
    let joining = tokio::spawn(async move {
        let partitions = assigned(&mut second).await;
        (second, partitions)
    });
    revoking(&mut first).await;
    let (second, partitions) = tokio::time::timeout(Duration::from_secs(15), joining).await.unwrap().unwrap();
    assert_eq!(partitions, [at(&topic, 0)]);
    let refused = first.commit_sync(&offsets(&at(&topic, 0), 1)).await;
    assert!(matches!(refused, Err(Error::CommitFailed { .. })), "{refused:?}");
    assert!(matches!(next(&mut first).await, Polled::Lost(lost) if lost == [at(&topic, 0)]));
    drop(second);
}

rule!(an_owner_that_does_not_poll_loses_its_partitions_and_cannot_commit: dev, real);
async fn an_owner_that_does_not_poll_loses_its_partitions_and_cannot_commit(on: Harness) {
    let (topic, group) = (on.topic(1, &[]).await, unique("group"));
    let mut consumer = member(&on, &group, &[("max.poll.interval.ms", "1000")]);
    consumer.subscribe(topics(&topic));
    assigned(&mut consumer).await;
    // Commits until one is refused: that is when the member has left.
    let error = loop {
        match consumer.commit_sync(&offsets(&at(&topic, 0), 0)).await {
            Ok(()) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::CommitFailed { .. }), "{error:?}");
    assert!(matches!(next(&mut consumer).await, Polled::Lost(partitions) if partitions == [at(&topic, 0)]));
    assert!(consumer.assignment().is_empty());
    assert_eq!(assigned(&mut consumer).await, [at(&topic, 0)], "polling again, it comes back");
    consumer.commit_sync(&offsets(&at(&topic, 0), 0)).await.unwrap();
}

rule!(what_is_lost_is_never_committed: dev);
async fn what_is_lost_is_never_committed(on: Harness) {
    let (topic, group) = (on.topic(1, &[]).await, unique("group"));
    on.write(&topic, 0, 0..10).await;
    let auto = [("enable.auto.commit", "true"), ("auto.commit.interval.ms", "3600000")];
    let mut consumer = member(&on, &group, &auto);
    consumer.subscribe(topics(&topic));
    assigned(&mut consumer).await;
    read(&mut consumer, 10).await;
    on.dev_broker().faults().next(Api::Heartbeat, 1, FaultAction::Error(ErrorCode::UNKNOWN_MEMBER_ID.code()));
    assert!(matches!(next(&mut consumer).await, Polled::Lost(partitions) if partitions == [at(&topic, 0)]));
    let refused = consumer.commit_sync(&offsets(&at(&topic, 0), 10)).await;
    assert!(matches!(refused, Err(Error::CommitFailed { .. })), "{refused:?}");
    assert_eq!(assigned(&mut consumer).await, [at(&topic, 0)]);
    assert_eq!(consumer.position(&at(&topic, 0)), Some(0), "nothing was committed");
}

rule!(a_consumer_that_is_dropped_leaves_by_itself: dev, real);
async fn a_consumer_that_is_dropped_leaves_by_itself(on: Harness) {
    let (topic, group) = (on.topic(1, &[]).await, unique("group"));
    let mut first = member(&on, &group, &[("session.timeout.ms", "45000")]);
    first.subscribe(topics(&topic));
    assigned(&mut first).await;
    drop(first);
    let started = Instant::now();
    let mut second = member(&on, &group, &[]);
    second.subscribe(topics(&topic));
    assert_eq!(assigned(&mut second).await.len(), 1);
    assert!(started.elapsed() < Duration::from_secs(10));
}

rule!(a_wish_to_close_interrupts_a_held_join: dev, real);
async fn a_wish_to_close_interrupts_a_held_join(on: Harness) {
    let (topic, group) = (on.topic(1, &[]).await, unique("group"));
    let (_first, second) = held_join(&on, &group, &topic).await;
    let started = Instant::now();
    second.close(PATIENCE).await;
    assert!(started.elapsed() < Duration::from_secs(3));
}

rule!(a_wakeup_interrupts_a_held_join: dev, real);
async fn a_wakeup_interrupts_a_held_join(on: Harness) {
    let (topic, group) = (on.topic(1, &[]).await, unique("group"));
    let (first, mut second) = held_join(&on, &group, &topic).await;
    let wakeup = second.wakeup_handle();
    let polling = tokio::spawn(async move {
        let polled = second.poll(PATIENCE).await.unwrap();
        (second, polled)
    });
    let started = Instant::now();
    wakeup.wakeup();
    let (mut second, polled) = polling.await.unwrap();
    assert!(matches!(polled, Polled::Woken), "{polled:?}");
    assert!(started.elapsed() < Duration::from_secs(1));
    // The join itself goes on.
    first.close(PATIENCE).await;
    assert_eq!(assigned(&mut second).await, [at(&topic, 0)]);
}

rule!(dropping_a_poll_never_loses_the_outcome_of_a_join: dev, real);
async fn dropping_a_poll_never_loses_the_outcome_of_a_join(on: Harness) {
    let (topic, group) = (on.topic(3, &[]).await, unique("group"));
    for _ in 0..3 {
        let mut consumer = member(&on, &group, &[]);
        consumer.subscribe(topics(&topic));
        let started = Instant::now();
        let partitions = loop {
            assert!(started.elapsed() < PATIENCE);
            // Dropped after next to no time, at whatever place it has come to.
            match tokio::time::timeout(Duration::from_micros(300), consumer.poll(PATIENCE)).await {
                Ok(polled) => match polled.unwrap() {
                    Polled::Assigned(partitions) => break partitions,
                    event => panic!("{event:?}"),
                },
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert_eq!(partitions.len(), 3);
        consumer.commit_sync(&offsets(&at(&topic, 0), 0)).await.unwrap();
        consumer.close(PATIENCE).await;
    }
}

rule!(answers_to_joins_that_get_lost_or_refused_are_made_up_for: dev; fault);
async fn answers_to_joins_that_get_lost_or_refused_are_made_up_for(on: Harness) {
    let error = |code: ErrorCode| FaultAction::Error(code.code());
    for (api, action) in [
        (Api::FindCoordinator, error(ErrorCode::COORDINATOR_NOT_AVAILABLE)),
        (Api::FindCoordinator, FaultAction::Drop),
        (Api::JoinGroup, error(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)),
        (Api::JoinGroup, error(ErrorCode::NOT_COORDINATOR)),
        (Api::JoinGroup, error(ErrorCode::REBALANCE_IN_PROGRESS)),
        (Api::JoinGroup, FaultAction::Drop),
        (Api::JoinGroup, FaultAction::ApplyThenDrop),
        (Api::SyncGroup, error(ErrorCode::REBALANCE_IN_PROGRESS)),
        (Api::SyncGroup, error(ErrorCode::UNKNOWN_MEMBER_ID)),
        (Api::SyncGroup, error(ErrorCode::ILLEGAL_GENERATION)),
        (Api::SyncGroup, error(ErrorCode::NOT_COORDINATOR)),
        (Api::SyncGroup, FaultAction::Drop),
        (Api::SyncGroup, FaultAction::ApplyThenDrop),
    ] {
        let (topic, group) = (on.topic(1, &[]).await, unique("group"));
        let mut consumer = member(&on, &group, &[("max.poll.interval.ms", "2000")]);
        on.dev_broker().faults().next(api, 2, action);
        consumer.subscribe(topics(&topic));
        assert_eq!(assigned(&mut consumer).await, [at(&topic, 0)], "{api:?} {action:?}");
        on.dev_broker().faults().clear();
        consumer.commit_sync(&offsets(&at(&topic, 0), 0)).await.unwrap();
        consumer.close(PATIENCE).await;
    }
}

rule!(members_without_a_common_strategy_are_told_so: dev, real);
async fn members_without_a_common_strategy_are_told_so(on: Harness) {
    let (topic, group) = (on.topic(1, &[]).await, unique("group"));
    let strategy = |name: &'static str| [("partition.assignment.strategy", name)];
    let mut first = member(&on, &group, &strategy("org.apache.kafka.clients.consumer.RangeAssignor"));
    first.subscribe(topics(&topic));
    assigned(&mut first).await;
    let mut second = member(&on, &group, &strategy("org.apache.kafka.clients.consumer.RoundRobinAssignor"));
    second.subscribe(topics(&topic));
    let error = second.poll(PATIENCE).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::INCONSISTENT_GROUP_PROTOCOL));
    assert!(error.to_string().contains("partition.assignment.strategy"), "{error}");
}

rule!(an_owner_that_waits_in_one_long_poll_is_not_taken_for_stuck: dev, real);
async fn an_owner_that_waits_in_one_long_poll_is_not_taken_for_stuck(on: Harness) {
    let (topic, group) = (on.topic(1, &[]).await, unique("group"));
    let mut consumer = member(&on, &group, &[("max.poll.interval.ms", "500")]);
    consumer.subscribe(topics(&topic));
    assigned(&mut consumer).await;
    assert!(matches!(consumer.poll(Duration::from_millis(2500)).await.unwrap(), Polled::Empty));
    consumer.commit_sync(&offsets(&at(&topic, 0), 0)).await.unwrap();
}
