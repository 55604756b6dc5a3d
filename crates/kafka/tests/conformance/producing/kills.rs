//! The broker is killed and frozen while records are on their way.

use std::time::Duration;

use super::support::{append, assert_exact};
use crate::support::{Harness, PATIENCE, rule};

const PARTITIONS: i32 = 4;

rule!(an_idempotent_producer_is_exact_through_kills_and_freezes: own; fault);
async fn an_idempotent_producer_is_exact_through_kills_and_freezes(on: Harness) {
    exact(on, 100_000, 2, 1).await;
}

rule!(a_million_records_through_ten_kills_and_five_freezes_are_exact: own; long);
async fn a_million_records_through_ten_kills_and_five_freezes_are_exact(on: Harness) {
    exact(on, 1_000_000, 10, 5).await;
}

async fn exact(mut on: Harness, records: u64, kills: u64, freezes: u64) {
    let topic = on.topic(PARTITIONS, &[]).await;
    let settings = [
        ("delivery.timeout.ms", "600000"),
        ("request.timeout.ms", "5000"),
        ("buffer.memory", "1000000"),
        ("linger.ms", "0"),
    ];
    let (producer, mut completions) = on.producer(&settings);
    let writing = tokio::spawn({
        let (producer, topic) = (producer.clone(), topic.clone());
        async move {
            append(&producer, &topic, PARTITIONS, 0..records).await;
            producer.flush().await.unwrap();
        }
    });
    let faults = kills + freezes;
    let (mut done, mut acknowledged) = (0, 0);
    while acknowledged < records {
        let completion = completions.next().await.unwrap();
        completion.result.unwrap();
        acknowledged += u64::try_from(completion.tags.len()).unwrap();
        if done < faults && acknowledged >= (done + 1) * records / (faults + 2) {
            done += 1;
            let freeze = done % 3 == 0 && done / 3 <= freezes || done > kills + freezes.min(faults / 3);
            match freeze {
                // Longer than a request may take.
                true => on.freeze(Duration::from_secs(7)).await,
                false => on.kill_and_restart().await,
            }
        }
    }
    assert_eq!(done, faults);
    writing.await.unwrap();
    producer.close(PATIENCE).await.unwrap();
    assert_exact(&on, &topic, PARTITIONS, records).await;
}
