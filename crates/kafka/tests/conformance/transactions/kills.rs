//! The broker is killed and frozen while transactions run, and zombies try to write.

use std::sync::Arc;
use std::time::Duration;

use milena_kafka::Result;
use milena_kafka::producer::Producer;
use milena_testkit::reference;
use tokio::sync::watch;

use super::support::{committed, init, write};
use crate::support::{Harness, PATIENCE, rule, unique};

const PARTITIONS: i32 = 3;
/// Records of one transaction in each partition.
const EACH: u32 = 30;
/// What zombies write.
const ZOMBIE: u32 = 3_000_000_000;

rule!(transactions_are_atomic_through_kills_and_freezes_as_java_sees_it: own; fault);
async fn transactions_are_atomic_through_kills_and_freezes_as_java_sees_it(on: Harness) {
    atomic(on, 300, 2, 1).await;
}

rule!(a_million_records_in_transactions_through_ten_kills_and_five_freezes_are_atomic: own; long);
async fn a_million_records_in_transactions_through_ten_kills_and_five_freezes_are_atomic(on: Harness) {
    atomic(on, 1_000_000 / (EACH * 3), 10, 5).await;
}

fn is_aborted(transaction: u32) -> bool {
    transaction % 5 == 4
}

fn values(transaction: u32) -> std::ops::Range<u32> {
    transaction * EACH..transaction * EACH + EACH
}

fn producer(on: &Harness, id: &str) -> Producer {
    let pairs = [("transactional.id", id), ("request.timeout.ms", "5000"), ("linger.ms", "0")];
    on.producer(&pairs).0
}

/// Writes a transaction and ends it; tells whether that worked.
async fn attempt(producer: &Producer, topic: &str, transaction: u32, begun: &watch::Sender<u32>) -> Result<()> {
    producer.begin_transaction()?;
    for partition in 0..PARTITIONS {
        write(producer, topic, partition, values(transaction)).await?;
        // The broker takes records only when the markers of the transaction before are written. One that is killed between the outcome and its
        // markers may forget these: as it starts, its coordinator looks for leaders before it knows any, and leaves markers out.
        begun.send_replace(transaction);
    }
    loop {
        let ended = match is_aborted(transaction) {
            true => producer.abort_transaction().await,
            false => producer.commit_transaction().await,
        };
        match ended {
            // Its outcome is not known yet.
            Err(error) if error.is_retriable() => {}
            ended => return ended,
        }
    }
}

/// Runs a transaction until it has ended as it should.
async fn run(producer: &Producer, topic: &str, transaction: u32, begun: &watch::Sender<u32>) {
    while let Err(error) = attempt(producer, topic, transaction, begun).await {
        assert!(!error.is_fatal(), "{error}");
        while let Err(error) = producer.abort_transaction().await {
            assert!(error.is_retriable(), "{error}");
        }
    }
}

/// Another producer takes over while this one is in the middle of a transaction, and goes on as if it did not know.
async fn take_over(on: &Harness, id: &str, zombie: Producer, topic: &str) -> Producer {
    zombie.begin_transaction().unwrap();
    // A broker that is away may keep it from writing; then it tries later.
    drop(write(&zombie, topic, 0, ZOMBIE..ZOMBIE + 5).await);
    let successor = producer(on, id);
    init(&successor).await;
    let later = write(&zombie, topic, 1, ZOMBIE + 5..ZOMBIE + 10).await;
    let mut ended = zombie.commit_transaction().await;
    loop {
        match ended {
            Ok(()) => panic!("a zombie has committed, after {later:?}"),
            Err(error) if error.is_fatal() => break,
            Err(error) if error.requires_abort() => ended = zombie.abort_transaction().await,
            Err(error) => {
                assert!(error.is_retriable(), "{error}");
                ended = zombie.commit_transaction().await;
            }
        }
    }
    zombie.close(PATIENCE).await.unwrap();
    successor
}

async fn atomic(on: Harness, transactions: u32, kills: u32, freezes: u32) {
    let topic = on.topic(PARTITIONS, &[]).await;
    let id = unique("transaction");
    let (begun, mut at) = watch::channel(0);
    let on = Arc::new(tokio::sync::RwLock::new(on));
    let writing = tokio::spawn({
        let (topic, on) = (topic.clone(), Arc::clone(&on));
        async move {
            let mut writer = producer(&*on.read().await, &id);
            init(&writer).await;
            for transaction in 0..transactions {
                run(&writer, &topic, transaction, &begun).await;
                if transaction % 60 == 30 {
                    let on = on.read().await;
                    writer = take_over(&on, &id, writer, &topic).await;
                }
            }
            writer.close(PATIENCE).await.unwrap();
        }
    });
    let faults = kills + freezes;
    for fault in 1..=faults {
        if at.wait_for(|at| *at >= fault * transactions / (faults + 1)).await.is_err() {
            panic!("the writer ended: {:?}", writing.await);
        }
        let mut on = on.write().await;
        match fault % 3 == 0 {
            // Longer than a request may take.
            true => on.freeze(Duration::from_secs(7)).await,
            false => on.kill_and_restart().await,
        }
    }
    writing.await.unwrap();
    let on = on.read().await;
    let expected: Vec<u32> =
        (0..transactions).filter(|transaction| !is_aborted(*transaction)).flat_map(values).collect();
    for partition in 0..PARTITIONS {
        let found = committed(&on, &topic, partition).await;
        let first = found.iter().zip(&expected).position(|(found, expected)| found != expected);
        let around = first.map(|at| &found[at.saturating_sub(3)..found.len().min(at + 12)]);
        assert!(
            found == expected,
            "partition {partition}: {} values instead of {}, not as expected from {first:?} on: {around:?}",
            found.len(),
            expected.len()
        );
    }
    let arguments = [
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        "--bootstrap-server",
        on.bootstrap(),
        "--topic",
        &topic,
        "--from-beginning",
        "--isolation-level",
        "read_committed",
        "--timeout-ms",
        "15000",
    ];
    let seen = reference::run_tool(&arguments, None).await.unwrap();
    let mut seen: Vec<u32> = seen.lines().filter(|line| *line != "end").map(|line| line.parse().unwrap()).collect();
    seen.sort_unstable();
    let mut expected: Vec<u32> = expected.iter().flat_map(|value| [*value; 3]).collect();
    expected.sort_unstable();
    assert!(seen == expected, "Java sees {} records instead of {}", seen.len(), expected.len());
}
