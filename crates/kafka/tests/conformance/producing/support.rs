//! Many records in, and a judgement on what came out.

use std::collections::BTreeMap;

use milena_kafka::consumer::StartOffset;
use milena_kafka::producer::{Append, Completion, Completions, Producer, ProducerRecord};

use crate::support::{Harness, at, read};

/// A record without anything but its place and value.
pub fn record<'a>(topic: &'a str, partition: i32, value: &'a [u8]) -> ProducerRecord<'a> {
    ProducerRecord { topic, partition: Some(partition), timestamp: None, key: None, value: Some(value), headers: &[] }
}

/// Appends numbers as values, each tagged with itself, to partitions in turn; waits for memory, not for acknowledgements.
pub async fn append(producer: &Producer, topic: &str, partitions: i32, numbers: std::ops::Range<u64>) {
    producer.ensure_topic(topic).await.unwrap();
    let mut next = numbers.start;
    while next < numbers.end {
        let mut appender = producer.begin().await.unwrap();
        for _ in 0..500.min(numbers.end - next) {
            let value = next.to_string();
            let partition = i32::try_from(next % u64::try_from(partitions).unwrap()).unwrap();
            match appender.append(&record(topic, partition, value.as_bytes()), next).unwrap() {
                Append::Appended => next += 1,
                Append::Full => break,
                Append::UnknownTopic => panic!("the topic is known"),
            }
        }
    }
}

/// Completions until `count` records have ended.
pub async fn ends(completions: &mut Completions, count: usize) -> Vec<Completion> {
    let (mut all, mut ended) = (Vec::new(), 0);
    while ended < count {
        let completion = completions.next().await.unwrap();
        ended += completion.tags.len();
        all.push(completion);
    }
    assert_eq!(ended, count, "a record ended twice");
    all
}

/// What is in each partition now, in its order.
pub async fn stored(on: &Harness, topic: &str, partitions: i32) -> BTreeMap<i32, Vec<u64>> {
    let (producer, _) = on.producer(&[]);
    let mut records = 0;
    for partition in 0..partitions {
        let end = producer.send(topic, Some(partition), None, None, Some(b"0"), &[]).await.unwrap();
        records += usize::try_from(end.offset.unwrap()).unwrap();
    }
    let mut consumer = on.consumer(&[]);
    consumer.assign((0..partitions).map(|partition| (at(topic, partition), StartOffset::Earliest)).collect());
    let mut by_partition: BTreeMap<i32, Vec<u64>> = (0..partitions).map(|partition| (partition, Vec::new())).collect();
    for (partition, _, value) in read(&mut consumer, records + usize::try_from(partitions).unwrap()).await {
        by_partition.get_mut(&partition).unwrap().push(value.parse().unwrap());
    }
    for values in by_partition.values_mut() {
        assert_eq!(values.pop(), Some(0));
    }
    by_partition
}

/// Every number once, in order.
pub async fn assert_exact(on: &Harness, topic: &str, partitions: i32, count: u64) {
    for (partition, values) in stored(on, topic, partitions).await {
        let step = usize::try_from(partitions).unwrap();
        let expected: Vec<u64> = (u64::try_from(partition).unwrap()..count).step_by(step).collect();
        let wrong = values.iter().zip(&expected).position(|(a, b)| a != b);
        assert!(
            values.len() == expected.len() && wrong.is_none(),
            "partition {partition}: {} records instead of {}, the first wrong one at {wrong:?}: {:?}",
            values.len(),
            expected.len(),
            wrong.map(|at| (&values[at.saturating_sub(3)..(at + 3).min(values.len())], expected[at])),
        );
    }
}
