//! Chooses what is to be sent now, and gives up what has waited too long.
//!
//! Counterpart: org.apache.kafka.clients.producer.internals.RecordAccumulator (`ready` and `drain`).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::accumulator::{Accumulator, Lifecycle, TopicQueues, expected_len};
use super::batch::{Batch, Draft, Order};
use super::ends::{End, Ends};
use super::partition_queue::{Enrolled, Identity, PartitionQueue};
use crate::config::ProducerConfig;
use crate::error::Error;
use crate::net::Metadata;
use crate::records::Compression;

/// Whether a broker can get a request now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Yes,
    /// It has as many as it may have at once.
    Full,
    /// It has asked for a pause, or cannot be reached before.
    Until(Instant),
    /// There is no connection to it.
    Unconnected,
}

/// A batch on its way to a broker.
pub(super) struct Sending {
    pub topic: Arc<str>,
    pub topic_index: usize,
    pub partition: i32,
    pub order: Order,
    pub draft: Draft,
}

/// A request to one broker.
pub(super) struct Outgoing {
    pub node: i32,
    bytes: usize,
    pub batches: Vec<Sending>,
}

/// What is to be done now.
#[derive(Default)]
pub(super) struct Drained {
    pub requests: Vec<Outgoing>,
    /// When to look again, if nothing happens before.
    pub next: Option<Instant>,
    pub needs_metadata: bool,
    pub needs_identity: bool,
    /// Brokers that batches wait for.
    pub unconnected: Vec<i32>,
    /// Brokers that batches wait for because they have enough to do.
    pub busy: Vec<i32>,
    /// Brokers that have room, as far as was asked.
    rooms: Vec<(i32, Room)>,
}

impl Drained {
    pub(super) fn sooner(&mut self, at: Instant) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    fn room(&mut self, node: i32, room: &impl Fn(i32) -> Room) -> Room {
        if let Some((_, known)) = self.rooms.iter().find(|(known, _)| *known == node) {
            return *known;
        }
        let room = room(node);
        self.rooms.push((node, room));
        match room {
            Room::Unconnected => self.unconnected.push(node),
            Room::Full => self.busy.push(node),
            Room::Until(at) => self.sooner(at),
            Room::Yes => {}
        }
        room
    }

    /// The request to a broker; `None` if the batch is too large for what is in it already.
    fn request(&mut self, node: i32, bytes: usize, limit: usize) -> Option<&mut Outgoing> {
        let at = match self.requests.iter().position(|request| request.node == node) {
            Some(at) => at,
            None => {
                self.requests.push(Outgoing { node, bytes: 0, batches: Vec::new() });
                self.requests.len() - 1
            }
        };
        let request = self.requests.get_mut(at)?;
        if !request.batches.is_empty() && request.bytes + bytes > limit {
            return None;
        }
        request.bytes += bytes;
        Some(request)
    }
}

/// What is the same for all partitions of one round.
struct Round<'a> {
    config: &'a ProducerConfig,
    now: Instant,
    /// Batches with a smaller number do not linger.
    flush_below: u64,
    nobody_lingers: bool,
    /// Why nothing is sent any more.
    over: Option<Error>,
    /// Why nothing new is sent in this transaction.
    aborting: Option<Error>,
    current: Option<Identity>,
}

