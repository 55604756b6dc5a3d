//! What is committed is seen as a whole, what is aborted never.

use std::time::Duration;

use milena_devbroker::DevBrokerConfig;
use milena_testkit::reference;

use super::support::{commit, committed, numbers, transactional, write};
use crate::support::{Harness, PATIENCE, rule};

rule!(committed_records_are_seen_and_aborted_ones_never: dev, real, cluster, secure);
async fn committed_records_are_seen_and_aborted_ones_never(on: Harness) {
    let topic = on.topic(2, &[]).await;
    let (producer, _) = transactional(&on, &[]).await;
    for (round, partition) in [(0, 0), (1, 1), (2, 0)] {
        let from = round * 100;
        commit(&producer, &topic, partition, from..from + 10).await;
        producer.begin_transaction().unwrap();
        write(&producer, &topic, partition, from + 10..from + 20).await.unwrap();
        producer.abort_transaction().await.unwrap();
    }
    producer.close(PATIENCE).await.unwrap();
    assert_eq!(committed(&on, &topic, 0).await, numbers(&[0..10, 200..210]));
    assert_eq!(committed(&on, &topic, 1).await, Vec::from_iter(100..110));
}

rule!(transactions_follow_each_other_without_a_pause: dev, real);
async fn transactions_follow_each_other_without_a_pause(on: Harness) {
    let topic = on.topic(8, &[]).await;
    let (producer, _) = transactional(&on, &[]).await;
    for round in 0..20 {
        producer.begin_transaction().unwrap();
        for partition in 0..8 {
            write(&producer, &topic, partition, round..round + 1).await.unwrap();
        }
        producer.commit_transaction().await.unwrap();
    }
    producer.close(PATIENCE).await.unwrap();
    for partition in 0..8 {
        assert_eq!(committed(&on, &topic, partition).await, Vec::from_iter(0..20));
    }
}

rule!(closing_aborts_what_is_open: dev, real);
async fn closing_aborts_what_is_open(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let (producer, _) = transactional(&on, &[]).await;
    commit(&producer, &topic, 0, 0..5).await;
    producer.begin_transaction().unwrap();
    write(&producer, &topic, 0, 5..10).await.unwrap();
    producer.close(PATIENCE).await.unwrap();
    // Nobody has to wait for transaction.timeout.ms.
    let seen = tokio::time::timeout(Duration::from_secs(20), committed(&on, &topic, 0)).await;
    assert_eq!(seen.unwrap(), Vec::from_iter(0..5));
}

async fn change_version(on: &Harness, direction: &str, feature: &str) {
    let tool = ["org.apache.kafka.tools.FeatureCommand", "--bootstrap-server", on.bootstrap()];
    reference::run_tool(&[&tool[..], &[direction, "--feature", feature]].concat(), None).await.unwrap();
}

rule!(version_1_works_as_version_2_does: dev, own);
async fn version_1_works_as_version_2_does(mut on: Harness) {
    match on.is_real() {
        true => change_version(&on, "downgrade", "transaction.version=1").await,
        false => {
            on = Harness::dev_with(DevBrokerConfig { transaction_version: 1, ..DevBrokerConfig::default() }).await;
        }
    }
    let topic = on.topic(1, &[("max.message.bytes", "2000")]).await;
    let (producer, _) = transactional(&on, &[]).await;
    let mut kept = Vec::new();
    for round in 0..3 {
        let from = round * 100;
        commit(&producer, &topic, 0, from..from + 10).await;
        kept.push(from..from + 10);
        producer.begin_transaction().unwrap();
        write(&producer, &topic, 0, from + 10..from + 20).await.unwrap();
        producer.abort_transaction().await.unwrap();
        // With an error, the epoch has to be raised before the next transaction.
        producer.begin_transaction().unwrap();
        write(&producer, &topic, 0, from + 20..from + 30).await.unwrap();
        producer.send(&topic, Some(0), None, None, Some(&[b'x'; 4000]), &[]).await.unwrap_err();
        assert!(producer.commit_transaction().await.unwrap_err().requires_abort());
        producer.abort_transaction().await.unwrap();
    }
    let other = on.topic(1, &[]).await;
    commit(&producer, &other, 0, 0..3).await;
    if on.is_real() {
        // An upgrade while the producer lives is noticed by the next connection at the latest.
        change_version(&on, "upgrade", "transaction.version=2").await;
    }
    commit(&producer, &other, 0, 3..6).await;
    let (newer, _) = transactional(&on, &[]).await;
    commit(&newer, &other, 0, 6..9).await;
    commit(&producer, &other, 0, 9..12).await;
    producer.close(PATIENCE).await.unwrap();
    assert_eq!(committed(&on, &topic, 0).await, numbers(&kept));
    assert_eq!(committed(&on, &other, 0).await, Vec::from_iter(0..12));
}
