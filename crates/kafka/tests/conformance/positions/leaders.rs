//! Leaders that move, and logs that lose records with them.

use std::time::Duration;

use milena_devbroker::{Api, DevBrokerConfig, Fault, FaultAction};
use milena_kafka::Error;
use milena_kafka::admin::NewTopic;
use milena_kafka::consumer::{Consumer, Polled, StartOffset};
use milena_testkit::kafka::Signal;

use super::resets::failure;
use crate::support::{Harness, PATIENCE, at, produce, read, rule, unique};

rule!(a_leader_that_moves_is_followed_without_a_record_lost_or_repeated: dev);
async fn a_leader_that_moves_is_followed_without_a_record_lost_or_repeated(_: Harness) {
    let on = Harness::dev_with(DevBrokerConfig::nodes(3)).await;
    let topic = on.topic(1, &[]).await;
    let (producer, mut completions) = on.producer(&[]);
    let mut consumer = on.consumer(&[]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    let mut all = Vec::new();
    for round in 0..9 {
        let leader = on.dev_broker().leader(&topic, 0).unwrap();
        on.dev_broker().move_leader(&topic, 0, leader % 3 + 1).unwrap();
        produce(&producer, &mut completions, &topic, 0, round * 10..(round + 1) * 10).await;
        all.extend(read(&mut consumer, 10).await);
    }
    let expected: Vec<_> = (0..90).map(|n: i64| (0, n, n.to_string())).collect();
    assert!(all == expected, "{} records", all.len());
}

rule!(a_consumer_reads_from_the_replica_in_its_rack_and_from_the_leader_without_it: dev);
async fn a_consumer_reads_from_the_replica_in_its_rack_and_from_the_leader_without_it(_: Harness) {
    let racks = ["a", "b", "c"].map(str::to_owned).to_vec();
    let on = Harness::dev_with(DevBrokerConfig { racks, follower_fetching: true, ..DevBrokerConfig::nodes(3) }).await;
    let topic = on.topic(1, &[]).await;
    on.dev_broker().move_leader(&topic, 0, 1).unwrap();
    on.write(&topic, 0, 0..10).await;
    let mut consumer = on.consumer(&[("client.rack", "c")]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    assert_eq!(read(&mut consumer, 10).await.len(), 10);
    // The replica goes, and reading goes on at the leader.
    on.dev_broker().stop_node(3).await.unwrap();
    on.write(&topic, 0, 10..20).await;
    assert_eq!(read(&mut consumer, 10).await.len(), 10);
    on.dev_broker().start_node(3).await.unwrap();
    on.write(&topic, 0, 20..30).await;
    assert_eq!(read(&mut consumer, 10).await.last().map(|(_, offset, _)| *offset), Some(29));
    assert!(matches!(consumer.poll(Duration::from_millis(50)).await.unwrap(), Polled::Empty));
}

rule!(a_replica_that_only_the_consumer_cannot_reach_is_left_for_the_leader: dev; fault);
async fn a_replica_that_only_the_consumer_cannot_reach_is_left_for_the_leader(_: Harness) {
    let racks = ["a", "b", "c"].map(str::to_owned).to_vec();
    let on = Harness::dev_with(DevBrokerConfig { racks, follower_fetching: true, ..DevBrokerConfig::nodes(3) }).await;
    let topic = on.topic(1, &[]).await;
    on.dev_broker().move_leader(&topic, 0, 1).unwrap();
    let (producer, mut completions) = on.producer(&[]);
    produce(&producer, &mut completions, &topic, 0, 0..10).await;
    // The leader goes on naming it.
    let fault = Fault::on(Api::ApiVersions, FaultAction::Drop).node(3).client("in-rack-c").always();
    on.dev_broker().faults().add(fault);
    let mut consumer = on.consumer(&[("client.rack", "c"), ("client.id", "in-rack-c")]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    assert_eq!(read(&mut consumer, 10).await.len(), 10);
    let tries = |on: &Harness| on.dev_broker().faults().history().len();
    assert!(tries(&on) > 0, "it was tried");
    produce(&producer, &mut completions, &topic, 0, 10..20).await;
    assert_eq!(read(&mut consumer, 10).await.last().map(|(_, offset, _)| *offset), Some(19));
    assert!(tries(&on) < 10, "{} times", tries(&on));
}

/// Requests to a node that is frozen do not take long to fail.
const HASTE: [(&str, &str); 3] =
    [("request.timeout.ms", "3000"), ("default.api.timeout.ms", "20000"), ("metadata.max.age.ms", "2000")];

/// Waits until a partition is as wished: its leader and replicas in sync.
async fn wait_for(on: &Harness, topic: &str, wished: impl Fn(Option<i32>, &[i32]) -> bool) {
    let admin = on.admin(&HASTE);
    let waiting = async {
        loop {
            if let Ok(described) = admin.describe_topic(topic).await
                && let Some(partition) = described.partitions.first()
                && wished(partition.leader, &partition.in_sync)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE * 2, waiting).await.unwrap();
}

async fn signal(on: &mut Harness, node: i32, signal: Signal) {
    let node = u16::try_from(node).unwrap();
    on.with_real(move |cluster| cluster.signal(node, signal).unwrap()).await;
}

rule!(a_leader_that_dies_is_replaced_without_a_record_lost_or_repeated: cluster; fault);
async fn a_leader_that_dies_is_replaced_without_a_record_lost_or_repeated(mut on: Harness) {
    let topic = on.topic(1, &[]).await;
    on.write(&topic, 0, 0..500).await;
    let mut consumer = on.consumer(&HASTE);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    let mut all = read(&mut consumer, 500).await;
    for round in 1..4 {
        let leader = on.admin(&HASTE).describe_topic(&topic).await.unwrap().partitions[0].leader.unwrap();
        signal(&mut on, leader, Signal::KILL).await;
        wait_for(&on, &topic, |now, _| now.is_some_and(|now| now != leader)).await;
        on.write(&topic, 0, round * 500..(round + 1) * 500).await;
        all.extend(read(&mut consumer, 500).await);
        on.with_real(|cluster| cluster.restart().unwrap()).await;
        wait_for(&on, &topic, |_, in_sync| in_sync.len() == 3).await;
    }
    let expected: Vec<_> = (0..2000).map(|n: i64| (0, n, n.to_string())).collect();
    assert!(all == expected, "{} records", all.len());
}

rule!(a_log_that_lost_records_is_noticed_and_reading_goes_on_where_it_became_another: cluster; fault);
async fn a_log_that_lost_records_is_noticed_and_reading_goes_on_where_it_became_another(mut on: Harness) {
    let topic = unique("truncated");
    let mut new = NewTopic::new(topic.as_str(), 1, 2);
    new.configs.push(("unclean.leader.election.enable".to_owned(), "true".to_owned()));
    on.admin(&HASTE).create_topics(vec![new]).await.unwrap().pop().unwrap().1.unwrap();
    wait_for(&on, &topic, |leader, in_sync| leader.is_some() && in_sync.len() == 2).await;
    on.write(&topic, 0, 0..10).await;
    let described = on.admin(&HASTE).describe_topic(&topic).await.unwrap().partitions.remove(0);
    let leader = described.leader.unwrap();
    let follower = described.replicas.into_iter().find(|node| *node != leader).unwrap();

    // Ten records that only the leader has, and that consumers have read.
    signal(&mut on, follower, Signal::STOP).await;
    wait_for(&on, &topic, |_, in_sync| in_sync == [leader]).await;
    on.write(&topic, 0, 10..20).await;
    let start = |policy| -> Consumer {
        let pairs: Vec<_> = HASTE.into_iter().chain([("auto.offset.reset", policy)]).collect();
        let mut consumer = on.consumer(&pairs);
        consumer.assign(vec![(at(&topic, 0), StartOffset::Offset(0))]);
        consumer
    };
    let (mut with_policy, mut without) = (start("latest"), start("none"));
    for consumer in [&mut with_policy, &mut without] {
        assert_eq!(read(consumer, 20).await.len(), 20);
    }

    // The follower leads, without them, and gets others.
    signal(&mut on, leader, Signal::STOP).await;
    signal(&mut on, follower, Signal::CONT).await;
    wait_for(&on, &topic, |now, _| now == Some(follower)).await;
    on.write(&topic, 0, 100..130).await;
    let records = read(&mut with_policy, 30).await;
    let expected: Vec<_> = (10..40).map(|n: i64| (0, n, (n + 90).to_string())).collect();
    assert!(records == expected, "from {:?} on", records.first());
    for _ in 0..2 {
        let error = failure(&mut without).await;
        assert!(matches!(error, Error::LogTruncated { offset: 20, diverges_at: Some(10), .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(&topic) && text.contains("offset 20") && text.contains("offset 10"), "{text}");
        assert_eq!(error.java_class(), "org.apache.kafka.clients.consumer.LogTruncationException");
    }
    without.seek(&at(&topic, 0), 10);
    assert_eq!(read(&mut without, 30).await.first().map(|(_, _, value)| value.clone()), Some("100".to_owned()));
    signal(&mut on, leader, Signal::CONT).await;
    wait_for(&on, &topic, |_, in_sync| in_sync.len() == 2).await;
}
