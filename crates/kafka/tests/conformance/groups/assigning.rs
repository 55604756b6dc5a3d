//! What is read: topics by name and by pattern, those that come later, and partitions outside of any group.

use std::sync::Arc;
use std::time::{Duration, Instant};

use milena_devbroker::{Api, Fault, FaultAction};
use milena_kafka::admin::{Admin, NewTopic};
use milena_kafka::consumer::{Polled, StartOffset, Subscription};
use milena_kafka::{Error, ErrorCode};

use super::*;
use crate::support::rule;

async fn create(admin: &Admin, name: String) {
    for (_, created) in admin.create_topics(vec![NewTopic::new(name, 1, -1)]).await.unwrap() {
        created.unwrap();
    }
}

rule!(topics_that_match_later_and_partitions_that_are_added_are_noticed: dev, real);
async fn topics_that_match_later_and_partitions_that_are_added_are_noticed(on: Harness) {
    let (group, prefix, admin) = (unique("group"), unique("pattern"), on.admin(&[]));
    create(&admin, format!("{prefix}-a")).await;
    let mut consumer = member(&on, &group, &[("metadata.max.age.ms", "300")]);
    let wanted = prefix.clone();
    consumer.subscribe(Subscription::Pattern(Arc::new(move |topic| topic.starts_with(&wanted))));
    assert_eq!(assigned(&mut consumer).await, [at(&format!("{prefix}-a"), 0)]);

    let started = Instant::now();
    create(&admin, format!("{prefix}-b")).await;
    settle(&mut [&mut consumer], &[2]).await;
    assert!(consumer.assignment().contains(&at(&format!("{prefix}-b"), 0)));
    admin.create_partitions(&format!("{prefix}-a"), 3).await.unwrap();
    settle(&mut [&mut consumer], &[4]).await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

rule!(new_partitions_are_noticed_also_while_records_keep_coming: dev, real);
async fn new_partitions_are_noticed_also_while_records_keep_coming(on: Harness) {
    let (topic, group, admin) = (on.topic(1, &[]).await, unique("group"), on.admin(&[]));
    on.write(&topic, 0, 0..20_000).await;
    let mut consumer = member(&on, &group, &[("metadata.max.age.ms", "200"), ("max.poll.records", "1")]);
    consumer.subscribe(topics(&topic));
    assigned(&mut consumer).await;
    admin.create_partitions(&topic, 2).await.unwrap();
    let started = Instant::now();
    loop {
        match next(&mut consumer).await {
            Polled::Records(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            Polled::Revoking(_) => break,
            event => panic!("{event:?}"),
        }
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(assigned(&mut consumer).await.len(), 2);
}

rule!(the_leader_notices_changes_of_topics_that_only_others_read: dev, real);
async fn the_leader_notices_changes_of_topics_that_only_others_read(on: Harness) {
    let (mine, other, group) = (on.topic(1, &[]).await, on.topic(1, &[]).await, unique("group"));
    let quick = [("metadata.max.age.ms", "300")];
    let (mut leader, mut follower) = (member(&on, &group, &quick), member(&on, &group, &quick));
    leader.subscribe(topics(&mine));
    assigned(&mut leader).await;
    follower.subscribe(topics(&other));
    settle(&mut [&mut leader, &mut follower], &[1, 1]).await;
    on.admin(&[]).create_partitions(&other, 3).await.unwrap();
    settle(&mut [&mut leader, &mut follower], &[1, 3]).await;
}

rule!(partitions_can_be_read_without_a_group: dev, real);
async fn partitions_can_be_read_without_a_group(on: Harness) {
    let topic = on.topic(1, &[]).await;
    on.write(&topic, 0, 0..10).await;
    let mut consumer = on.consumer(&[]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Offset(4))]);
    assert_eq!(read(&mut consumer, 6).await.first().map(|record| record.1), Some(4));
    let five = offsets(&at(&topic, 0), 5);
    for refused in [consumer.commit_sync(&five).await, consumer.commit_async(&five).await] {
        let refused = refused.unwrap_err();
        assert!(refused.to_string().contains("group.id"), "{refused}");
    }
    assert!(consumer.committed(&[at(&topic, 0)]).await.is_err());
    assert_eq!(consumer.group_metadata(), None);
    consumer.subscribe(topics(&topic));
    let refused = consumer.poll(PATIENCE).await.unwrap_err();
    assert!(refused.to_string().contains("group.id"), "{refused}");
}

rule!(offsets_can_be_committed_to_a_group_without_members: dev, real);
async fn offsets_can_be_committed_to_a_group_without_members(on: Harness) {
    let (topic, group) = (on.topic(1, &[]).await, unique("group"));
    on.write(&topic, 0, 0..10).await;
    let mut consumer = member(&on, &group, &[]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Committed)]);
    read(&mut consumer, 10).await;
    consumer.commit_sync(&offsets(&at(&topic, 0), 6)).await.unwrap();
    let metadata = consumer.group_metadata().unwrap();
    assert_eq!((metadata.group_id, metadata.generation_id), (group.clone(), -1));

    // A member comes, and begins there; now only members may commit.
    let mut joined = member(&on, &group, &[]);
    joined.subscribe(topics(&topic));
    assigned(&mut joined).await;
    assert_eq!(joined.position(&at(&topic, 0)), Some(6));
    let metadata = joined.group_metadata().unwrap();
    assert!(metadata.generation_id > 0 && !metadata.member_id.is_empty(), "{metadata:?}");
    let refused = consumer.commit_sync(&offsets(&at(&topic, 0), 7)).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::UNKNOWN_MEMBER_ID), "{refused}");

    // Who was a member and assigns itself is none any more.
    joined.assign(vec![(at(&topic, 0), StartOffset::Committed)]);
    assert_eq!(read(&mut joined, 4).await.first().map(|record| record.1), Some(6));
    loop {
        match joined.commit_sync(&offsets(&at(&topic, 0), 10)).await {
            Ok(()) => break,
            // Its membership is about to end.
            Err(error) if error.is_unknown_member() => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

rule!(who_unsubscribes_leaves_and_may_come_back: dev, real);
async fn who_unsubscribes_leaves_and_may_come_back(on: Harness) {
    let (topic, group) = (on.topic(2, &[]).await, unique("group"));
    let (mut first, mut second) = (member(&on, &group, &[]), member(&on, &group, &[]));
    first.subscribe(topics(&topic));
    second.subscribe(topics(&topic));
    settle(&mut [&mut first, &mut second], &[1, 1]).await;
    first.unsubscribe();
    assert!(first.assignment().is_empty());
    settle(&mut [&mut first, &mut second], &[0, 2]).await;
    first.subscribe(topics(&topic));
    settle(&mut [&mut first, &mut second], &[1, 1]).await;
    let refused = first.commit_sync(&offsets(second.assignment().first().unwrap(), 0)).await;
    // The coordinator does not check who owns what: only members may commit, and this is one.
    assert!(matches!(refused, Ok(()) | Err(Error::CommitFailed { .. })), "{refused:?}");
}

rule!(a_position_that_cannot_be_found_is_named_in_time_and_then_found_all_the_same: dev; fault);
async fn a_position_that_cannot_be_found_is_named_in_time_and_then_found_all_the_same(on: Harness) {
    let (topic, group) = (on.topic(2, &[]).await, unique("group"));
    for partition in 0..2 {
        on.write(&topic, partition, 0..5).await;
    }
    // Not leader: as while the leader is away.
    let fault = Fault::on(Api::ListOffsets, FaultAction::Error(6)).partition(&topic, 1).always();
    on.dev_broker().faults().add(fault);
    let pairs = [("default.api.timeout.ms", "1000"), ("retry.backoff.max.ms", "200")];
    let mut consumer = member(&on, &group, &pairs);
    consumer.subscribe(topics(&topic));
    for _ in 0..2 {
        let start = Instant::now();
        let error = loop {
            assert!(start.elapsed() < PATIENCE, "nothing is said of the position");
            match consumer.poll(Duration::from_millis(100)).await {
                Ok(Polled::Empty) => {}
                Ok(event) => panic!("{event:?} before all positions are known"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::Timeout { .. }) && error.is_retriable(), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("cannot find the position of {topic}-1: ")), "{text}");
        assert!(text.contains("within 1000 ms (default.api.timeout.ms)"), "{text}");
        // An owner that is busy looks for nothing, so its time does not count.
        tokio::time::sleep(Duration::from_millis(1200)).await;
        assert!(matches!(consumer.poll(Duration::from_millis(1)).await, Ok(Polled::Empty)));
    }
    on.dev_broker().faults().clear();
    assert_eq!(assigned(&mut consumer).await, [at(&topic, 0), at(&topic, 1)]);
    assert_eq!(read(&mut consumer, 10).await.len(), 10);
}
