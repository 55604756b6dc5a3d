use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use milena_kafka::consumer::{Consumer, OffsetAndMetadata, Polled, Subscription};
use milena_kafka::{Error, TopicPartition};

use crate::support::*;

const QUICK: [(&str, &str); 2] = [("heartbeat.interval.ms", "100"), ("session.timeout.ms", "6000")];

fn member(bootstrap: &str, group: &str, pairs: &[(&str, &str)]) -> Consumer {
    let pairs: Vec<_> = QUICK.iter().chain(&[("group.id", group)]).chain(pairs).copied().collect();
    consumer(bootstrap, &pairs)
}

fn topics(topic: &str) -> Subscription {
    Subscription::Topics(vec![topic.to_owned()])
}

async fn assigned(consumer: &mut Consumer) -> Vec<TopicPartition> {
    loop {
        match next(consumer).await {
            Polled::Assigned(partitions) => return partitions,
            Polled::Records(_) => {}
            event => panic!("{event:?} instead of an assignment"),
        }
    }
}

#[tokio::test]
async fn a_member_gets_everything_and_its_commits_are_where_the_next_one_begins() {
    let bootstrap = bootstrap!();
    let (topic, group) = (topic(&bootstrap, 2, &[]).await, unique("group"));
    write(&bootstrap, &topic, 1, 0..100).await;
    let mut first = member(&bootstrap, &group, &[]);
    first.subscribe(topics(&topic));
    assert_eq!(assigned(&mut first).await, [at(&topic, 0), at(&topic, 1)]);
    assert_eq!(first.position(&at(&topic, 1)), Some(0), "positions are known with the assignment");
    read(&mut first, 100).await;
    let offsets = BTreeMap::from([(at(&topic, 1), OffsetAndMetadata::new(60))]);
    let pending = first.commit_async(&BTreeMap::from([(at(&topic, 1), OffsetAndMetadata::new(30))]));
    first.commit_sync(&offsets).await.unwrap();
    pending.await.unwrap();
    first.close(PATIENCE).await;

    let mut second = member(&bootstrap, &group, &[]);
    second.subscribe(topics(&topic));
    assigned(&mut second).await;
    assert_eq!(second.position(&at(&topic, 1)), Some(60));
    assert_eq!(read(&mut second, 40).await.first().map(|record| record.1), Some(60));
}

