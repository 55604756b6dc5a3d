//! Clients, topics and records of a rule.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use milena_kafka::TopicPartition;
use milena_kafka::admin::{Admin, NewTopic};
use milena_kafka::config::{AdminConfig, ConsumerConfig, ProducerConfig, Properties};
use milena_kafka::consumer::{Consumer, Polled};
use milena_kafka::producer::{Append, Completions, Producer, ProducerRecord};

use super::Harness;

/// Nothing here takes longer, unless it is stuck.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A name that no other test, nor another run of this one, uses.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}-{}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed), uuid())
}

fn uuid() -> String {
    uuid::Uuid::new_v4().simple().to_string().chars().take(8).collect()
}

pub fn properties(bootstrap: &str, pairs: &[(&str, &str)]) -> Properties {
    let base = [("bootstrap.servers", bootstrap), ("client.id", "milena-test")];
    base.iter().chain(pairs).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// How often a rule about faults is run in a row; not at all where its broker cannot be started.
pub fn repeats(kind: &str) -> usize {
    let wanted = std::env::var("MILENA_REPEAT").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    if can_start(kind) { wanted } else { 0 }
}

/// Whether rules run on that kind of broker here. In CI Java has to be there: what is missing fails the test. Rules that kill brokers, and those on
/// clusters and behind proxies, take half an hour: they are run where `MILENA_FAULTS` is set, as `cargo xtask full` does.
pub fn can_start(kind: &str) -> bool {
    let is_set = |name| std::env::var(name).is_ok_and(|value| !value.is_empty());
    if matches!(kind, "own" | "cluster" | "proxy") && !is_set("MILENA_FAULTS") {
        eprintln!("left out: MILENA_FAULTS is not set, so no broker is killed");
        return false;
    }
    let there = kind.starts_with("dev") || is_set("CI") || milena_testkit::reference::java_is_installed();
    if !there {
        eprintln!("left out: Java is not installed, so there is no real broker");
    }
    there
}

impl Harness {
    pub fn admin(&self, pairs: &[(&str, &str)]) -> Admin {
        Admin::new(AdminConfig::from_properties(&self.properties(pairs)).unwrap()).unwrap()
    }

    pub fn producer(&self, pairs: &[(&str, &str)]) -> (Producer, Completions) {
        Producer::new(ProducerConfig::from_properties(&self.properties(pairs)).unwrap()).unwrap()
    }

    /// Reads from the beginning and commits nothing by itself, unless `pairs` say otherwise.
    pub fn consumer(&self, pairs: &[(&str, &str)]) -> Consumer {
        let base = [("enable.auto.commit", "false"), ("auto.offset.reset", "earliest"), ("fetch.max.wait.ms", "100")];
        let pairs: Vec<_> = base.iter().chain(pairs).copied().collect();
        Consumer::new(ConsumerConfig::from_properties(&self.properties(&pairs)).unwrap()).unwrap()
    }

    /// Creates a topic with a name of its own, as many replicas as the cluster gives by default.
    pub async fn topic(&self, partitions: i32, configs: &[(&str, &str)]) -> String {
        let name = unique("conformance");
        let mut new = NewTopic::new(name.as_str(), partitions, -1);
        for (key, value) in configs {
            new.configs.push(((*key).to_owned(), (*value).to_owned()));
        }
        let (admin, start) = (self.admin(&[]), Instant::now());
        for (_, created) in admin.create_topics(vec![new]).await.unwrap() {
            created.unwrap();
        }
        // Brokers hear of it a little later than the controller that made it.
        while let Err(error) = admin.describe_topic(&name).await {
            assert!(error.is_unknown_topic() && start.elapsed() < PATIENCE, "{error}");
        }
        name
    }

    /// Creates a topic under the name of one that was deleted, which may take a moment to go.
    pub async fn make_anew(&self, topic: &str) {
        let (admin, start) = (self.admin(&[]), Instant::now());
        while let Err(error) = admin.create_topics(vec![NewTopic::new(topic, 1, -1)]).await.unwrap().remove(0).1 {
            assert!(error.is_topic_exists() && start.elapsed() < PATIENCE, "{error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The end of partition 0.
    pub async fn end(&self, topic: &str) -> i64 {
        let wanted = std::collections::BTreeMap::from([(at(topic, 0), milena_kafka::admin::OffsetSpec::Latest)]);
        let mut found = self.admin(&[]).list_offsets(&wanted).await.unwrap();
        found.remove(&at(topic, 0)).unwrap().unwrap().offset
    }

    /// Writes numbers as values to a partition, one after the other.
    pub async fn write(&self, topic: &str, partition: i32, values: std::ops::Range<u32>) {
        let (producer, mut completions) = self.producer(&[]);
        produce(&producer, &mut completions, topic, partition, values).await;
        producer.close(PATIENCE).await.unwrap();
    }
}

/// Writes numbers as values to a partition and waits until all are acknowledged.
pub async fn produce(
    producer: &Producer,
    completions: &mut Completions,
    topic: &str,
    partition: i32,
    values: std::ops::Range<u32>,
) {
    let (mut next, mut done) = (values.start, 0);
    producer.ensure_topic(topic).await.unwrap();
    while next < values.end {
        let mut appender = producer.begin().await.unwrap();
        while next < values.end {
            let value = next.to_string();
            let record = ProducerRecord {
                topic,
                partition: Some(partition),
                timestamp: None,
                key: None,
                value: Some(value.as_bytes()),
                headers: &[],
            };
            match appender.append(&record, u64::from(next)).unwrap() {
                Append::Appended => next += 1,
                _ => break,
            }
        }
    }
    producer.flush().await.unwrap();
    while done < values.len() {
        let completion = completions.next().await.unwrap();
        completion.result.unwrap();
        done += completion.tags.len();
    }
}

/// Polls until something other than `Empty` comes.
pub async fn next(consumer: &mut Consumer) -> Polled {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        match consumer.poll(Duration::from_secs(1)).await.unwrap() {
            Polled::Empty => {}
            event => return event,
        }
    }
    panic!("no event within {PATIENCE:?}");
}

/// Reads until `count` records have come: partition, offset, value.
pub async fn read(consumer: &mut Consumer, count: usize) -> Vec<(i32, i64, String)> {
    let mut all = Vec::new();
    while all.len() < count {
        if let Polled::Records(batches) = next(consumer).await {
            for batch in batches {
                for view in batch.records() {
                    let value = String::from_utf8_lossy(view.value.unwrap_or_default()).into_owned();
                    all.push((batch.partition, view.offset, value));
                }
            }
        }
    }
    all
}

pub fn at(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(topic, partition)
}
