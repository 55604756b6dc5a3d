//! What a producer buffers, sends and has acknowledged.
//!
//! Counterpart: org.apache.kafka.clients.producer.internals.SenderMetricsRegistry, KafkaProducerMetrics and BufferPool.

use std::collections::HashMap;
use std::sync::Arc;

use super::sensor::{Sensor, Windows};
use super::snapshot::{Page, TOPIC_MEMORY};

/// Records of all topics or one.
#[derive(Default)]
struct Flow {
    /// When it was last needed.
    used: u64,
    sent: Sensor,
    errors: Sensor,
    retries: Sensor,
    /// Bytes of batches in the wire format.
    bytes: Sensor,
    /// Bytes compressed for each byte.
    compression: Sensor,
}

/// Nanoseconds that calls of the owner took, in all.
#[derive(Default)]
pub(super) struct Calls {
    pub flush: u64,
    pub metadata_wait: u64,
    pub txn_init: u64,
    pub txn_begin: u64,
    pub txn_send_offsets: u64,
    pub txn_commit: u64,
    pub txn_abort: u64,
}

/// A batch that goes out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SentBatch<'a> {
    pub topic: &'a Arc<str>,
    pub records: u32,
    /// In the wire format, as sent.
    pub bytes: usize,
    /// As sent, over what it was before.
    pub compression_ratio: f64,
    /// Bytes of its largest record, at most.
    pub largest_record: usize,
    /// Milliseconds since it was begun.
    pub queued_ms: f64,
}

/// The buffer, as the producer reads it off for a snapshot.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Buffer {
    pub total: usize,
    pub available: usize,
    pub waiting: usize,
}

#[derive(Default)]
pub(super) struct ProducerMetrics {
    flow: Flow,
    batch_size: Sensor,
    batch_splits: Sensor,
    queue_time: Sensor,
    record_size: Sensor,
    records_per_request: Sensor,
    throttle: Sensor,
    latency: Sensor,
    exhausted: Sensor,
    buffer_wait: Sensor,
    pub calls: Calls,
    topics: HashMap<Arc<str>, Flow>,
}

impl ProducerMetrics {
    fn topic(&mut self, topic: &Arc<str>, now: u64) -> &mut Flow {
        if !self.topics.contains_key(topic) {
            self.topics.retain(|_, flow| now.saturating_sub(flow.used) < TOPIC_MEMORY);
        }
        let flow = self.topics.entry(Arc::clone(topic)).or_default();
        flow.used = now;
        flow
    }

