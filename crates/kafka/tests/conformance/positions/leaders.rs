//! Leaders that move, and logs that lose records with them.

use std::time::Duration;

use milena_devbroker::DevBrokerConfig;
use milena_kafka::consumer::{Polled, StartOffset};

use crate::support::{Harness, at, produce, read, rule};

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
