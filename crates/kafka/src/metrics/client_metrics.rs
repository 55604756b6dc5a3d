//! All metrics of one client.
//!
//! Counterpart: org.apache.kafka.common.metrics.Metrics and org.apache.kafka.common.utils.AppInfoParser.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::consumer::{ConsumerMetrics, Fetching, HandedOut};
use super::coordinator::Coordinator;
use super::network::{Authentication, Network};
use super::producer::{Buffer, Calls, ProducerMetrics, SentBatch};
use super::sensor::Windows;
use super::snapshot::{Metric, Page};

/// Which client it is; names of groups begin with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientKind {
    Admin,
    Consumer,
    Producer,
}

impl ClientKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Admin => "admin-client",
            Self::Consumer => "consumer",
            Self::Producer => "producer",
        }
    }
}

/// Metrics of one client; shared by all that work for it.
pub(crate) struct ClientMetrics {
    kind: ClientKind,
    windows: Windows,
    made: Instant,
    /// Milliseconds after that when metadata was refreshed last, plus one.
    metadata_at: AtomicU64,
    network: Mutex<Network>,
    consumer: OnceLock<Box<Mutex<ConsumerMetrics>>>,
    producer: OnceLock<Box<Mutex<ProducerMetrics>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl ClientMetrics {
    /// Empty ones.
    pub(crate) fn new(kind: ClientKind, windows: Windows) -> Self {
        Self {
            kind,
            windows,
            made: Instant::now(),
            metadata_at: AtomicU64::new(0),
            network: Mutex::default(),
            consumer: OnceLock::new(),
            producer: OnceLock::new(),
        }
    }

    fn at(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.made).as_millis()).unwrap_or(u64::MAX)
    }

    fn consumer(&self) -> MutexGuard<'_, ConsumerMetrics> {
        locked(self.consumer.get_or_init(Box::default))
    }

    fn fetching(&self, change: impl FnOnce(&mut Fetching)) {
        change(self.consumer().fetching.get_or_insert_default());
    }

    fn coordinator(&self, change: impl FnOnce(&mut Coordinator)) {
        change(self.consumer().coordinator.get_or_insert_default());
    }

    fn producer(&self) -> MutexGuard<'_, ProducerMetrics> {
        locked(self.producer.get_or_init(Box::default))
    }

    /// A connection was opened.
    pub(crate) fn connection_opened(&self, now: Instant) {
        locked(&self.network).opened(self.windows, self.at(now));
    }

    /// A connection that had been opened was closed.
    pub(crate) fn connection_closed(&self, now: Instant) {
        locked(&self.network).closed(self.windows, self.at(now));
    }

    /// A request of so many bytes, with its length, goes to a broker; bootstrap servers have negative ids.
    pub(crate) fn request_sent(&self, now: Instant, node: i32, bytes: usize, has_answer: bool) {
        locked(&self.network).sent(self.windows, self.at(now), node, bytes, has_answer);
    }

    /// Requests that were sent, but whose answers will not come.
    pub(crate) fn requests_given_up(&self, requests: usize) {
        locked(&self.network).given_up(requests as u64);
    }

    /// The answer of so many bytes, with its length, to a request that was sent `latency` ago.
    pub(crate) fn request_answered(&self, now: Instant, node: i32, bytes: usize, latency: Duration) {
        locked(&self.network).answered(self.windows, self.at(now), node, bytes, millis(latency));
    }

    /// Metadata was refreshed.
    pub(crate) fn metadata_refreshed(&self, now: Instant) {
        self.metadata_at.store(self.at(now) + 1, Ordering::Relaxed);
    }

    /// A handshake came to its end.
    pub(crate) fn authenticated(&self, now: Instant, how: Authentication) {
        locked(&self.network).authenticated(self.windows, self.at(now), how);
    }

    /// The owner began to poll.
    pub(crate) fn poll_started(&self, now: Instant) {
        self.consumer().polls.started(self.windows, self.at(now));
    }

    /// A poll has come back.
    pub(crate) fn poll_ended(&self, now: Instant) {
        self.consumer().polls.ended(self.windows, self.at(now));
    }

    /// A commit that was waited for took so long.
    pub(crate) fn commit_waited(&self, took: Duration) {
        self.consumer().polls.commit_sync(nanos(took));
    }

    /// A question for committed offsets took so long.
    pub(crate) fn committed_waited(&self, took: Duration) {
        self.consumer().polls.committed(nanos(took));
    }

    /// A fetch was answered.
    pub(crate) fn fetch_answered(&self, now: Instant, latency: Duration, throttle: Duration) {
        let at = self.at(now);
        self.fetching(|fetching| fetching.answered(self.windows, at, millis(latency), millis(throttle)));
    }

    /// What a fetch brought: topic, bytes and records, each topic once.
    pub(crate) fn fetch_brought<'a>(&self, now: Instant, topics: impl Iterator<Item = (&'a Arc<str>, u64, u64)>) {
        let at = self.at(now);
        self.fetching(|fetching| fetching.brought(self.windows, at, topics));
    }

    /// Records that a poll hands out.
    pub(crate) fn handed_out<'a>(&self, now: Instant, parts: impl Iterator<Item = HandedOut<'a>>) {
        let at = self.at(now);
        self.fetching(|fetching| parts.into_iter().for_each(|part| fetching.handed_out(self.windows, at, &part)));
    }

    /// Only these partitions are still read.
    pub(crate) fn retain_partitions(&self, keep: impl FnMut(&str, i32) -> bool) {
        if let Some(fetching) = self.consumer().fetching.as_mut() {
            fetching.retain(keep);
        }
    }

    /// A commit was answered.
    pub(crate) fn commit_answered(&self, now: Instant, latency: Duration) {
        let at = self.at(now);
        self.coordinator(|coordinator| coordinator.commits.record(self.windows, at, millis(latency)));
    }

    /// A join was answered.
    pub(crate) fn joined(&self, now: Instant, latency: Duration) {
        let at = self.at(now);
        self.coordinator(|coordinator| coordinator.joins.record(self.windows, at, millis(latency)));
    }

    /// An assignment has come.
    pub(crate) fn synced(&self, now: Instant, latency: Duration) {
        let at = self.at(now);
        self.coordinator(|coordinator| coordinator.syncs.record(self.windows, at, millis(latency)));
    }

    /// A heartbeat goes out.
    pub(crate) fn heartbeat_sent(&self, now: Instant) {
        let at = self.at(now);
        self.coordinator(|coordinator| coordinator.heartbeats.sent(self.windows, at));
    }

    /// A heartbeat was answered.
    pub(crate) fn heartbeat_answered(&self, now: Instant, latency: Duration) {
        let at = self.at(now);
        self.coordinator(|coordinator| coordinator.heartbeats.answered(self.windows, at, millis(latency)));
    }

    /// A rebalance went through, which took so long from the first sign of it.
    pub(crate) fn rebalanced(&self, now: Instant, took: Duration) {
        let at = self.at(now);
        self.coordinator(|coordinator| coordinator.rebalances.done(self.windows, at, millis(took)));
    }

    /// A rebalance failed and begins again.
    pub(crate) fn rebalance_failed(&self, now: Instant) {
        let at = self.at(now);
        self.coordinator(|coordinator| coordinator.rebalances.failed(self.windows, at));
    }

    /// The owner has dealt with what it was told.
    pub(crate) fn took(&self, told: Told, now: Instant, took: Duration) {
        let at = self.at(now);
        self.coordinator(|coordinator| {
            let sensor = match told {
                Told::Assigned => &mut coordinator.callbacks.assigned,
                Told::Revoked => &mut coordinator.callbacks.revoked,
                Told::Lost => &mut coordinator.callbacks.lost,
            };
            sensor.record(self.windows, at, millis(took));
        });
    }

    /// A produce request with these batches goes out.
    pub(crate) fn batches_sent<'a>(&self, now: Instant, batches: impl Iterator<Item = SentBatch<'a>>) {
        self.producer().sent(self.windows, self.at(now), batches);
    }

    /// A produce request was answered.
    pub(crate) fn produce_answered(&self, now: Instant, latency: Duration, throttle_ms: i32) {
        self.producer().answered(self.windows, self.at(now), millis(latency), throttle_ms);
    }

    /// Records that will be sent again.
    pub(crate) fn records_retried(&self, now: Instant, topic: &Arc<str>, records: u32) {
        self.producer().retried(self.windows, self.at(now), topic, records);
    }

    /// Records that were given up.
    pub(crate) fn records_failed(&self, now: Instant, topic: &Arc<str>, records: u32) {
        self.producer().failed(self.windows, self.at(now), topic, records);
    }

    /// A batch was too large for the broker and is split.
    pub(crate) fn batch_split(&self, now: Instant) {
        self.producer().split(self.windows, self.at(now));
    }

    /// Somebody waited for room in the buffer, and got it or not.
    pub(crate) fn waited_for_room(&self, now: Instant, took: Duration, got_it: bool) {
        let mut producer = self.producer();
        producer.waited_for_room(self.windows, self.at(now), nanos(took));
        if !got_it {
            producer.no_room(self.windows, self.at(now));
        }
    }

    /// A call of the owner took so long.
    pub(crate) fn called(&self, call: Call, took: Duration) {
        let mut producer = self.producer();
        let Calls { flush, metadata_wait, txn_init, txn_begin, txn_send_offsets, txn_commit, txn_abort } =
            &mut producer.calls;
        let total = match call {
            Call::Flush => flush,
            Call::MetadataWait => metadata_wait,
            Call::InitTransactions => txn_init,
            Call::BeginTransaction => txn_begin,
            Call::SendOffsets => txn_send_offsets,
            Call::CommitTransaction => txn_commit,
            Call::AbortTransaction => txn_abort,
        };
        *total += nanos(took);
    }
}

