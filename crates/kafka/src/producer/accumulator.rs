//! Batches that wait: per partition, in order, within the producer's memory.
//!
//! Counterpart: org.apache.kafka.clients.producer.internals.RecordAccumulator.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque, btree_map};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::batch::{Batch, Listeners, Reply};
use super::completion::TagRuns;
use super::partitioner::{Sticky, partition_of_key};
use super::record::{Append, ProducerRecord};
use crate::config::ProducerConfig;
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::net::Metadata;
use crate::records::{HEADER_LEN, ProducerId, RecordParts, record_size_bound};

/// Whom to tell about a record.
pub(super) enum Listener<'a> {
    Tag(u64),
    /// Taken if the record is appended.
    Reply(&'a mut Option<Reply>),
}

/// A partition's batches.
#[derive(Default)]
struct PartitionQueue {
    /// In order; only the last may still be open.
    batches: VecDeque<Batch>,
    /// One is with the broker; nothing else goes before its end, so that order holds (invariant 4).
    in_flight: bool,
    retry_at: Option<Instant>,
    waiting_bytes: usize,
    has_leader: bool,
    identity: Option<Identity>,
    /// An id whose sequence was broken here and must not be used again.
    burnt: Option<i64>,
}

#[derive(Clone, Copy)]
struct Identity {
    id: i64,
    epoch: i16,
    next_sequence: i32,
}

struct TopicQueues {
    name: Arc<str>,
    partitions: Vec<PartitionQueue>,
    sticky: Sticky,
    last_used: Instant,
}

/// A batch on its way to a broker.
pub(super) struct InFlight {
    pub topic: Arc<str>,
    pub topic_index: usize,
    pub partition: i32,
    pub batch: Batch,
}

/// What is to be done now.
#[derive(Default)]
pub(super) struct Drained {
    /// By broker.
    pub requests: HashMap<i32, Vec<InFlight>>,
    pub expired: Vec<InFlight>,
    /// When to look again, if nothing happens before.
    pub next: Option<Instant>,
    pub needs_metadata: bool,
    pub needs_identity: bool,
}

/// How a producer's life goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifecycle {
    Open,
    /// What is there is sent, nothing more is taken.
    Closing,
    /// What is there is given up.
    Aborted,
}

/// State of a producer; behind one lock.
pub(super) struct Accumulator {
    topics: Vec<TopicQueues>,
    by_name: HashMap<Arc<str>, usize>,
    /// Partitions that have batches waiting.
    active: BTreeSet<(usize, usize)>,
    rotation: usize,
    pub available: usize,
    /// Memory that a refused record needs.
    pub wanted: usize,
    pub memory_waiters: usize,
    next_batch_id: u64,
    /// Batches that have not ended, by id; more than one after a split.
    incomplete: BTreeMap<u64, u32>,
    /// Batches below this id do not wait for more records.
    flush_below: u64,
    pub identity: Option<(i64, i16)>,
    pub state: Lifecycle,
    pub fatal: Option<Error>,
}

impl Accumulator {
    pub(super) fn new(config: &ProducerConfig) -> Self {
        Self {
            topics: Vec::new(),
            by_name: HashMap::new(),
            active: BTreeSet::new(),
            rotation: 0,
            available: config.buffer_memory,
            wanted: 0,
            memory_waiters: 0,
            next_batch_id: 0,
            incomplete: BTreeMap::new(),
            flush_below: 0,
            identity: None,
            state: Lifecycle::Open,
            fatal: None,
        }
    }

    /// Number of a topic's partitions, if it is known.
    pub(super) fn partitions(&self, topic: &str) -> Option<usize> {
        let topic = self.topics.get(*self.by_name.get(topic)?)?;
        (!topic.partitions.is_empty()).then_some(topic.partitions.len())
    }

    /// Topics that are in use, for metadata.
    pub(super) fn topics_in_use(&self, idle: Duration) -> Vec<Arc<str>> {
        let busy = |index: usize| self.active.range((index, 0)..=(index, usize::MAX)).next().is_some();
        let topics = self.topics.iter().enumerate();
        let used = topics.filter(|(index, topic)| topic.last_used.elapsed() < idle || busy(*index));
        used.map(|(_, topic)| Arc::clone(&topic.name)).collect()
    }

