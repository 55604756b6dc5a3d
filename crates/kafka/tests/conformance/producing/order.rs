//! Order per partition.

use milena_devbroker::{Api, FaultAction};
use milena_testkit::kafka::Signal;

use super::support::{append, assert_exact, ends};
use crate::support::{Harness, PATIENCE, rule};

/// Settings that keep order, each in its own way.
const ORDERED: [&[(&str, &str)]; 3] = [
    &[("max.in.flight.requests.per.connection", "5"), ("linger.ms", "0"), ("batch.size", "1000")],
    &[("max.in.flight.requests.per.connection", "1"), ("enable.idempotence", "false"), ("batch.size", "1000")],
    &[("max.in.flight.requests.per.connection", "1"), ("compression.type", "lz4"), ("buffer.memory", "40000")],
];

rule!(order_holds_per_partition_with_one_and_with_five_in_flight: dev, real, cluster, secure);
async fn order_holds_per_partition_with_one_and_with_five_in_flight(on: Harness) {
    for settings in ORDERED {
        let topic = on.topic(3, &[]).await;
        let (producer, mut completions) = on.producer(settings);
        append(&producer, &topic, 3, 0..20_000).await;
        producer.flush().await.unwrap();
        let mut next = [0u64, 1, 2];
        // A flush waits for everything: no record ends after it.
        while let Some(completion) = completions.try_next() {
            completion.result.unwrap();
            // Acknowledgements of a partition come in order too.
            for tag in completion.tags.iter() {
                let expected = &mut next[usize::try_from(completion.partition).unwrap()];
                assert_eq!(tag, *expected);
                *expected += 3;
            }
        }
        assert!(next.iter().all(|next| *next >= 20_000), "{next:?}");
        producer.close(PATIENCE).await.unwrap();
        assert_exact(&on, &topic, 3, 20_000).await;
    }
}

rule!(an_answer_that_is_lost_neither_repeats_nor_reorders: dev; fault);
async fn an_answer_that_is_lost_neither_repeats_nor_reorders(on: Harness) {
    let faults = on.dev_broker().faults();
    for action in [FaultAction::ApplyThenDrop, FaultAction::Drop, FaultAction::Error(7), FaultAction::Error(19)] {
        let topic = on.topic(2, &[]).await;
        let settings = [("linger.ms", "0"), ("batch.size", "500"), ("retry.backoff.ms", "10")];
        let (producer, mut completions) = on.producer(&settings);
        append(&producer, &topic, 2, 0..500).await;
        for round in 1..10 {
            faults.next(Api::Produce, 2, action);
            append(&producer, &topic, 2, round * 500..round * 500 + 500).await;
        }
        producer.flush().await.unwrap();
        for completion in ends(&mut completions, 5000).await {
            completion.result.unwrap();
        }
        faults.clear();
        producer.close(PATIENCE).await.unwrap();
        assert_exact(&on, &topic, 2, 5000).await;
    }
}

rule!(connections_that_are_cut_neither_repeat_nor_reorder: proxy; fault);
async fn connections_that_are_cut_neither_repeat_nor_reorder(on: Harness) {
    let topic = on.topic(2, &[]).await;
    let (producer, mut completions) = on.producer(&[("linger.ms", "0"), ("batch.size", "500")]);
    for round in 0..5 {
        append(&producer, &topic, 2, round * 2000..round * 2000 + 2000).await;
        // Some of it is on its way.
        on.proxied().cut().unwrap();
        on.proxied().mend().unwrap();
    }
    producer.flush().await.unwrap();
    for completion in ends(&mut completions, 10_000).await {
        completion.result.unwrap();
    }
    producer.close(PATIENCE).await.unwrap();
    assert_exact(&on, &topic, 2, 10_000).await;
}

rule!(order_holds_without_idempotence_when_one_is_in_flight: own; fault);
async fn order_holds_without_idempotence_when_one_is_in_flight(mut on: Harness) {
    let topic = on.topic(2, &[]).await;
    let settings = [("max.in.flight.requests.per.connection", "1"), ("enable.idempotence", "false")];
    let (producer, mut completions) = on.producer(&settings);
    append(&producer, &topic, 2, 0..5000).await;
    let more = append(&producer, &topic, 2, 5000..20_000);
    let (restarted, ()) = tokio::join!(on.with_real(|broker| broker.kill().and_then(|()| broker.restart())), more);
    restarted.unwrap();
    producer.flush().await.unwrap();
    for completion in ends(&mut completions, 20_000).await {
        completion.result.unwrap();
    }
    producer.close(PATIENCE).await.unwrap();
    for values in super::support::stored(&on, &topic, 2).await.values_mut() {
        // A batch may be there twice, since its answer was lost, but then as a whole and before the next one.
        let mut distinct = values.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 10_000, "records are lost");
        let falls = values.windows(2).filter(|pair| pair[1] <= pair[0]).count();
        assert!(falls <= 2, "{falls} times back");
    }
}

rule!(order_holds_when_leaders_move: cluster; fault);
async fn order_holds_when_leaders_move(mut on: Harness) {
    let topic = on.topic(6, &[("min.insync.replicas", "2")]).await;
    let (producer, mut completions) = on.producer(&[("linger.ms", "0"), ("batch.size", "2000")]);
    let mut next = 0;
    for node in 1..=3 {
        append(&producer, &topic, 6, next..next + 5000).await;
        let more = append(&producer, &topic, 6, next + 5000..next + 15_000);
        let (killed, ()) = tokio::join!(on.with_real(move |cluster| cluster.signal(node, Signal::KILL)), more);
        killed.unwrap();
        append(&producer, &topic, 6, next + 15_000..next + 20_000).await;
        producer.flush().await.unwrap();
        next += 20_000;
        on.with_real(|cluster| cluster.restart()).await.unwrap();
    }
    for completion in ends(&mut completions, usize::try_from(next).unwrap()).await {
        completion.result.unwrap();
    }
    producer.close(PATIENCE).await.unwrap();
    assert_exact(&on, &topic, 6, next).await;
}