/// What a group tells a consumer's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Assigned,
    Revoked,
    Lost,
}

/// Calls of a producer's owner whose time is summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Flush,
    MetadataWait,
    InitTransactions,
    BeginTransaction,
    SendOffsets,
    CommitTransaction,
    AbortTransaction,
}

/// What only the client itself knows at the moment of a snapshot.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Readings {
    /// A producer's buffer.
    pub buffer: Buffer,
    /// Partitions that a group has given to a consumer.
    pub assigned: usize,
}

impl ClientMetrics {
    /// Everything as it is now, in no particular order.
    pub(crate) fn snapshot(&self, client_id: &str, readings: Readings) -> Vec<Metric> {
        let now = Instant::now();
        let mut all = Vec::new();
        let mut page = Page {
            all: &mut all,
            group: format!("{}-metrics", self.kind.prefix()),
            tags: vec![("client-id", client_id.to_owned())],
            windows: self.windows,
            now: self.at(now),
        };
        self.write_network(&mut page);
        match self.kind {
            ClientKind::Admin => {}
            ClientKind::Consumer => self.write_consumer(&mut page, readings),
            ClientKind::Producer => self.write_producer(&mut page, readings),
        }
        self.write_about(&mut page, now);
        page.group = "kafka-metrics-count".to_owned();
        let count = page.all.len() + 1;
        page.number("count", count as f64, "Metrics of this client.");
        all
    }

