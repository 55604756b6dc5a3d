//! Transactional producers, and what a reader of committed records sees.

use milena_kafka::Result;
use milena_kafka::consumer::StartOffset;
use milena_kafka::producer::{Completions, Producer};

use crate::support::{Harness, at, next, unique};

/// A transactional producer that is ready, with an id of its own.
pub async fn transactional(on: &Harness, pairs: &[(&str, &str)]) -> (Producer, Completions) {
    let id = unique("transaction");
    let mut all = vec![("transactional.id", id.as_str())];
    all.extend(pairs);
    let (producer, completions) = on.producer(&all);
    init(&producer).await;
    (producer, completions)
}

/// Initializes, however long a broker takes that has just been started.
pub async fn init(producer: &Producer) {
    while let Err(error) = producer.init_transactions().await {
        assert!(error.is_retriable(), "{error}");
    }
}

/// Writes numbers as values within the running transaction; gives an error of the first that fails.
pub async fn write(producer: &Producer, topic: &str, partition: i32, values: std::ops::Range<u32>) -> Result<()> {
    let mut written = Vec::new();
    for value in values {
        let value = value.to_string();
        written.push(producer.enqueue(topic, Some(partition), None, None, Some(value.as_bytes()), &[]).await?);
    }
    producer.flush().await?;
    for written in written {
        written.await?;
    }
    Ok(())
}

/// One transaction with numbers in a partition.
pub async fn commit(producer: &Producer, topic: &str, partition: i32, values: std::ops::Range<u32>) {
    producer.begin_transaction().unwrap();
    write(producer, topic, partition, values).await.unwrap();
    producer.commit_transaction().await.unwrap();
}

/// All that a reader of committed records sees in a partition, up to a record that is written now.
pub async fn committed(on: &Harness, topic: &str, partition: i32) -> Vec<u32> {
    let (plain, _) = on.producer(&[]);
    plain.send(topic, Some(partition), None, None, Some(b"end"), &[]).await.unwrap();
    let mut consumer = on.consumer(&[("isolation.level", "read_committed")]);
    consumer.assign(vec![(at(topic, partition), StartOffset::Earliest)]);
    let mut seen = Vec::new();
    loop {
        let milena_kafka::consumer::Polled::Records(batches) = next(&mut consumer).await else { continue };
        for batch in batches {
            for view in batch.records() {
                let value = String::from_utf8_lossy(view.value.unwrap_or_default()).into_owned();
                match value.as_str() {
                    "end" => return seen,
                    number => seen.push(number.parse().unwrap()),
                }
            }
        }
    }
}

/// Numbers as they are in a partition when all ranges were committed one after the other.
pub fn numbers(ranges: &[std::ops::Range<u32>]) -> Vec<u32> {
    ranges.iter().cloned().flatten().collect()
}