    /// A request with these batches goes out.
    pub(super) fn sent<'a>(&mut self, windows: Windows, now: u64, batches: impl Iterator<Item = SentBatch<'a>>) {
        let mut all = 0;
        for batch in batches {
            let (records, bytes) = (f64::from(batch.records), batch.bytes as f64);
            all += batch.records;
            self.batch_size.record(windows, now, bytes);
            self.queue_time.record(windows, now, batch.queued_ms);
            let largest = batch.largest_record as f64;
            self.record_size.record(windows, now, largest);
            for flow in [None, Some(batch.topic)] {
                let flow = match flow {
                    None => &mut self.flow,
                    Some(topic) => self.topic(topic, now),
                };
                flow.sent.record(windows, now, records);
                flow.bytes.record(windows, now, bytes);
                flow.compression.record(windows, now, batch.compression_ratio);
            }
        }
        self.records_per_request.record(windows, now, f64::from(all));
    }

    /// A request was answered.
    pub(super) fn answered(&mut self, windows: Windows, now: u64, millis: f64, throttle_ms: i32) {
        self.latency.record(windows, now, millis);
        self.throttle.record(windows, now, f64::from(throttle_ms));
    }

    /// Records that will be sent again.
    pub(super) fn retried(&mut self, windows: Windows, now: u64, topic: &Arc<str>, records: u32) {
        self.flow.retries.record(windows, now, f64::from(records));
        self.topic(topic, now).retries.record(windows, now, f64::from(records));
    }

    /// Records that were given up.
    pub(super) fn failed(&mut self, windows: Windows, now: u64, topic: &Arc<str>, records: u32) {
        self.flow.errors.record(windows, now, f64::from(records));
        self.topic(topic, now).errors.record(windows, now, f64::from(records));
    }

    /// A batch that was too large for the broker.
    pub(super) fn split(&mut self, windows: Windows, now: u64) {
        self.batch_splits.record(windows, now, 1.0);
    }

    /// Somebody waited for room in the buffer.
    pub(super) fn waited_for_room(&mut self, windows: Windows, now: u64, nanos: u64) {
        self.buffer_wait.record(windows, now, nanos as f64);
    }

    /// Somebody waited for room in the buffer until the time was over.
    pub(super) fn no_room(&mut self, windows: Windows, now: u64) {
        self.exhausted.record(windows, now, 1.0);
    }

    pub(super) fn write(&self, page: &mut Page<'_>, buffer: Buffer) {
        self.flow.write_records(page);
        page.average("compression-rate", "Size of batches over that of their records", &self.flow.compression);
        page.spread("batch-size", "Bytes of a batch", &self.batch_size);
        page.events("batch-split", "Batches split because a broker found them too large", &self.batch_splits);
        page.spread("record-queue-time", "Milliseconds that a batch waited before it was sent", &self.queue_time);
        page.spread("record-size", "Bytes of the largest record of a batch", &self.record_size);
        page.average("records-per-request", "Records in a produce request", &self.records_per_request);
        page.spread("produce-throttle-time", "Milliseconds that a quota held a request back", &self.throttle);
        page.spread("request-latency", "Milliseconds from a produce request to its answer", &self.latency);
        page.events("buffer-exhausted", "Records refused because the buffer stayed full", &self.exhausted);
        page.number("buffer-total-bytes", buffer.total as f64, "Bytes of records that the buffer can hold.");
        page.number("buffer-available-bytes", buffer.available as f64, "Bytes of the buffer that are free.");
        page.number("waiting-threads", buffer.waiting as f64, "Callers that wait for room in the buffer.");
        let waited = self.buffer_wait.sum_rate(page.windows, page.now) / 1e9;
        page.number("bufferpool-wait-ratio", waited, "Share of the time that callers waited for room in the buffer.");
        let text = "Nanoseconds that callers waited for room in the buffer, in all.";
        page.number("bufferpool-wait-time-ns-total", self.buffer_wait.total_sum(), text);
        let calls = &self.calls;
        for (name, nanos, what) in [
            ("flush", calls.flush, "flushes"),
            ("metadata-wait", calls.metadata_wait, "waiting for metadata of topics"),
            ("txn-init", calls.txn_init, "preparing for transactions"),
            ("txn-begin", calls.txn_begin, "beginning transactions"),
            ("txn-send-offsets", calls.txn_send_offsets, "adding offsets to transactions"),
            ("txn-prepare", 0, "preparing transactions for two-phase commit"),
            ("txn-commit", calls.txn_commit, "committing transactions"),
            ("txn-abort", calls.txn_abort, "aborting transactions"),
        ] {
            let text = format!("Nanoseconds spent in {what}, in all.");
            page.number(format!("{name}-time-ns-total"), nanos as f64, text);
        }
    }

    /// A page per topic.
    pub(super) fn write_topics(&self, page: &mut Page<'_>) {
        let base = page.tags.clone();
        let mut topics: Vec<_> = self.topics.iter().collect();
        topics.sort_by_key(|(name, _)| *name);
        for (name, flow) in topics {
            page.tags = base.clone();
            page.tags.push(("topic", name.to_string()));
            flow.write_records(page);
            page.sums("byte", "Bytes of batches sent", &flow.bytes);
            let ratio = flow.compression.average(page.windows, page.now);
            page.number("compression-rate", ratio, "Size of batches over that of their records, on average.");
        }
        page.tags = base;
    }
}

impl Flow {
    fn write_records(&self, page: &mut Page<'_>) {
        page.sums("record-send", "Records sent", &self.sent);
        page.sums("record-error", "Records that could not be written", &self.errors);
        page.sums("record-retry", "Records sent again", &self.retries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_that_nobody_writes_to_are_forgotten_when_others_come() {
        let (mut metrics, windows) = (ProducerMetrics::default(), Windows { length_ms: 30_000, count: 2 });
        let mut fail = |now: u64, topic: &str| {
            metrics.failed(windows, now, &Arc::from(topic), 1);
            let mut known: Vec<String> = metrics.topics.keys().map(ToString::to_string).collect();
            known.sort();
            known.join(" ")
        };
        assert_eq!(fail(0, "old"), "old");
        assert_eq!(fail(1_000, "used"), "old used");
        assert_eq!(fail(TOPIC_MEMORY - 1, "used"), "old used");
        assert_eq!(fail(TOPIC_MEMORY, "used"), "old used", "only another topic makes room");
        assert_eq!(fail(TOPIC_MEMORY, "new"), "new used");
        assert_eq!(metrics.flow.errors.total_sum(), 5.0, "the totals of all topics stay");
    }
}
