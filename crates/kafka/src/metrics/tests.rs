use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::*;

/// Names that Java's clients have and ours leave out.
const LEFT_OUT: &[(&str, &str)] = &[
    ("commit-id", "a release is named by its version"),
    ("io-ratio", "connections are served by the runtime's threads, which no client owns"),
    ("io-time-ns-avg", "as io-ratio"),
    ("io-time-ns-total", "as io-ratio"),
    ("io-wait-ratio", "as io-ratio"),
    ("io-wait-time-ns-avg", "as io-ratio"),
    ("io-wait-time-ns-total", "as io-ratio"),
    ("select-rate", "as io-ratio"),
    ("select-total", "as io-ratio"),
];

const TWO: Windows = Windows { length_ms: 30_000, count: 2 };

fn topic() -> Arc<str> {
    Arc::from("t")
}

/// A client that has done everything once.
fn busy(kind: ClientKind) -> ClientMetrics {
    let metrics = ClientMetrics::new(kind, TWO);
    let (now, took) = (Instant::now(), Duration::from_millis(10));
    metrics.connection_opened(now);
    metrics.request_sent(now, 1, 100, true);
    metrics.request_answered(now, 1, 200, took);
    if kind == ClientKind::Consumer {
        metrics.poll_started(now);
        metrics.poll_ended(now + took);
        metrics.fetch_answered(now, took, Duration::ZERO);
        metrics.fetch_brought(now, [(&topic(), 1_000, 10)].into_iter());
        let topic = topic();
        let part = HandedOut {
            topic: &topic,
            partition: 3,
            records: 10,
            bytes: 1_000,
            lag: Some(5),
            lead: Some(7),
            replica: None,
        };
        metrics.handed_out(now, [part, HandedOut { lag: Some(2), lead: Some(9), ..part }].into_iter());
        metrics.heartbeat_sent(now);
        metrics.heartbeat_answered(now, took);
        metrics.rebalanced(now, took);
    }
    if kind == ClientKind::Producer {
        let topic = topic();
        let batch = SentBatch {
            topic: &topic,
            records: 10,
            bytes: 1_000,
            compression_ratio: 0.5,
            largest_record: 120,
            queued_ms: 2.0,
        };
        metrics.batches_sent(now, [batch, SentBatch { records: 20, ..batch }].into_iter());
        metrics.produce_answered(now, took, 0);
        metrics.records_failed(now, &topic, 10);
        metrics.called(Call::Flush, took);
    }
    metrics
}

fn names(client: &str, metrics: &[Metric]) -> BTreeSet<String> {
    let row = |metric: &Metric| {
        let tags: Vec<&str> = metric.tags.iter().map(|(tag, _)| *tag).collect();
        format!("{client}\t{}\t{}\t{}", metric.group, metric.name, tags.join(","))
    };
    metrics.iter().map(row).collect()
}

fn value(metrics: &[Metric], group: &str, name: &str, tags: usize) -> f64 {
    let mut found = metrics.iter().filter(|m| m.group == group && m.name == name && m.tags.len() == tags);
    let metric = found.next().unwrap_or_else(|| panic!("no {group} {name} with {tags} tags"));
    metric.value.number().unwrap()
}

#[test]
fn every_metric_of_the_java_clients_is_there_or_left_out_with_a_reason() {
    let golden = include_str!("../../tests/data/metrics.tsv");
    let mut java = BTreeSet::new();
    for line in golden.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        if !LEFT_OUT.iter().any(|(name, _)| *name == fields[2]) {
            java.insert(fields[..4].join("\t"));
        }
    }
    assert!(java.len() > 150, "{}", java.len());
    let mut ours = BTreeSet::new();
    for (client, kind) in
        [("admin", ClientKind::Admin), ("consumer", ClientKind::Consumer), ("producer", ClientKind::Producer)]
    {
        ours.extend(names(client, &busy(kind).snapshot("c", Readings::default())));
    }
    assert_eq!(java.difference(&ours).collect::<Vec<_>>(), Vec::<&String>::new(), "missing");
    assert_eq!(ours.difference(&java).collect::<Vec<_>>(), Vec::<&String>::new(), "unknown to Java");
}

#[test]
fn every_metric_is_there_once_and_described() {
    for kind in [ClientKind::Admin, ClientKind::Consumer, ClientKind::Producer] {
        let all = busy(kind).snapshot("c", Readings::default());
        let mut seen = BTreeSet::new();
        for metric in &all {
            assert!(seen.insert((&metric.group, &metric.name, &metric.tags)), "twice: {metric:?}");
            assert!(metric.description.ends_with('.'), "{metric:?}");
            assert!(metric.tags.is_sorted(), "{metric:?}");
        }
        assert_eq!(value(&all, "kafka-metrics-count", "count", 1), all.len() as f64);
    }
}

#[test]
fn lag_and_lead_are_the_last_ones_with_the_worst_of_the_window_beside() {
    let all = busy(ClientKind::Consumer).snapshot("c", Readings::default());
    let group = "consumer-fetch-manager-metrics";
    for (name, tags, expected) in [
        ("records-lag", 3, 2.0),
        ("records-lag-avg", 3, 3.5),
        ("records-lag-max", 3, 5.0),
        ("records-lag-max", 1, 5.0),
        ("records-lead", 3, 9.0),
        ("records-lead-avg", 3, 8.0),
        ("records-lead-min", 3, 7.0),
        ("records-lead-min", 1, 7.0),
        ("records-consumed-total", 1, 20.0),
        ("records-consumed-total", 2, 20.0),
        ("fetch-total", 1, 1.0),
    ] {
        assert_eq!(value(&all, group, name, tags), expected, "{name} {tags}");
    }
}

#[test]
fn a_producer_counts_records_per_topic_and_request() {
    let all = busy(ClientKind::Producer).snapshot("c", Readings::default());
    assert_eq!(value(&all, "producer-metrics", "record-send-total", 1), 30.0);
    assert_eq!(value(&all, "producer-topic-metrics", "record-send-total", 2), 30.0);
    assert_eq!(value(&all, "producer-metrics", "records-per-request-avg", 1), 30.0);
    assert_eq!(value(&all, "producer-topic-metrics", "byte-total", 2), 2_000.0);
    assert_eq!(value(&all, "producer-metrics", "flush-time-ns-total", 1), 10_000_000.0);
    assert_eq!(value(&all, "producer-metrics", "requests-in-flight", 1), 0.0);
}

#[test]
fn partitions_that_are_not_read_any_more_disappear() {
    let metrics = busy(ClientKind::Consumer);
    metrics.retain_partitions(|_, _| false);
    assert!(metrics.snapshot("c", Readings::default()).iter().all(|metric| metric.tags.len() < 3));
}
