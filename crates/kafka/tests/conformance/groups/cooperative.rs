//! Cooperative rebalancing (KIP-429): only what moves is given up.

use std::collections::BTreeSet;
use std::time::Duration;

use milena_devbroker::{Api, FaultAction};
use milena_kafka::ErrorCode;
use milena_kafka::consumer::Polled;

use super::*;
use crate::support::rule;

rule!(only_what_moves_is_given_up_and_the_rest_is_read_on: dev, real);
async fn only_what_moves_is_given_up_and_the_rest_is_read_on(on: Harness) {
    let (topic, group) = (on.topic(4, &[]).await, unique("group"));
    let mut first = member(&on, &group, &[COOPERATIVE]);
    first.subscribe(topics(&topic));
    assert_eq!(assigned(&mut first).await.len(), 4);

    let mut second = member(&on, &group, &[COOPERATIVE]);
    second.subscribe(topics(&topic));
    // The second's join is in flight; the first joins beside it, and reads all four all the time.
    assert!(matches!(second.poll(Duration::from_millis(300)).await.unwrap(), Polled::Empty | Polled::Assigned(_)));
    for partition in 0..4 {
        on.write(&topic, partition, 0..10).await;
    }
    let mut seen = BTreeSet::new();
    let mut moving = None;
    while seen.len() < 40 || moving.is_none() {
        match next(&mut first).await {
            Polled::Records(batches) => {
                for batch in batches {
                    seen.extend(batch.records().map(|view| (batch.partition, view.offset)));
                }
            }
            Polled::Revoking(partitions) => {
                assert_eq!(partitions.len(), 2, "only what moves");
                assert_eq!(first.assignment().len(), 4, "until the next poll they are its own");
                let done: BTreeMap<_, _> = partitions
                    .iter()
                    .map(|at| (at.clone(), OffsetAndMetadata::new(first.position(at).unwrap_or(0))))
                    .collect();
                first.commit_sync(&done).await.unwrap();
                // What was read of them counts; the rest is the other one's.
                for (at, offset) in &done {
                    seen.extend((offset.offset..10).map(|offset| (at.partition, offset)));
                }
                moving = Some(done);
            }
            Polled::Assigned(added) => assert_eq!(added, [], "nothing is new to it"),
            event => panic!("{event:?}"),
        }
    }
    settle(&mut [&mut first, &mut second], &[2, 2]).await;
    assert!(first.assignment().is_disjoint(second.assignment()));
    for (at, committed) in moving.unwrap() {
        assert!(second.assignment().contains(&at));
        assert!(second.position(&at).unwrap() >= committed.offset);
    }
    // Everything again, without anything being revoked.
    second.close(PATIENCE).await;
    let added = loop {
        match next(&mut first).await {
            Polled::Assigned(added) => break added,
            Polled::Records(_) => {}
            event => panic!("{event:?}"),
        }
    };
    assert_eq!((added.len(), first.assignment().len()), (2, 4));
}

rule!(what_is_kept_can_be_committed_while_the_group_rebalances: dev, real);
async fn what_is_kept_can_be_committed_while_the_group_rebalances(on: Harness) {
    let (topic, group) = (on.topic(2, &[]).await, unique("group"));
    let mut first = member(&on, &group, &[COOPERATIVE]);
    first.subscribe(topics(&topic));
    assigned(&mut first).await;
    // One after the other comes and goes; whatever stage the group is in, commits of what is kept go through.
    for round in 0..3 {
        let mut second = member(&on, &group, &[COOPERATIVE]);
        second.subscribe(topics(&topic));
        let coming = tokio::spawn(async move {
            while second.assignment().is_empty() {
                second.poll(Duration::from_millis(50)).await.unwrap();
            }
            second
        });
        let mut count = 0;
        while !coming.is_finished() {
            let kept = first.assignment().first().unwrap().clone();
            if matches!(first.poll(Duration::from_millis(5)).await.unwrap(), Polled::Lost(_)) {
                panic!("nothing is lost");
            }
            if first.assignment().contains(&kept) {
                first.commit_sync(&offsets(&kept, round * 1000 + count)).await.unwrap();
                count += 1;
            }
        }
        let second = coming.await.unwrap();
        assert!(count > 0);
        second.close(PATIENCE).await;
        settle(&mut [&mut first], &[2]).await;
    }
}

rule!(a_group_is_eager_until_all_assignors_are_cooperative: dev, real);
async fn a_group_is_eager_until_all_assignors_are_cooperative(on: Harness) {
    let (topic, group) = (on.topic(2, &[]).await, unique("group"));
    let both = (
        "partition.assignment.strategy",
        "org.apache.kafka.clients.consumer.RangeAssignor,org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
    );
    let mut first = member(&on, &group, &[both]);
    first.subscribe(topics(&topic));
    assigned(&mut first).await;
    // The second offers only one of them, which is then the group's; the first still gives up everything.
    let mut second = member(&on, &group, &[COOPERATIVE]);
    second.subscribe(topics(&topic));
    let rest = tokio::spawn(async move {
        while second.assignment().is_empty() {
            second.poll(Duration::from_millis(50)).await.unwrap();
        }
        second
    });
    assert_eq!(revoking(&mut first).await.len(), 2, "eager: everything is given up");
    while !rest.is_finished() {
        first.poll(Duration::from_millis(50)).await.unwrap();
    }
    let mut second = rest.await.unwrap();
    settle(&mut [&mut first, &mut second], &[1, 1]).await;
}

rule!(what_is_lost_is_told_apart_from_what_is_revoked: dev);
async fn what_is_lost_is_told_apart_from_what_is_revoked(on: Harness) {
    let (topic, group) = (on.topic(3, &[]).await, unique("group"));
    let mut consumer = member(&on, &group, &[COOPERATIVE]);
    consumer.subscribe(topics(&topic));
    assert_eq!(assigned(&mut consumer).await.len(), 3);
    let faults = on.dev_broker().faults();
    faults.next(Api::Heartbeat, 1, FaultAction::Error(ErrorCode::ILLEGAL_GENERATION.code()));
    assert!(matches!(next(&mut consumer).await, Polled::Lost(lost) if lost.len() == 3));
    assert_eq!(assigned(&mut consumer).await.len(), 3, "all of it is new again");
    // Lost while joining: the join itself finds out.
    faults.next(Api::JoinGroup, 1, FaultAction::Error(ErrorCode::UNKNOWN_MEMBER_ID.code()));
    consumer.enforce_rebalance("the test wants it");
    assert!(matches!(next(&mut consumer).await, Polled::Lost(lost) if lost.len() == 3));
    assert_eq!(assigned(&mut consumer).await.len(), 3);
    // A subscription that shrinks gives up only what is no longer in it.
    let other = on.topic(1, &[]).await;
    consumer.subscribe(Subscription::Topics(vec![topic.clone(), other.clone()]));
    assert_eq!(assigned(&mut consumer).await, [at(&other, 0)]);
    consumer.subscribe(topics(&other));
    assert_eq!(revoking(&mut consumer).await.len(), 3);
    assert_eq!(assigned(&mut consumer).await, []);
    assert_eq!(consumer.assignment().iter().collect::<Vec<_>>(), [&at(&other, 0)]);
}
