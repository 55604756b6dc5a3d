//! Sends batches and sees them through: one task per producer.
//!
//! Counterpart: org.apache.kafka.clients.producer.internals.Sender.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::accumulator::{InFlight, Lifecycle};
use super::batch::{Batch, Listeners};
use super::client::Shared;
use super::completion::{BatchAck, Completion};
use super::exchange::{PartitionAnswer, new_identity, produce};
use crate::config::ProducerConfig;
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::net::{Metadata, TopicsWanted};

/// What came of a request.
struct Sent {
    node: i32,
    batches: Vec<InFlight>,
    result: Result<Vec<PartitionAnswer>>,
}

pub(super) struct Sender {
    shared: Arc<Shared>,
    completions: mpsc::UnboundedSender<Completion>,
    requests: FuturesUnordered<BoxFuture<'static, Sent>>,
    /// Requests per broker.
    in_flight: HashMap<i32, usize>,
    refresh: Option<BoxFuture<'static, Result<Arc<Metadata>>>>,
    refreshed: Instant,
    refresh_failures: u32,
    refresh_not_before: Option<Instant>,
    /// A broker said, or a broken connection suggests, that the metadata is out of date.
    stale: bool,
    identify: Option<BoxFuture<'static, Result<(i64, i16)>>>,
    identify_not_before: Option<Instant>,
}

impl Sender {
    pub(super) fn new(shared: Arc<Shared>, completions: mpsc::UnboundedSender<Completion>) -> Self {
        Self {
            shared,
            completions,
            requests: FuturesUnordered::new(),
            in_flight: HashMap::new(),
            refresh: None,
            refreshed: Instant::now(),
            refresh_failures: 0,
            refresh_not_before: None,
            stale: false,
            identify: None,
            identify_not_before: None,
        }
    }

    fn config(&self) -> &ProducerConfig {
        &self.shared.config
    }

