//! What a consumer fetches, hands out, and how it is polled.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.FetchMetricsManager and KafkaConsumerMetrics.

use std::collections::HashMap;
use std::sync::Arc;

use super::coordinator::Coordinator;
use super::sensor::{Sensor, Windows};
use super::snapshot::{Page, TOPIC_MEMORY};

/// Records of one partition that the owner gets with one poll.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HandedOut<'a> {
    pub topic: &'a Arc<str>,
    pub partition: i32,
    pub records: u64,
    /// In the wire format.
    pub bytes: u64,
    /// Records between the new position and the end that is readable; `None` if that is not known.
    pub lag: Option<i64>,
    /// Records between the partition's start and the new position.
    pub lead: Option<i64>,
    /// Broker that reads go to instead of the leader.
    pub replica: Option<i32>,
}

/// What came and went, in all or for one topic.
#[derive(Default)]
struct Flow {
    bytes: Sensor,
    records: Sensor,
    /// Bytes per fetch answer.
    fetch_size: Sensor,
    /// Records per fetch answer.
    fetch_records: Sensor,
}

#[derive(Default)]
struct Partition {
    lag: i64,
    lags: Sensor,
    lead: i64,
    /// Values are negated: the least is asked for.
    leads: Sensor,
    /// Broker that reads go to instead of the leader, or -1.
    replica: i32,
}

struct Topic {
    /// When it was last needed.
    used: u64,
    flow: Flow,
    /// By number.
    partitions: Vec<(i32, Partition)>,
}

#[derive(Default)]
pub(super) struct Fetching {
    flow: Flow,
    latency: Sensor,
    throttle: Sensor,
    lags: Sensor,
    leads: Sensor,
    topics: HashMap<Arc<str>, Topic>,
}

#[derive(Default)]
pub(super) struct Polls {
    last_start: Option<u64>,
    since_last: u64,
    between: Sensor,
    idle: Sensor,
    commit_sync_ns: u64,
    committed_ns: u64,
}

/// All of a consumer.
#[derive(Default)]
pub(super) struct ConsumerMetrics {
    pub polls: Polls,
    pub fetching: Option<Box<Fetching>>,
    pub coordinator: Option<Box<Coordinator>>,
}

impl Polls {
    pub(super) fn started(&mut self, windows: Windows, now: u64) {
        self.since_last = self.last_start.map_or(0, |last| now.saturating_sub(last));
        self.between.record(windows, now, self.since_last as f64);
        self.last_start = Some(now);
    }

    pub(super) fn ended(&mut self, windows: Windows, now: u64) {
        let took = now.saturating_sub(self.last_start.unwrap_or(now)) as f64;
        let whole = took + self.since_last as f64;
        // Nothing was waited for where no time has passed.
        self.idle.record(windows, now, if whole > 0.0 { took / whole } else { 0.0 });
    }

    pub(super) fn commit_sync(&mut self, nanos: u64) {
        self.commit_sync_ns += nanos;
    }

    pub(super) fn committed(&mut self, nanos: u64) {
        self.committed_ns += nanos;
    }

    pub(super) fn write(&self, page: &mut Page<'_>) {
        page.seconds_ago("last-poll-seconds-ago", self.last_start, "Seconds since the last poll began.");
        page.spread("time-between-poll", "Milliseconds from one poll to the next", &self.between);
        page.average("poll-idle-ratio", "Share of the time that is spent in polls", &self.idle);
        let text = "Nanoseconds spent in commits that were waited for, in all.";
        page.number("commit-sync-time-ns-total", self.commit_sync_ns as f64, text);
        let text = "Nanoseconds spent in questions for committed offsets, in all.";
        page.number("committed-time-ns-total", self.committed_ns as f64, text);
    }
}

impl Flow {
    fn write(&self, page: &mut Page<'_>) {
        page.sums("bytes-consumed", "Bytes handed out", &self.bytes);
        page.sums("records-consumed", "Records handed out", &self.records);
        page.spread("fetch-size", "Bytes of records in a fetch answer", &self.fetch_size);
        page.average("records-per-request", "Records in a fetch answer", &self.fetch_records);
    }
}

impl Fetching {
    fn topic(&mut self, topic: &Arc<str>, now: u64) -> &mut Topic {
        if !self.topics.contains_key(topic) {
            let needed = |topic: &Topic| !topic.partitions.is_empty() || now.saturating_sub(topic.used) < TOPIC_MEMORY;
            self.topics.retain(|_, topic| needed(topic));
        }
        let new = || Topic { used: now, flow: Flow::default(), partitions: Vec::new() };
        let topic = self.topics.entry(Arc::clone(topic)).or_insert_with(new);
        topic.used = now;
        topic
    }

    /// A fetch was answered, whatever it brought.
    pub(super) fn answered(&mut self, windows: Windows, now: u64, millis: f64, throttle_ms: f64) {
        self.latency.record(windows, now, millis);
        self.throttle.record(windows, now, throttle_ms);
    }