    /// Takes over what metadata says about one topic.
    pub(super) fn update_topic(&mut self, name: &Arc<str>, metadata: &Metadata) {
        let Some(topic) = metadata.topics.get(name) else { return };
        let index = *self.by_name.entry(Arc::clone(name)).or_insert_with(|| {
            let (name, sticky) = (Arc::clone(name), Sticky::default());
            self.topics.push(TopicQueues { name, partitions: Vec::new(), sticky, last_used: Instant::now() });
            self.topics.len() - 1
        });
        let Some(queues) = self.topics.get_mut(index) else { return };
        // Partitions are never removed: batches for them fail by their deadline, or the topic comes back.
        let count = topic.partitions.len().max(queues.partitions.len());
        queues.partitions.resize_with(count, PartitionQueue::default);
        for (partition, queue) in queues.partitions.iter_mut().enumerate() {
            queue.has_leader = topic.partitions.get(partition).is_some_and(|partition| partition.leader.is_some());
        }
    }

    /// Index of a topic that has partitions.
    #[inline]
    pub(super) fn find(&self, name: &str, last: Option<usize>) -> Option<usize> {
        let same = |index: &usize| self.topics.get(*index).is_some_and(|topic| &*topic.name == name);
        let index = last.filter(same).or_else(|| self.by_name.get(name).copied())?;
        self.topics.get(index).is_some_and(|topic| !topic.partitions.is_empty()).then_some(index)
    }

    /// Puts a record into a batch of its partition. `wake` is set when the sender has something new to look at.
    #[inline]
    pub(super) fn append(
        &mut self,
        config: &ProducerConfig,
        topic_index: usize,
        record: &ProducerRecord<'_>,
        now: (Instant, i64),
        listener: Listener<'_>,
        wake: &mut bool,
    ) -> Result<Append> {
        let size = record_size_bound(record.key, record.value, record.headers);
        let total = size + HEADER_LEN;
        if total > config.max_request_size {
            return Err(Error::RecordTooLarge { size: total, limit: config.max_request_size, key: "max.request.size" });
        }
        if total > config.buffer_memory {
            return Err(Error::RecordTooLarge { size: total, limit: config.buffer_memory, key: "buffer.memory" });
        }
        let Some(topic) = self.topics.get_mut(topic_index) else { return Ok(Append::UnknownTopic) };
        let count = topic.partitions.len();
        let mut sticky = false;
        let partition = match (record.partition, record.key) {
            (Some(partition), _) => partition,
            (None, Some(key)) if !config.ignore_keys => partition_of_key(key, count),
            _ => {
                sticky = true;
                let queues = &topic.partitions;
                topic.sticky.partition(count, |index| {
                    queues.get(index).filter(|queue| queue.has_leader).map(|queue| queue.waiting_bytes)
                })
            }
        };
        let index = usize::try_from(partition).unwrap_or(usize::MAX);
        let Some(queue) = topic.partitions.get_mut(index) else {
            return Err(Error::Broker {
                doing: format!("cannot write to partition {partition} of topic {}, which has {count}", topic.name),
                code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                message: None,
            });
        };
        let open = queue.batches.back_mut().is_some_and(|batch| {
            let same = matches!(
                (&batch.listeners, &listener),
                (Listeners::Tags(_), Listener::Tag(_)) | (Listeners::Replies(_), Listener::Reply(_))
            );
            same && batch.attempts == 0
                && batch.id >= self.flush_below
                && batch.builder().is_some_and(|builder| builder.has_room_for(size, config.batch_size))
        });
        if !open {
            let need = config.batch_size.max(total);
            if self.available < need {
                self.wanted = self.wanted.max(need);
                *wake = true;
                return Ok(Append::Full);
            }
            if sticky && !queue.batches.is_empty() {
                topic.sticky.batch_done(partition, config.batch_size);
            }
            self.available -= need;
            let id = self.next_batch_id;
            self.next_batch_id += 1;
            self.incomplete.insert(id, 1);
            self.active.insert((topic_index, index));
            *wake |= !queue.in_flight;
            topic.last_used = now.0;
            let listeners = match &listener {
                Listener::Tag(_) => Listeners::Tags(TagRuns::default()),
                Listener::Reply(_) => Listeners::Replies(Vec::new()),
            };
            queue.batches.push_back(Batch::new(id, listeners, need, need, now.0));
        }
        let Some(batch) = queue.batches.back_mut() else { return Ok(Append::Full) };
        let Some(builder) = batch.builder() else { return Ok(Append::Full) };
        let before = builder.len();
        let timestamp = record.timestamp.unwrap_or(now.1);
        builder
            .append(&RecordParts { timestamp, key: record.key, value: record.value, headers: record.headers })
            .map_err(|error| Error::protocol(format!("cannot write a record to topic {}", topic.name), error))?;
        let written = builder.len() - before;
        batch.count += 1;
        queue.waiting_bytes += written;
        if sticky {
            topic.sticky.appended(written);
        }
        match (&mut batch.listeners, listener) {
            (Listeners::Tags(tags), Listener::Tag(tag)) => tags.push(tag),
            (Listeners::Replies(replies), Listener::Reply(reply)) => replies.extend(reply.take()),
            _ => {}
        }
        Ok(Append::Appended)
    }