    pub(super) async fn run(mut self) {
        while let Some(next) = self.step() {
            let wake = async {
                match next {
                    Some(next) => tokio::time::sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.shared.wake.notified() => {}
                Some(sent) = self.requests.next(), if !self.requests.is_empty() => self.settle(sent),
                refreshed = pending_or(&mut self.refresh) => self.refreshed(refreshed),
                identity = pending_or(&mut self.identify) => self.identified(identity),
                () = wake => {}
            }
        }
        self.shared.cluster.close();
    }

    /// Sends what is due. `None` says that the producer has ended; else when to look again.
    fn step(&mut self) -> Option<Option<Instant>> {
        let now = Instant::now();
        let metadata = self.shared.cluster.metadata();
        let limit = self.config().max_in_flight;
        let (mut drained, state, complete) = {
            let mut accumulator = self.shared.lock();
            let room = |node: i32| self.in_flight.get(&node).copied().unwrap_or(0) < limit;
            let drained = accumulator.drain(&self.shared.config, now, &metadata, room);
            (drained, accumulator.state, accumulator.is_complete_below(u64::MAX))
        };
        for expired in std::mem::take(&mut drained.expired) {
            let error = self.why_expired(&expired, state);
            self.end(expired, Err(error), false);
        }
        for (node, batches) in drained.requests {
            self.send(node, batches, now);
        }
        if state == Lifecycle::Aborted || (state == Lifecycle::Closing && complete) {
            // Requests in flight end with the connections; their batches' listeners are told by being dropped.
            return None;
        }
        let mut next = drained.next;
        let mut at = |when: Instant| next = Some(next.map_or(when, |next| next.min(when)));
        let old = !complete && self.refreshed.elapsed() >= self.shared.cluster.config().metadata_max_age;
        if (drained.needs_metadata || self.stale || old) && self.refresh.is_none() {
            match self.refresh_not_before.filter(|when| *when > now) {
                Some(when) => at(when),
                None => {
                    self.start_refresh();
                    at(now);
                }
            }
        }
        if drained.needs_identity && self.identify.is_none() {
            match self.identify_not_before.filter(|when| *when > now) {
                Some(when) => at(when),
                None => {
                    let cluster = Arc::clone(&self.shared.cluster);
                    self.identify = Some(Box::pin(async move { new_identity(&cluster).await }));
                }
            }
        }
        Some(next)
    }

    fn why_expired(&self, expired: &InFlight, state: Lifecycle) -> Error {
        if let Some(fatal) = self.shared.lock().fatal.clone() {
            return fatal;
        }
        let InFlight { topic, partition, batch, .. } = expired;
        if state == Lifecycle::Aborted {
            return Error::illegal(
                format!("cannot write {} record(s) to {topic}-{partition}", batch.count),
                format!("the producer was closed before they were acknowledged{}", fate(batch)),
            );
        }
        Error::timeout(
            format!("Expiring {} record(s) for {topic}-{partition}", batch.count),
            format!("{} ms has passed since batch creation{}", batch.created.elapsed().as_millis(), fate(batch)),
        )
    }

    fn send(&mut self, node: i32, mut batches: Vec<InFlight>, now: Instant) {
        // Batches of a topic must be side by side for the request.
        batches.sort_by_key(|batch| (batch.topic_index, batch.partition));
        let mut wires = Vec::with_capacity(batches.len());
        let mut fine = Vec::with_capacity(batches.len());
        for mut in_flight in batches {
            let (compression, level) = (self.config().compression, self.config().compression_level);
            match in_flight.batch.wire(compression, level) {
                Ok(wire) => {
                    wires.push(wire);
                    fine.push(in_flight);
                }
                Err(error) => {
                    let error = Error::protocol(format!("cannot write to {}", in_flight.topic), error);
                    self.end(in_flight, Err(error), true);
                }
            }
        }
        if fine.is_empty() {
            return;
        }
        *self.in_flight.entry(node).or_default() += 1;
        // A request is not waited for longer than its youngest batch may take.
        let deadline = fine.iter().map(|sent| sent.batch.created + self.config().delivery_timeout).max();
        let timeout = self.shared.cluster.config().request_timeout;
        let timeout = deadline.map_or(timeout, |deadline| timeout.min(deadline.saturating_duration_since(now)));
        let (cluster, acks) = (Arc::clone(&self.shared.cluster), self.config().acks);
        self.requests.push(Box::pin(async move {
            let result = produce(&cluster, node, acks, timeout, &fine, &wires).await;
            Sent { node, batches: fine, result }
        }));
    }

    fn settle(&mut self, sent: Sent) {
        if let Some(count) = self.in_flight.get_mut(&sent.node) {
            *count = count.saturating_sub(1);
        }
        match sent.result {
            Ok(mut answers) => {
                for batch in sent.batches {
                    let same =
                        |answer: &PartitionAnswer| answer.partition == batch.partition && *answer.topic == *batch.topic;
                    match answers.iter().position(same) {
                        Some(at) => {
                            let answer = answers.swap_remove(at);
                            self.answered(batch, answer);
                        }
                        None => {
                            let reason = "the broker did not answer for this partition";
                            self.failed(batch, Error::disconnected("cannot write records", reason));
                        }
                    }
                }
            }
            Err(error) => {
                for batch in sent.batches {
                    self.failed(batch, error.clone());
                }
            }
        }
    }

    fn answered(&mut self, in_flight: InFlight, answer: PartitionAnswer) {
        let written = BatchAck {
            base_offset: answer.base_offset,
            log_append_time: (answer.append_time >= 0).then_some(answer.append_time),
        };
        match answer.code {
            None => self.end(in_flight, Ok(written), true),
            // The broker has it from an attempt whose answer was lost, but no longer knows where.
            Some(ErrorCode::DUPLICATE_SEQUENCE_NUMBER) => {
                self.end(in_flight, Ok(BatchAck { base_offset: -1, log_append_time: None }), true);
            }
            Some(ErrorCode::MESSAGE_TOO_LARGE) if in_flight.batch.count > 1 => self.split(in_flight),
            Some(
                ErrorCode::UNKNOWN_PRODUCER_ID
                | ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
                | ErrorCode::INVALID_PRODUCER_EPOCH,
            ) if in_flight.batch.identity.is_some() => {
                self.reidentify(in_flight);
            }
            Some(code) => {
                let doing = format!("cannot write to {}-{}", in_flight.topic, in_flight.partition);
                self.failed(in_flight, Error::broker(doing, code, answer.message));
            }
        }
    }

    /// Tries again if that may help, or gives the batch up.
    fn failed(&mut self, in_flight: InFlight, error: Error) {
        let now = Instant::now();
        self.stale |= match &error {
            Error::Broker { code, .. } => code.is_stale_metadata(),
            other => other.is_retriable(),
        };
        let expired = now >= in_flight.batch.created + self.config().delivery_timeout;
        if !error.is_retriable() || expired || in_flight.batch.attempts > self.config().retries {
            let fate = fate(&in_flight.batch);
            let error = match error {
                Error::Timeout { doing, reason } => Error::Timeout { doing, reason: reason + fate },
                Error::Disconnected { doing, reason } => Error::Disconnected { doing, reason: reason + fate },
                other => other,
            };
            if in_flight.batch.identity.is_some() {
                self.shared.lock().burn_identity(in_flight.topic_index, in_flight.partition);
            }
            self.end(in_flight, Err(error), true);
            return;
        }
        tracing::debug!(topic = %in_flight.topic, partition = in_flight.partition, %error, "sending a batch again");
        let retry_at = now + self.shared.cluster.config().retry_backoff.after(in_flight.batch.attempts);
        let InFlight { topic_index, partition, batch, .. } = in_flight;
        self.shared.lock().put_back(topic_index, partition, vec![batch], Some(retry_at));
    }

    fn split(&mut self, in_flight: InFlight) {
        let InFlight { topic, topic_index, partition, batch } = in_flight;
        tracing::warn!(%topic, partition, bytes = batch.len(), "the broker found a batch too large; sending it in two halves");
        let (id, reserved, had_identity) = (batch.id, batch.reserved, batch.identity.is_some());
        match batch.split() {
            Ok((first, second)) => {
                let mut accumulator = self.shared.lock();
                accumulator.note_split(id);
                if had_identity {
                    accumulator.burn_identity(topic_index, partition);
                }
                accumulator.put_back(topic_index, partition, vec![first, second], None);
            }
            Err((error, listeners)) => {
                let batch = Batch::new(id, listeners, 0, reserved, Instant::now());
                let lost = InFlight { topic, topic_index, partition, batch };
                self.end(lost, Err(Error::protocol("cannot split a batch", error)), true);
            }
        }
    }

    /// The broker has forgotten this producer: the batch goes out again under another id.
    fn reidentify(&mut self, in_flight: InFlight) {
        let InFlight { topic, topic_index, partition, mut batch } = in_flight;
        self.shared.lock().burn_identity(topic_index, partition);
        match batch.forget_identity() {
            Ok(()) => self.shared.lock().put_back(topic_index, partition, vec![batch], None),
            Err(error) => {
                let lost = InFlight { topic, topic_index, partition, batch };
                self.end(lost, Err(Error::protocol("cannot send a batch again", error)), true);
            }
        }
    }

    /// Frees the batch and tells whoever waits for it.
    fn end(&mut self, in_flight: InFlight, result: Result<BatchAck>, was_in_flight: bool) {
        let InFlight { topic, topic_index, partition, batch } = in_flight;
        {
            // Told under the lock: whoever sees a flush end finds the completion.
            let mut accumulator = self.shared.lock();
            accumulator.finish(topic_index, partition, &batch, was_in_flight);
            match batch.listeners {
                // Completions need not be of interest to anyone.
                Listeners::Tags(tags) => drop(self.completions.send(Completion { topic, partition, tags, result })),
                Listeners::Replies(replies) => {
                    for (index, reply) in replies.into_iter().enumerate() {
                        let own = result.clone().map(|ack| {
                            let base_offset = if ack.base_offset < 0 { -1 } else { ack.base_offset + index as i64 };
                            (partition, BatchAck { base_offset, ..ack })
                        });
                        drop(reply.send(own));
                    }
                }
            }
        }
        self.shared.progress.notify_waiters();
    }

    fn start_refresh(&mut self) {
        let topics = self.shared.lock().topics_in_use(self.config().metadata_max_idle);
        let cluster = Arc::clone(&self.shared.cluster);
        let wanted = if topics.is_empty() { TopicsWanted::None } else { TopicsWanted::These(topics) };
        self.refresh = Some(Box::pin(async move { cluster.refresh(&wanted, true).await }));
    }

    fn refreshed(&mut self, refreshed: Result<Arc<Metadata>>) {
        self.refresh = None;
        match refreshed {
            Ok(metadata) => {
                self.refreshed = Instant::now();
                self.refresh_failures = 0;
                self.stale = false;
                let mut accumulator = self.shared.lock();
                for name in metadata.topics.keys() {
                    accumulator.update_topic(name, &metadata);
                }
            }
            Err(_) => self.refresh_failures += 1,
        }
        // Also after an answer: a partition without leader must not be asked for in a tight loop.
        let pause = self.shared.cluster.config().retry_backoff.after(self.refresh_failures.max(1));
        self.refresh_not_before = Some(Instant::now() + pause);
    }

    fn identified(&mut self, identity: Result<(i64, i16)>) {
        self.identify = None;
        match identity {
            Ok(identity) => self.shared.lock().identity = Some(identity),
            Err(error) if error.is_retriable() => {
                let pause = self.shared.cluster.config().retry_backoff.first.max(Duration::from_millis(20));
                self.identify_not_before = Some(Instant::now() + pause);
            }
            Err(error) => self.shared.lock().fatal = Some(error),
        }
    }
}

/// However the task ends, those who wait for it hear of it.
impl Drop for Sender {
    fn drop(&mut self) {
        self.shared.ended();
    }
}

/// Whether the records of a failed batch may be in Kafka all the same.
fn fate(batch: &Batch) -> &'static str {
    if batch.attempts == 0 { " (they were not written)" } else { " (they may have been written)" }
}

async fn pending_or<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