impl Accumulator {
    /// Takes what is to be sent now; `room` says whether a broker may get one more request.
    pub(super) fn drain(
        &mut self,
        config: &ProducerConfig,
        now: Instant,
        metadata: &Metadata,
        room: impl Fn(i32) -> Room,
    ) -> Drained {
        self.mend_sequences();
        let mut drained = Drained::default();
        let mut order: Vec<(usize, usize)> = self.active.iter().copied().collect();
        if order.is_empty() {
            return drained;
        }
        // Nobody is always last where a request has not room for all.
        self.rotation = self.rotation.wrapping_add(1);
        let by = self.rotation % order.len();
        order.rotate_left(by);
        let closed = || Error::illegal("cannot write records", "the producer was closed before they were acknowledged");
        let over = self.fatal.clone().or_else(|| (self.state == Lifecycle::Aborted).then(closed));
        let round = Round {
            config,
            now,
            flush_below: self.flush_below,
            nobody_lingers: self.state != Lifecycle::Open
                || self.memory_waiters > 0
                || self.transaction.as_ref().is_some_and(|transaction| transaction.is_completing()),
            over,
            aborting: self.transaction.as_ref().and_then(|transaction| transaction.aborts_batches()),
            current: self.identities.current,
        };
        for (topic_index, index) in order {
            let Some(topic) = self.topics.get_mut(topic_index) else { continue };
            let TopicQueues { name, partitions, sticky, ratio, .. } = topic;
            let Some(queue) = partitions.get_mut(index) else { continue };
            let partition = i32::try_from(index).unwrap_or(i32::MAX);
            let (gave_up, lost) =
                give_up(&round, queue, (name, partition), &mut self.ends, &mut self.available, &mut drained);
            self.told |= gave_up;
            if let Some(error) = lost {
                if queue.sequences.unresolved.is_some() {
                    self.identities.doubt(topic_index, index);
                }
                if let Some(transaction) = &mut self.transaction {
                    transaction.batch_failed(&error);
                }
            }
            if queue.is_idle() {
                self.active.remove(&(topic_index, index));
                continue;
            }
            if round.over.is_some() || (config.max_in_flight == 1 && !queue.sent.is_empty()) {
                continue;
            }
            let ratio = (config.compression != Compression::None).then_some(*ratio);
            let metadata_of = metadata.partition(name, partition);
            let epoch = metadata_of.map_or(-1, |partition| partition.epoch);
            if !is_due(&round, queue, ratio, epoch, &mut drained) {
                continue;
            }
            let Some(node) = metadata.leader(name, partition) else {
                drained.needs_metadata = true;
                continue;
            };
            if drained.room(node, &room) != Room::Yes {
                continue;
            }
            let transactional = self.transaction.is_some();
            if config.idempotence {
                if round.current.is_none() {
                    drained.needs_identity = true;
                    continue;
                }
                if !queue.may_send(round.current) || (transactional && queue.enrolled != Enrolled::Yes) {
                    continue;
                }
            }
            let bytes = queue.waiting.front().map_or(0, Batch::len);
            let Some(request) = drained.request(node, bytes, config.max_request_size) else { continue };
            let Some(mut batch) = queue.waiting.pop_front() else { continue };
            if let Some(current) = round.current.filter(|_| config.idempotence && batch.identity.is_none()) {
                batch.identity = Some(queue.number(current, batch.count, transactional));
            }
            batch.attempts += 1;
            batch.retry_at = None;
            batch.leader_epoch = epoch;
            if queue.waiting.is_empty() {
                sticky.batch_done(partition, config.batch_size);
            }
            request.batches.push(Sending {
                topic: Arc::clone(name),
                topic_index,
                partition,
                order: batch.order,
                draft: batch.draft(),
            });
            queue.put_sent(batch);
        }
        drained
    }
}

/// Whether the first waiting batch is to be sent now; notes when it will be.
fn is_due(round: &Round<'_>, queue: &PartitionQueue, ratio: Option<f32>, epoch: i32, drained: &mut Drained) -> bool {
    let Some(first) = queue.waiting.front() else { return false };
    // A new leader need not be spared.
    let led_anew = epoch > first.leader_epoch && first.leader_epoch >= 0;
    if let Some(at) = first.retry_at.filter(|at| *at > round.now && !led_anew) {
        drained.sooner(at);
        return false;
    }
    let len = ratio.map_or_else(|| first.len(), |ratio| expected_len(first.len(), ratio));
    let full = queue.waiting.len() > 1 || first.attempts > 0 || len >= round.config.batch_size;
    let linger_until = first.created + round.config.linger;
    let waits = !full && !round.nobody_lingers && first.order.0 >= round.flush_below && round.now < linger_until;
    if waits {
        drained.sooner(linger_until);
    }
    !waits
}

