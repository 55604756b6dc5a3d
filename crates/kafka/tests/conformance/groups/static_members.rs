//! Static members (KIP-345): a member that comes back is the same member.

use std::time::{Duration, Instant};

use milena_kafka::ErrorCode;
use milena_kafka::consumer::Polled;

use super::*;
use crate::support::rule;

rule!(a_static_member_that_comes_back_gets_its_partitions_without_a_rebalance: dev, real);
async fn a_static_member_that_comes_back_gets_its_partitions_without_a_rebalance(on: Harness) {
    let (topic, group) = (on.topic(4, &[]).await, unique("group"));
    let start = |id: &'static str| {
        let mut consumer = member(&on, &group, &[("group.instance.id", id), ("session.timeout.ms", "30000")]);
        consumer.subscribe(topics(&topic));
        consumer
    };
    let (mut first, mut second) = (start("one"), start("two"));
    settle(&mut [&mut first, &mut second], &[2, 2]).await;
    let mut members = vec![("one", first), ("two", second)];
    // Once the follower, once the leader; the other one sees nothing of it.
    for _ in 0..2 {
        let (id, gone) = members.remove(1);
        let (_, stays) = &mut members[0];
        let had = gone.assignment().clone();
        let others = stays.assignment().clone();
        gone.close(PATIENCE).await;
        let mut back = start(id);
        loop {
            let polled = back.poll(Duration::from_millis(50)).await.unwrap();
            assert!(matches!(stays.poll(Duration::from_millis(20)).await.unwrap(), Polled::Empty), "no rebalance");
            if matches!(polled, Polled::Assigned(_)) {
                break;
            }
        }
        assert_eq!((back.assignment(), stays.assignment()), (&had, &others));
        back.commit_sync(&offsets(had.first().unwrap(), 0)).await.unwrap();
        members.insert(0, (id, back));
    }
}

rule!(a_static_member_does_not_leave_when_it_closes: dev, real);
async fn a_static_member_does_not_leave_when_it_closes(on: Harness) {
    let (topic, group) = (on.topic(2, &[]).await, unique("group"));
    let mut first = member(&on, &group, &[("group.instance.id", "one")]);
    first.subscribe(topics(&topic));
    let mut second = member(&on, &group, &[]);
    second.subscribe(topics(&topic));
    settle(&mut [&mut first, &mut second], &[1, 1]).await;
    let closed = Instant::now();
    first.close(PATIENCE).await;
    while second.assignment().len() < 2 {
        second.poll(Duration::from_millis(100)).await.unwrap();
    }
    // Its session of 6 s has to time out first; it had sent a heartbeat up to 100 ms before, more under load.
    assert!(closed.elapsed() > Duration::from_secs(3), "{:?}", closed.elapsed());
}

rule!(a_fenced_static_member_stops_for_good: dev, real);
async fn a_fenced_static_member_stops_for_good(on: Harness) {
    let (topic, group) = (on.topic(1, &[]).await, unique("group"));
    let mut first = member(&on, &group, &[("group.instance.id", "the-only-one")]);
    first.subscribe(topics(&topic));
    assigned(&mut first).await;
    let mut second = member(&on, &group, &[("group.instance.id", "the-only-one")]);
    second.subscribe(topics(&topic));
    assert_eq!(assigned(&mut second).await, [at(&topic, 0)]);
    let error = loop {
        match first.poll(Duration::from_millis(100)).await {
            Ok(Polled::Empty) => {}
            Ok(event) => panic!("{event:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), Some(ErrorCode::FENCED_INSTANCE_ID));
    assert!(error.to_string().contains("the-only-one"), "{error}");
    // For good, whatever it tries.
    assert_eq!(first.poll(PATIENCE).await.unwrap_err().code(), Some(ErrorCode::FENCED_INSTANCE_ID));
    assert!(first.commit_sync(&offsets(&at(&topic, 0), 1)).await.is_err());
    second.commit_sync(&offsets(&at(&topic, 0), 2)).await.unwrap();
    first.close(PATIENCE).await;
    second.commit_sync(&offsets(&at(&topic, 0), 3)).await.unwrap();
    assert_eq!(second.committed(&[at(&topic, 0)]).await.unwrap()[&at(&topic, 0)].offset, 3);
}