#[tokio::test]
async fn partitions_change_hands_only_after_the_owner_is_done_with_them() {
    let bootstrap = bootstrap!();
    let (topic, group) = (topic(&bootstrap, 4, &[]).await, unique("group"));
    for partition in 0..4 {
        write(&bootstrap, &topic, partition, 0..10).await;
    }
    let mut first = member(&bootstrap, &group, &[]);
    first.subscribe(topics(&topic));
    assert_eq!(assigned(&mut first).await.len(), 4);
    read(&mut first, 40).await;

    let mut second = member(&bootstrap, &group, &[]);
    second.subscribe(topics(&topic));
    let joining = tokio::spawn(async move {
        let partitions = assigned(&mut second).await;
        (second, partitions)
    });
    let given_up = loop {
        match next(&mut first).await {
            Polled::Revoking(partitions) => break partitions,
            Polled::Records(_) => {}
            event => panic!("{event:?}"),
        }
    };
    assert_eq!(given_up.len(), 4, "eager: everything is given up");
    // The other one has nothing while this one is busy, heartbeats or not.
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!joining.is_finished());
    }
    let offsets = given_up.iter().map(|at| (at.clone(), OffsetAndMetadata::new(7))).collect();
    first.commit_sync(&offsets).await.unwrap();
    let mine = assigned(&mut first).await;
    let (mut second, others) = joining.await.unwrap();
    assert_eq!((mine.len(), others.len()), (2, 2));
    assert!(mine.iter().all(|at| !others.contains(at)));
    for at in &others {
        assert_eq!(second.position(at), Some(7), "what was committed while revoking counts");
    }

    // When one leaves, the other gets all again, well before a session would time out.
    let started = std::time::Instant::now();
    first.close(PATIENCE).await;
    loop {
        match next(&mut second).await {
            Polled::Assigned(partitions) if partitions.len() == 4 => break,
            _ => {}
        }
    }
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_consumer_that_is_dropped_leaves_by_itself() {
    let bootstrap = bootstrap!();
    let (topic, group) = (topic(&bootstrap, 1, &[]).await, unique("group"));
    let mut first = member(&bootstrap, &group, &[("session.timeout.ms", "45000")]);
    first.subscribe(topics(&topic));
    assigned(&mut first).await;
    drop(first);
    let started = std::time::Instant::now();
    let mut second = member(&bootstrap, &group, &[]);
    second.subscribe(topics(&topic));
    assert_eq!(assigned(&mut second).await.len(), 1);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn an_owner_that_does_not_poll_loses_its_partitions_and_cannot_commit() {
    let bootstrap = bootstrap!();
    let (topic, group) = (topic(&bootstrap, 1, &[]).await, unique("group"));
    let mut consumer = member(&bootstrap, &group, &[("max.poll.interval.ms", "1000")]);
    consumer.subscribe(topics(&topic));
    assigned(&mut consumer).await;
    let offsets = BTreeMap::from([(at(&topic, 0), OffsetAndMetadata::new(0))]);
    // Commits until one is refused: that is when the member has left.
    let error = loop {
        match consumer.commit_sync(&offsets).await {
            Ok(()) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::CommitFailed { .. }), "{error:?}");
    assert!(matches!(next(&mut consumer).await, Polled::Lost(partitions) if partitions == [at(&topic, 0)]));
    assert!(consumer.assignment().is_empty());
    assert_eq!(assigned(&mut consumer).await, [at(&topic, 0)], "polling again, it comes back");
    consumer.commit_sync(&offsets).await.unwrap();
}

#[tokio::test]
async fn new_topics_and_partitions_are_noticed() {
    let bootstrap = bootstrap!();
    let (group, prefix) = (unique("group"), unique("pattern"));
    let admin = admin(&bootstrap);
    let create = |name: String| {
        let admin = admin.clone();
        async move {
            let new = milena_kafka::admin::NewTopic::new(name, 1, 1);
            admin.create_topics(vec![new]).await.unwrap().into_iter().for_each(|(_, created)| created.unwrap());
        }
    };
    create(format!("{prefix}-a")).await;
    let mut consumer = member(&bootstrap, &group, &[("metadata.max.age.ms", "300")]);
    let wanted = prefix.clone();
    consumer.subscribe(Subscription::Pattern(Arc::new(move |topic| topic.starts_with(&wanted))));
    assert_eq!(assigned(&mut consumer).await, [at(&format!("{prefix}-a"), 0)]);

    create(format!("{prefix}-b")).await;
    assert!(matches!(next(&mut consumer).await, Polled::Revoking(_)));
    assert_eq!(assigned(&mut consumer).await, [at(&format!("{prefix}-a"), 0), at(&format!("{prefix}-b"), 0)]);

    admin.create_partitions(&format!("{prefix}-a"), 3).await.unwrap();
    assert!(matches!(next(&mut consumer).await, Polled::Revoking(_)));
    assert_eq!(assigned(&mut consumer).await.len(), 4);
}

#[tokio::test]
async fn a_wish_to_close_interrupts_a_held_join() {
    let bootstrap = bootstrap!();
    let (topic, group) = (topic(&bootstrap, 1, &[]).await, unique("group"));
    let mut first = member(&bootstrap, &group, &[]);
    first.subscribe(topics(&topic));
    assigned(&mut first).await;
    // The first does not poll, so this one's join is held.
    let mut second = member(&bootstrap, &group, &[]);
    second.subscribe(topics(&topic));
    assert!(matches!(second.poll(Duration::from_millis(700)).await.unwrap(), Polled::Empty));
    let started = std::time::Instant::now();
    second.close(PATIENCE).await;
    assert!(started.elapsed() < Duration::from_secs(3));
}