    /// From now on, everything appended so far is sent without waiting; gives the id to wait for.
    pub(super) fn flush(&mut self) -> u64 {
        self.flush_below = self.next_batch_id;
        self.next_batch_id
    }

    /// Whether every batch with an id below has ended.
    pub(super) fn is_complete_below(&self, id: u64) -> bool {
        self.incomplete.first_key_value().is_none_or(|(first, _)| *first >= id)
    }

    /// Takes what is to be sent now; `room` says whether a broker may get one more request.
    pub(super) fn drain(
        &mut self,
        config: &ProducerConfig,
        now: Instant,
        metadata: &Metadata,
        room: impl Fn(i32) -> bool,
    ) -> Drained {
        let mut drained = Drained::default();
        let mut sizes: HashMap<i32, usize> = HashMap::new();
        let mut order: Vec<(usize, usize)> = self.active.iter().copied().collect();
        if !order.is_empty() {
            // Nobody is always last where a request has not room for all.
            self.rotation = self.rotation.wrapping_add(1);
            let by = self.rotation % order.len();
            order.rotate_left(by);
        }
        let gave_up = self.state == Lifecycle::Aborted || self.fatal.is_some();
        let all_hurry = self.state != Lifecycle::Open || self.memory_waiters > 0;
        for (topic_index, index) in order {
            let Some(topic) = self.topics.get_mut(topic_index) else { continue };
            let (name, sticky) = (&topic.name, &mut topic.sticky);
            let Some(queue) = topic.partitions.get_mut(index) else { continue };
            if queue.in_flight {
                continue;
            }
            let partition = i32::try_from(index).unwrap_or(i32::MAX);
            while let Some(batch) = queue.pop_expired(gave_up, now, config.delivery_timeout) {
                drained.expired.push(InFlight { topic: Arc::clone(name), topic_index, partition, batch });
            }
            let Some(first) = queue.batches.front() else {
                self.active.remove(&(topic_index, index));
                continue;
            };
            sooner(&mut drained.next, first.created + config.delivery_timeout);
            if let Some(at) = queue.retry_at.filter(|at| *at > now) {
                sooner(&mut drained.next, at);
                continue;
            }
            let full = queue.batches.len() > 1 || first.attempts > 0 || first.len() >= config.batch_size;
            let linger_until = first.created + config.linger;
            if !all_hurry && first.id >= self.flush_below && !full && now < linger_until {
                sooner(&mut drained.next, linger_until);
                continue;
            }
            let Some(node) = metadata.leader(name, partition) else {
                drained.needs_metadata = true;
                continue;
            };
            let size = sizes.entry(node).or_default();
            if !room(node) || (*size > 0 && *size + first.len() > config.max_request_size) {
                continue;
            }
            let (count, mut identity) = (first.count, first.identity);
            if config.idempotence && identity.is_none() {
                identity = queue.next_identity(self.identity, count);
                if identity.is_none() {
                    drained.needs_identity = true;
                    continue;
                }
            }
            let Some(mut batch) = queue.batches.pop_front() else { continue };
            *size += batch.len();
            queue.waiting_bytes = queue.waiting_bytes.saturating_sub(batch.len());
            queue.in_flight = true;
            queue.retry_at = None;
            if queue.batches.is_empty() {
                sticky.batch_done(partition, config.batch_size);
                self.active.remove(&(topic_index, index));
            }
            batch.identity = identity;
            batch.attempts += 1;
            let in_flight = InFlight { topic: Arc::clone(name), topic_index, partition, batch };
            drained.requests.entry(node).or_default().push(in_flight);
        }
        drained
    }