    fn write_network(&self, page: &mut Page<'_>) {
        let network = locked(&self.network);
        network.write(page);
        let (group, tags) = (page.group.clone(), page.tags.clone());
        page.group = format!("{}-node-metrics", self.kind.prefix());
        for id in network.nodes() {
            page.tags = tags.clone();
            page.tags.push(("node-id", format!("node-{id}")));
            network.write_node(id, page);
        }
        (page.group, page.tags) = (group, tags);
        if self.kind == ClientKind::Producer {
            let text = "Requests that wait for their answers.";
            page.number("requests-in-flight", network.requests_in_flight(), text);
        }
    }

    fn write_consumer(&self, page: &mut Page<'_>, readings: Readings) {
        let consumer = self.consumer();
        consumer.polls.write(page);
        "consumer-fetch-manager-metrics".clone_into(&mut page.group);
        let none = Fetching::default();
        let fetching = consumer.fetching.as_deref().unwrap_or(&none);
        fetching.write(page);
        fetching.write_parts(page);
        "consumer-coordinator-metrics".clone_into(&mut page.group);
        let none = Coordinator::default();
        consumer.coordinator.as_deref().unwrap_or(&none).write(page, readings.assigned);
    }

    fn write_producer(&self, page: &mut Page<'_>, readings: Readings) {
        let producer = self.producer();
        producer.write(page, readings.buffer);
        // 0 stands for never.
        let refreshed = self.metadata_at.load(Ordering::Relaxed).checked_sub(1);
        let age = refreshed.map_or(f64::NAN, |at| page.now.saturating_sub(at) as f64 / 1000.0);
        page.number("metadata-age", age, "Seconds since metadata was refreshed.");
        "producer-topic-metrics".clone_into(&mut page.group);
        producer.write_topics(page);
    }

    fn write_about(&self, page: &mut Page<'_>, now: Instant) {
        "app-info".clone_into(&mut page.group);
        page.text("version", env!("CARGO_PKG_VERSION").to_owned(), "Version of this program.");
        let made = SystemTime::now().checked_sub(now.saturating_duration_since(self.made));
        let made = made.and_then(|made| made.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        page.number(
            "start-time-ms",
            made.as_millis() as f64,
            "When the client was made, milliseconds since the epoch.",
        );
    }
}