/// Ends the batches that have waited too long or are not wanted any more. Gives the error of one that makes a transaction fail.
fn give_up(
    round: &Round<'_>,
    queue: &mut PartitionQueue,
    (topic, partition): (&Arc<str>, i32),
    ends: &mut Ends,
    available: &mut usize,
    drained: &mut Drained,
) -> (bool, Option<Error>) {
    let (mut gave_up, mut lost) = (false, None);
    let timeout = round.config.delivery_timeout;
    let late = |batch: &Batch| round.now >= batch.created + timeout;
    // What is with the broker stays listed until the answer is there or cannot come, since it tells about sequence numbers.
    for batch in &mut queue.sent {
        if batch.told {
            continue;
        }
        if !late(batch) && round.over.is_none() {
            drained.sooner(batch.created + timeout);
            break;
        }
        let has_left = !batch.is_held_back();
        let maybe_written = batch.maybe_written || has_left;
        let error = match &round.over {
            Some(error) => not_written(error.clone(), maybe_written),
            None => expired((topic, partition), batch, maybe_written, round.now),
        };
        queue.sequences.lost_track_of(batch);
        gave_up = true;
        ends.tell(topic, partition, batch, End::Failed { error: error.clone(), maybe_written });
        lost = Some(error);
    }
    while let Some(first) = queue.waiting.front() {
        let unnumbered = first.identity.is_none();
        let aborted = round.aborting.as_ref().filter(|_| unnumbered);
        let maybe_written = first.maybe_written;
        let error = match (&round.over, aborted) {
            (Some(error), _) | (None, Some(error)) => not_written(error.clone(), maybe_written),
            (None, None) if late(first) => {
                let error = expired((topic, partition), first, maybe_written, round.now);
                lost = Some(error.clone());
                error
            }
            (None, None) => {
                drained.sooner(first.created + timeout);
                break;
            }
        };
        let Some(mut batch) = queue.waiting.pop_front() else { break };
        if batch.identity.is_some() {
            // Its sequence numbers cannot go to other records until it is known.
            queue.sequences.lost_track_of(&batch);
        }
        *available += batch.reserved;
        gave_up = true;
        ends.tell(topic, partition, &mut batch, End::Failed { error, maybe_written });
    }
    // A batch that is not to be sent may stand behind some that are still to be sent again.
    if let Some(error) = &round.aborting {
        while let Some(mut batch) = queue.waiting.pop_back_if(|batch| batch.identity.is_none()) {
            *available += batch.reserved;
            let error = not_written(error.clone(), false);
            gave_up = true;
            ends.tell(topic, partition, &mut batch, End::Failed { error, maybe_written: false });
        }
    }
    (gave_up, lost)
}

fn expired((topic, partition): (&str, i32), batch: &Batch, maybe_written: bool, now: Instant) -> Error {
    let waited: Duration = now.saturating_duration_since(batch.created);
    let reason = format!("{} ms has passed since batch creation{}", waited.as_millis(), fate(maybe_written));
    Error::timeout(format!("Expiring {} record(s) for {topic}-{partition}", batch.count), reason)
}

/// The error, with the fate of the records if it has room for it.
pub(super) fn not_written(error: Error, maybe_written: bool) -> Error {
    let fate = fate(maybe_written);
    match error {
        Error::Timeout { doing, reason } => Error::Timeout { doing, reason: reason + fate },
        Error::Disconnected { doing, reason } => Error::Disconnected { doing, reason: reason + fate },
        Error::IllegalState { doing, reason } => Error::IllegalState { doing, reason: reason + fate },
        other => other,
    }
}

/// Whether the records of a failed batch may be in Kafka all the same.
fn fate(maybe_written: bool) -> &'static str {
    if maybe_written { " (they may have been written)" } else { " (they were not written)" }
}