    fn queue(&mut self, topic: usize, partition: i32) -> Option<&mut PartitionQueue> {
        self.topics.get_mut(topic)?.partitions.get_mut(usize::try_from(partition).ok()?)
    }

    /// Puts batches back in front, in the order given; they are tried again at `retry_at`.
    pub(super) fn put_back(&mut self, topic: usize, partition: i32, batches: Vec<Batch>, retry_at: Option<Instant>) {
        let Some(queue) = self.queue(topic, partition) else { return };
        queue.in_flight = false;
        queue.retry_at = retry_at;
        for batch in batches.into_iter().rev() {
            queue.waiting_bytes += batch.len();
            queue.batches.push_front(batch);
        }
        self.active.insert((topic, usize::try_from(partition).unwrap_or(0)));
    }

    /// A batch was split; both halves have its id.
    pub(super) fn note_split(&mut self, id: u64) {
        if let Some(halves) = self.incomplete.get_mut(&id) {
            *halves += 1;
        }
    }

    /// The sequence of a partition is broken; its next batch takes another producer id.
    pub(super) fn burn_identity(&mut self, topic: usize, partition: i32) {
        if let Some(queue) = self.queue(topic, partition) {
            queue.burn_identity();
        }
    }

    /// A batch has ended: others of its partition may go, and its memory is free.
    pub(super) fn finish(&mut self, topic: usize, partition: i32, batch: &Batch, was_in_flight: bool) {
        if let btree_map::Entry::Occupied(mut halves) = self.incomplete.entry(batch.id) {
            *halves.get_mut() -= 1;
            if *halves.get() == 0 {
                halves.remove();
            }
        }
        self.available += batch.reserved;
        if let Some(queue) = self.queue(topic, partition)
            && was_in_flight
        {
            queue.in_flight = false;
        }
    }
}

impl PartitionQueue {
    fn pop_expired(&mut self, gave_up: bool, now: Instant, delivery_timeout: Duration) -> Option<Batch> {
        let first = self.batches.front()?;
        if !gave_up && now < first.created + delivery_timeout {
            return None;
        }
        let batch = self.batches.pop_front()?;
        if batch.attempts > 0 && batch.identity.is_some() {
            // It may have been written, so its sequence numbers cannot go to other records.
            self.burn_identity();
        }
        self.waiting_bytes = self.waiting_bytes.saturating_sub(batch.len());
        Some(batch)
    }

    fn burn_identity(&mut self) {
        if let Some(identity) = self.identity.take() {
            self.burnt = Some(identity.id);
        }
    }

    /// Identity of a new batch of `count` records; `None` if a new producer id is needed for it.
    fn next_identity(&mut self, current: Option<(i64, i16)>, count: i32) -> Option<ProducerId> {
        let fresh = current.filter(|(id, _)| self.burnt != Some(*id));
        let own = self.identity.or_else(|| fresh.map(|(id, epoch)| Identity { id, epoch, next_sequence: 0 }))?;
        // Behind the greatest number comes 0.
        let next_sequence = own.next_sequence.wrapping_add(count) & i32::MAX;
        self.identity = Some(Identity { next_sequence, ..own });
        Some(ProducerId { id: own.id, epoch: own.epoch, base_sequence: own.next_sequence, transactional: false })
    }
}

fn sooner(next: &mut Option<Instant>, at: Instant) {
    *next = Some(next.map_or(at, |next| next.min(at)));
}
