//! Rules of what clients measure of themselves.

use std::collections::BTreeMap;

use milena_kafka::Metric;
use milena_kafka::consumer::{Polled, Subscription};

use crate::support::{Harness, PATIENCE, next, produce, read, rule, unique};

/// Names that Java's clients have and ours leave out, which the unit tests give the reasons of.
const LEFT_OUT: [&str; 3] = ["commit-id", "io-", "select-"];

/// By group, name and tags; of several with the same tags one.
fn by_name(metrics: &[Metric]) -> BTreeMap<(String, String, String), f64> {
    let key = |metric: &Metric| {
        let tags: Vec<&str> = metric.tags.iter().map(|(tag, _)| *tag).collect();
        (metric.group.clone(), metric.name.clone(), tags.join(","))
    };
    metrics.iter().map(|metric| (key(metric), metric.value.number().unwrap_or(0.0))).collect()
}

fn value(metrics: &[Metric], name: &str) -> f64 {
    let mut found = metrics.iter().filter(|metric| metric.name == name && metric.tags.len() == 1);
    let metric = found.next().unwrap_or_else(|| panic!("no metric {name}"));
    metric.value.number().unwrap()
}

rule!(clients_measure_what_javas_clients_measure: real);
async fn clients_measure_what_javas_clients_measure(on: Harness) {
    // The same as tests/data/Golden.java does.
    let (topic, group) = (on.topic(1, &[]).await, unique("group"));
    let admin = on.admin(&[]);
    admin.list_topics().await.unwrap();
    let (producer, completions) = on.producer(&[("transactional.id", &unique("txn"))]);
    producer.init_transactions().await.unwrap();
    producer.begin_transaction().unwrap();
    for _ in 0..100 {
        producer.send(&topic, Some(0), None, None, Some(&[0; 50]), &[]).await.unwrap();
    }
    producer.commit_transaction().await.unwrap();
    let mut consumer = on.consumer(&[("group.id", &group), ("isolation.level", "read_committed")]);
    consumer.subscribe(Subscription::Topics(vec![topic]));
    while !matches!(next(&mut consumer).await, Polled::Assigned(_)) {}
    assert_eq!(read(&mut consumer, 100).await.len(), 100);
    let ours = BTreeMap::from([
        ("admin", by_name(&admin.metrics())),
        ("consumer", by_name(&consumer.metrics())),
        ("producer", by_name(&producer.metrics())),
    ]);
    let mut wrong = Vec::new();
    for line in include_str!("../data/metrics.tsv").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [client, group, name, tags, java] = fields[..] else { panic!("{line}") };
        if LEFT_OUT.iter().any(|left_out| name.starts_with(left_out)) {
            continue;
        }
        let found = ours[client].get(&(group.to_owned(), name.to_owned(), tags.to_owned())).copied();
        if found.is_none() || (!java.is_empty() && found != java.parse().ok()) {
            wrong.push(format!("{client} {group} {name} {tags}: Java has {java}, ours {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    drop(completions);
    producer.close(PATIENCE).await.unwrap();
    consumer.close(PATIENCE).await;
}

rule!(what_clients_do_is_counted: dev, real);
async fn what_clients_do_is_counted(on: Harness) {
    let (topic, group) = (on.topic(2, &[]).await, unique("group"));
    let (producer, mut completions) = on.producer(&[("compression.type", "zstd")]);
    produce(&producer, &mut completions, &topic, 0, 0..1000).await;
    let metrics = producer.metrics();
    assert_eq!(value(&metrics, "record-send-total"), 1000.0);
    assert_eq!(value(&metrics, "record-error-total"), 0.0);
    assert!(value(&metrics, "compression-rate-avg") < 0.9);
    assert!(value(&metrics, "batch-size-avg") > 100.0);
    assert!(value(&metrics, "request-latency-max") > 0.0);
    assert!(value(&metrics, "flush-time-ns-total") > 0.0);
    assert!(value(&metrics, "metadata-age") < 60.0);
    assert!(value(&metrics, "metadata-wait-time-ns-total") > 0.0);
    assert_eq!(value(&metrics, "buffer-available-bytes"), value(&metrics, "buffer-total-bytes"));
    assert_eq!(value(&metrics, "requests-in-flight"), 0.0);
    assert_eq!(value(&metrics, "request-total"), value(&metrics, "response-total"));
    let mut consumer = on.consumer(&[("group.id", &group)]);
    consumer.subscribe(Subscription::Topics(vec![topic.clone()]));
    while !matches!(next(&mut consumer).await, Polled::Assigned(_)) {}
    read(&mut consumer, 1000).await;
    consumer.commit_sync(&consumer_positions(&consumer)).await.unwrap();
    let metrics = consumer.metrics();
    for (name, least) in [
        ("assigned-partitions", 2.0),
        ("records-consumed-total", 1000.0),
        ("connection-count", 2.0),
        ("connection-creation-total", 2.0),
        ("join-total", 1.0),
        ("sync-total", 1.0),
        ("rebalance-total", 1.0),
        ("commit-total", 1.0),
        ("fetch-total", 1.0),
        ("commit-sync-time-ns-total", 1.0),
        ("incoming-byte-total", 1000.0),
    ] {
        assert!(value(&metrics, name) >= least, "{name} is {}", value(&metrics, name));
    }
    assert_eq!(value(&metrics, "records-lag-max"), 500.0, "two polls of 500 records each");
    assert!(!value(&metrics, "partition-assigned-latency-max").is_nan());
    let of_partition = |name: &str| {
        let zero = |metric: &&Metric| metric.name == name && metric.tags.contains(&("partition", "0".to_owned()));
        metrics.iter().find(zero).unwrap().value.number().unwrap()
    };
    assert_eq!((of_partition("records-lag"), of_partition("records-lead")), (0.0, 1000.0));
    consumer.unsubscribe();
    assert!(consumer.metrics().iter().all(|metric| metric.tags.len() < 3), "nothing is read any more");
    consumer.close(PATIENCE).await;
    producer.close(PATIENCE).await.unwrap();
}

fn consumer_positions(
    consumer: &milena_kafka::consumer::Consumer,
) -> BTreeMap<milena_kafka::TopicPartition, milena_kafka::OffsetAndMetadata> {
    let positions = consumer.assignment().iter().filter_map(|at| {
        let offset = consumer.position(at)?;
        Some((at.clone(), milena_kafka::OffsetAndMetadata::new(offset)))
    });
    positions.collect()
}
