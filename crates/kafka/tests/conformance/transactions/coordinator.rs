//! Coordinators that are slow, die, come back or move.

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use milena_testkit::kafka::Signal;

use super::support::{commit, committed, transactional, write};
use crate::support::{Harness, PATIENCE, rule};

rule!(a_transaction_goes_on_through_a_restart_of_the_broker: own; fault);
async fn a_transaction_goes_on_through_a_restart_of_the_broker(mut on: Harness) {
    let topic = on.topic(2, &[]).await;
    let (producer, _) = transactional(&on, &[]).await;
    commit(&producer, &topic, 0, 0..5).await;
    producer.begin_transaction().unwrap();
    write(&producer, &topic, 0, 5..10).await.unwrap();
    on.with_real(|broker| broker.kill().and_then(|()| broker.restart())).await.unwrap();
    write(&producer, &topic, 1, 0..5).await.unwrap();
    producer.commit_transaction().await.unwrap();
    producer.begin_transaction().unwrap();
    write(&producer, &topic, 1, 5..10).await.unwrap();
    // The commit itself meets a broker that is away.
    on.with_real(|broker| broker.kill()).await.unwrap();
    let commit = producer.commit_transaction();
    let (committed_then, restarted) = tokio::join!(commit, on.with_real(|broker| broker.restart()));
    restarted.unwrap();
    committed_then.unwrap();
    producer.close(PATIENCE).await.unwrap();
    assert_eq!(committed(&on, &topic, 0).await, Vec::from_iter(0..10));
    assert_eq!(committed(&on, &topic, 1).await, Vec::from_iter(0..10));
}

rule!(a_commit_that_was_not_waited_for_can_be_called_again: own; fault);
async fn a_commit_that_was_not_waited_for_can_be_called_again(mut on: Harness) {
    let topic = on.topic(1, &[]).await;
    let (producer, _) = transactional(&on, &[("max.block.ms", "1000")]).await;
    producer.begin_transaction().unwrap();
    write(&producer, &topic, 0, 0..5).await.unwrap();
    on.with_real(|broker| broker.pause()).await.unwrap();
    let started = Instant::now();
    let error = producer.commit_transaction().await.unwrap_err();
    assert!(error.is_retriable() && !error.requires_abort(), "{error}");
    assert!(error.to_string().contains("max.block.ms"), "{error}");
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(1000) && waited < Duration::from_millis(1500), "{waited:?}");
    // Nothing else is possible until the outcome is known.
    for error in [producer.abort_transaction().await.unwrap_err(), producer.begin_transaction().unwrap_err()] {
        assert!(error.to_string().contains("commit_transaction"), "{error}");
    }
    on.with_real(|broker| broker.resume()).await.unwrap();
    while let Err(error) = producer.commit_transaction().await {
        assert!(error.is_retriable(), "{error}");
    }
    // Dropping the future is like not having waited long enough.
    producer.begin_transaction().unwrap();
    write(&producer, &topic, 0, 5..10).await.unwrap();
    {
        let mut commit = std::pin::pin!(producer.commit_transaction());
        assert!(poll_fn(|cx| Poll::Ready(commit.as_mut().poll(cx))).await.is_pending());
    }
    assert!(producer.begin_transaction().is_err());
    producer.commit_transaction().await.unwrap();
    commit(&producer, &topic, 0, 10..15).await;
    producer.close(PATIENCE).await.unwrap();
    assert_eq!(committed(&on, &topic, 0).await, Vec::from_iter(0..15));
}

rule!(a_transaction_that_takes_too_long_is_ended_by_the_broker: dev, real);
async fn a_transaction_that_takes_too_long_is_ended_by_the_broker(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let (producer, _) = transactional(&on, &[("transaction.timeout.ms", "1000")]).await;
    producer.begin_transaction().unwrap();
    write(&producer, &topic, 0, 0..5).await.unwrap();
    // The broker looks every ten seconds. Readers of committed records wait for it.
    assert!(committed(&on, &topic, 0).await.is_empty());
    let error = producer.commit_transaction().await.unwrap_err();
    assert!(error.requires_abort() || error.is_fatal(), "{error}");
    if error.requires_abort() {
        producer.abort_transaction().await.unwrap();
        commit(&producer, &topic, 0, 5..10).await;
    }
    producer.close(PATIENCE).await.unwrap();
}

rule!(a_transaction_goes_on_when_its_coordinator_and_leaders_move: cluster; fault);
async fn a_transaction_goes_on_when_its_coordinator_and_leaders_move(mut on: Harness) {
    let topic = on.topic(6, &[("min.insync.replicas", "2")]).await;
    let (producer, _) = transactional(&on, &[]).await;
    let mut kept = 0;
    for node in 1..=on.with_real(|cluster| cluster.nodes()).await {
        producer.begin_transaction().unwrap();
        for partition in 0..6 {
            write(&producer, &topic, partition, kept..kept + 5).await.unwrap();
        }
        on.with_real(move |cluster| cluster.signal(node, Signal::KILL)).await.unwrap();
        for partition in 0..6 {
            write(&producer, &topic, partition, kept + 5..kept + 10).await.unwrap();
        }
        producer.commit_transaction().await.unwrap();
        kept += 10;
        on.with_real(|cluster| cluster.restart()).await.unwrap();
    }
    producer.close(PATIENCE).await.unwrap();
    for partition in 0..6 {
        assert_eq!(committed(&on, &topic, partition).await, (0..kept).collect::<Vec<_>>());
    }
}