    /// What a fetch brought, per topic: bytes and records.
    pub(super) fn brought<'a>(
        &mut self,
        windows: Windows,
        now: u64,
        topics: impl Iterator<Item = (&'a Arc<str>, u64, u64)>,
    ) {
        let (mut all_bytes, mut all_records) = (0, 0);
        for (topic, bytes, records) in topics {
            all_bytes += bytes;
            all_records += records;
            let flow = &mut self.topic(topic, now).flow;
            flow.fetch_size.record(windows, now, bytes as f64);
            flow.fetch_records.record(windows, now, records as f64);
        }
        if all_bytes > 0 {
            self.flow.fetch_size.record(windows, now, all_bytes as f64);
            self.flow.fetch_records.record(windows, now, all_records as f64);
        }
    }

    pub(super) fn handed_out(&mut self, windows: Windows, now: u64, part: &HandedOut<'_>) {
        let (bytes, records) = (part.bytes as f64, part.records as f64);
        self.flow.bytes.record(windows, now, bytes);
        self.flow.records.record(windows, now, records);
        if let Some(lag) = part.lag {
            self.lags.record(windows, now, lag as f64);
        }
        if let Some(lead) = part.lead {
            self.leads.record(windows, now, -(lead as f64));
        }
        let topic = self.topic(part.topic, now);
        topic.flow.bytes.record(windows, now, bytes);
        topic.flow.records.record(windows, now, records);
        let Some(partition) = topic.partition(part.partition) else { return };
        partition.replica = part.replica.unwrap_or(-1);
        if let Some(lag) = part.lag {
            partition.lag = lag;
            partition.lags.record(windows, now, lag as f64);
        }
        if let Some(lead) = part.lead {
            partition.lead = lead;
            partition.leads.record(windows, now, -(lead as f64));
        }
    }

    /// These partitions are not read any more.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&str, i32) -> bool) {
        for (name, topic) in &mut self.topics {
            topic.partitions.retain(|(number, _)| keep(name, *number));
        }
    }

    pub(super) fn write(&self, page: &mut Page<'_>) {
        self.flow.write(page);
        page.events("fetch", "Fetch requests answered", &self.latency);
        page.spread("fetch-latency", "Milliseconds from a fetch request to its answer", &self.latency);
        page.spread("fetch-throttle-time", "Milliseconds that a quota held a fetch back", &self.throttle);
        page.most("records-lag", "Records that a partition was behind", &self.lags);
        let least = -self.leads.most(page.windows, page.now);
        page.number("records-lead-min", least, "Records between a partition's start and its position, at least.");
    }

    /// Pages per topic and partition, with the tags that Java gives them.
    pub(super) fn write_parts(&self, page: &mut Page<'_>) {
        let base = page.tags.clone();
        let mut topics: Vec<_> = self.topics.iter().collect();
        topics.sort_by_key(|(name, _)| *name);
        for (name, topic) in topics {
            page.tags = base.clone();
            page.tags.push(("topic", name.to_string()));
            topic.flow.write(page);
            for (number, partition) in &topic.partitions {
                page.tags = base.clone();
                page.tags.push(("partition", number.to_string()));
                page.tags.push(("topic", name.to_string()));
                partition.write(page);
            }
        }
        page.tags = base;
    }
}

impl Topic {
    fn partition(&mut self, number: i32) -> Option<&mut Partition> {
        let at = match self.partitions.binary_search_by_key(&number, |(number, _)| *number) {
            Ok(at) => at,
            Err(at) => {
                self.partitions.insert(at, (number, Partition { replica: -1, ..Partition::default() }));
                at
            }
        };
        self.partitions.get_mut(at).map(|(_, partition)| partition)
    }
}

impl Partition {
    fn write(&self, page: &mut Page<'_>) {
        page.number("records-lag", self.lag as f64, "Records between the position and the readable end.");
        page.spread("records-lag", "Records between the position and the readable end", &self.lags);
        page.number("records-lead", self.lead as f64, "Records between the start and the position.");
        let (average, least) = (-self.leads.average(page.windows, page.now), -self.leads.most(page.windows, page.now));
        page.number("records-lead-avg", average, "Records between the start and the position, on average.");
        page.number("records-lead-min", least, "Records between the start and the position, at least.");
        let text = "Broker that is read instead of the leader, or -1.";
        page.number("preferred-read-replica", f64::from(self.replica), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_that_are_not_read_any_more_are_forgotten_when_others_come() {
        let (mut fetching, windows) = (Fetching::default(), Windows { length_ms: 30_000, count: 2 });
        let mut read = |now: u64, topic: &str, keep: &str| {
            let topic = Arc::from(topic);
            let (lag, lead) = (Some(1), Some(1));
            let part = HandedOut { topic: &topic, partition: 0, records: 1, bytes: 1, lag, lead, replica: None };
            fetching.handed_out(windows, now, &part);
            fetching.retain(|topic, _| topic == keep);
            let mut known: Vec<String> = fetching.topics.keys().map(ToString::to_string).collect();
            known.sort();
            known.join(" ")
        };
        assert_eq!(read(0, "left", ""), "left");
        assert_eq!(read(0, "quiet", "quiet"), "left quiet");
        assert_eq!(read(TOPIC_MEMORY, "new", "quiet"), "new quiet", "what is assigned stays, however quiet");
    }
}
