//! Batches that wait: per partition, in order, within the producer's memory.
//!
//! Counterpart: org.apache.kafka.clients.producer.internals.RecordAccumulator.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::batch::{Batch, Listeners, Reply};
use super::completion::{Completion, TagRuns};
use super::drain::Room;
use super::ends::Ends;
use super::identities::Identities;
use super::partition_queue::{Enrolled, PartitionQueue};
use super::partitioner::{Choice, Sticky, partition_of_key};
use super::record::{Append, ProducerRecord};
use super::transaction::Transaction;
use crate::config::{Partitioner, ProducerConfig};
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::memory::Grant;
use crate::metrics::ClientMetrics;
use crate::net::Metadata;
use crate::records::{Compression, HEADER_LEN, RecordParts, record_size_bound};

/// How far a batch may be filled beyond what its expected compression allows: expectations err.
const COMPRESSION_MARGIN: f32 = 1.05;

/// Whom to tell about a record.
pub(super) enum Listener<'a> {
    Tag(u64),
    /// Taken if the record is appended.
    Reply(&'a mut Option<Reply>),
}

pub(super) struct TopicQueues {
    pub name: Arc<str>,
    /// Never removed: what waits for a partition that is gone fails by its deadline, or the topic comes back.
    pub partitions: Vec<PartitionQueue>,
    /// Partitions that the topic has now.
    pub count: usize,
    pub sticky: Sticky,
    /// Compressed size over uncompressed size, as it is expected of the next batch.
    pub ratio: f32,
    last_used: Instant,
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
    pub topics: Vec<TopicQueues>,
    by_name: HashMap<Arc<str>, usize>,
    /// Partitions that have batches.
    pub active: BTreeSet<(usize, usize)>,
    pub rotation: usize,
    pub available: usize,
    /// Memory that a refused record needs; taken by whoever refuses it.
    pub wanted: usize,
    pub memory_waiters: usize,
    /// Memory of the process that was waited for, for the next batch.
    pub prepaid: Option<Grant>,
    next_batch: u64,
    /// Batches with a number below do not wait for more records.
    pub flush_below: u64,
    pub ends: Ends,
    /// A record named a partition that is not known.
    pub partitions_wanted: bool,
    /// Somebody waits for news that there are.
    pub told: bool,
    pub identities: Identities,
    pub transaction: Option<Box<Transaction>>,
    /// Brokers that take too long; records without key go elsewhere meanwhile.
    pub slow_brokers: Vec<i32>,
    pub state: Lifecycle,
    /// Nothing more can be written.
    pub fatal: Option<Error>,
    /// Records that were given up because nobody sends them any more, though nobody wanted that.
    pub abandoned: usize,
}

impl Accumulator {
    pub(super) fn new(
        config: &ProducerConfig,
        completions: mpsc::UnboundedSender<Completion>,
        metrics: Arc<ClientMetrics>,
    ) -> Self {
        Self {
            topics: Vec::new(),
            by_name: HashMap::new(),
            active: BTreeSet::new(),
            rotation: 0,
            available: config.buffer_memory,
            wanted: 0,
            memory_waiters: 0,
            prepaid: None,
            next_batch: 0,
            flush_below: 0,
            ends: Ends::new(completions, metrics),
            partitions_wanted: false,
            told: false,
            identities: Identities::default(),
            transaction: config.transactional_id.as_ref().map(|id| Box::new(Transaction::new(id))),
            slow_brokers: Vec::new(),
            state: Lifecycle::Open,
            fatal: None,
            abandoned: 0,
        }
    }

    /// Number of a topic's partitions, if it is known.
    pub(super) fn partitions(&self, topic: &str) -> Option<usize> {
        let topic = self.topics.get(*self.by_name.get(topic)?)?;
        (topic.count > 0).then_some(topic.count)
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
            self.topics.push(TopicQueues {
                name: Arc::clone(name),
                partitions: Vec::new(),
                count: 0,
                sticky: Sticky::default(),
                ratio: 1.0,
                last_used: Instant::now(),
            });
            self.topics.len() - 1
        });
        let Some(queues) = self.topics.get_mut(index) else { return };
        queues.count = topic.partitions.len();
        let count = queues.count.max(queues.partitions.len());
        queues.partitions.resize_with(count, PartitionQueue::default);
        for (partition, queue) in queues.partitions.iter_mut().enumerate() {
            queue.leader = topic.partitions.get(partition).and_then(|partition| partition.leader);
        }
    }

    /// Index of a topic that has partitions.
    #[inline]
    pub(super) fn find(&self, name: &str, last: Option<usize>) -> Option<usize> {
        let same = |index: &usize| self.topics.get(*index).is_some_and(|topic| &*topic.name == name);
        let index = last.filter(same).or_else(|| self.by_name.get(name).copied())?;
        self.topics.get(index).is_some_and(|topic| topic.count > 0).then_some(index)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state != Lifecycle::Open
    }

    /// Why no record can be taken now, if so.
    pub(super) fn refusal(&self) -> Option<Error> {
        if let Some(fatal) = &self.fatal {
            return Some(fatal.clone());
        }
        if self.is_closed() {
            return Some(Error::illegal("cannot write records", "the producer was closed"));
        }
        self.transaction.as_ref()?.refusal_of_records()
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
        let count = topic.count;
        let mut sticky = false;
        let partition = match (record.partition, record.key) {
            (Some(partition), _) => partition,
            (None, Some(key)) if !config.ignore_keys && config.partitioner == Partitioner::BuiltIn => {
                partition_of_key(key, count)
            }
            _ => {
                sticky = true;
                let (queues, slow) = (&topic.partitions, &self.slow_brokers);
                let choice = Choice { adaptive: config.adaptive_partitioning, count };
                let waiting = |index: usize| {
                    let queue: &PartitionQueue = queues.get(index)?;
                    queue.leader.filter(|leader| !slow.contains(leader)).map(|_| queue.waiting.len())
                };
                match config.partitioner {
                    Partitioner::BuiltIn => topic.sticky.partition(choice, waiting),
                    Partitioner::RoundRobin => topic.sticky.next_in_turn(choice, waiting),
                }
            }
        };
        let Ok(index) = usize::try_from(partition) else {
            let doing = format!("cannot write to partition {partition} of topic {}", topic.name);
            return Err(Error::illegal(doing, "numbers of partitions are not negative"));
        };
        let Some(queue) = topic.partitions.get_mut(index).filter(|_| index < count) else {
            // The topic may have got more partitions since it was looked at.
            self.partitions_wanted = true;
            *wake = true;
            return Err(Error::Broker {
                doing: format!("cannot write to partition {partition} of topic {}, which has {count}", topic.name),
                code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                message: None,
            });
        };
        let ratio = if config.compression == Compression::None { None } else { Some(topic.ratio) };
        let mut available = self.available;
        let open = queue.waiting.back_mut().is_some_and(|batch| {
            let same = matches!(
                (&batch.listeners, &listener),
                (Listeners::Tags(_), Listener::Tag(_)) | (Listeners::Replies(_), Listener::Reply(_))
            );
            if !same || batch.attempts > 0 || batch.order.0 < self.flush_below {
                return false;
            }
            let reserved = batch.reserved;
            let Some(builder) = batch.builder() else { return false };
            match ratio {
                None => builder.has_room_for(size, config.batch_size),
                Some(ratio) => {
                    // Until it is sealed, a batch takes the memory of what it is uncompressed; grants do not grow.
                    let more = if builder.len() + size > reserved { config.batch_size.max(size) } else { 0 };
                    let fits = expected_len(builder.len(), ratio) + size <= config.batch_size
                        && more <= available
                        && (more == 0 || config.memory.limit().is_none());
                    if fits {
                        available -= more;
                        batch.reserved += more;
                    }
                    fits
                }
            }
        });
        self.available = available;
        if !open {
            let need = config.batch_size.max(total);
            if self.available < need {
                self.wanted = need;
                *wake = true;
                return Ok(Append::Full);
            }
            let grant = match self.prepaid.take().filter(|grant| grant.bytes() >= need) {
                Some(grant) => Some(grant),
                None => config.memory.try_acquire_to_send(need),
            };
            let Some(grant) = grant else {
                self.wanted = need;
                *wake = true;
                return Ok(Append::Full);
            };
            if sticky && !queue.waiting.is_empty() {
                topic.sticky.batch_done(partition, config.batch_size);
            }
            self.available -= need;
            let number = self.next_batch;
            self.next_batch += 1;
            self.ends.expect(number);
            self.active.insert((topic_index, index));
            *wake = true;
            topic.last_used = now.0;
            if let Some(transaction) = &mut self.transaction
                && queue.enrolled == Enrolled::No
            {
                queue.enrolled = transaction.enrol(topic_index, index);
            }
            let listeners = match &listener {
                Listener::Tag(_) => Listeners::Tags(TagRuns::default()),
                Listener::Reply(_) => Listeners::Replies(Vec::new()),
            };
            let mut batch = Batch::new((number, 0), listeners, need, now.0);
            batch.grant = grant;
            queue.waiting.push_back(batch);
        }
        let Some(batch) = queue.waiting.back_mut() else { return Ok(Append::Full) };
        let Some(builder) = batch.builder() else { return Ok(Append::Full) };
        let before = builder.len();
        let timestamp = record.timestamp.unwrap_or(now.1);
        builder
            .append(&RecordParts { timestamp, key: record.key, value: record.value, headers: record.headers })
            .map_err(|error| Error::protocol(format!("cannot write a record to topic {}", topic.name), error))?;
        let written = builder.len() - before;
        batch.count += 1;
        batch.largest_record = batch.largest_record.max(total);
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

    /// Records whose batches have not ended.
    pub(super) fn unacknowledged(&self) -> usize {
        let queues =
            self.active.iter().filter_map(|(topic, partition)| self.topics.get(*topic)?.partitions.get(*partition));
        let batches = queues.flat_map(|queue| queue.sent.iter().chain(&queue.waiting)).filter(|batch| !batch.told);
        batches.map(|batch| usize::try_from(batch.count).unwrap_or(0)).sum()
    }

    /// Closing aborts a transaction that is open.
    pub(super) fn wind_up_if_closing(&mut self) {
        if self.state == Lifecycle::Closing
            && let Some(transaction) = &mut self.transaction
        {
            transaction.wind_up();
        }
    }

    /// Ends what is left, as nobody sends any more.
    pub(super) fn abandon(&mut self, config: &ProducerConfig) {
        if self.state != Lifecycle::Aborted {
            self.abandoned = self.unacknowledged();
            self.state = Lifecycle::Aborted;
        }
        self.drain(config, Instant::now(), &Metadata::default(), |_| Room::Full);
        // Answers do not come any more, and the memory is others'.
        for (topic, partition) in std::mem::take(&mut self.active) {
            if let Some(queue) = self.topics.get_mut(topic).and_then(|topic| topic.partitions.get_mut(partition)) {
                queue.sent.clear();
            }
        }
    }

    /// From now on, everything appended so far is sent without waiting; gives the number to wait for.
    pub(super) fn flush(&mut self) -> u64 {
        self.flush_below = self.next_batch;
        self.next_batch
    }

    pub(super) fn queue(&mut self, topic: usize, partition: i32) -> Option<&mut PartitionQueue> {
        self.topics.get_mut(topic)?.partitions.get_mut(usize::try_from(partition).ok()?)
    }

    /// Notes how well a batch was compressed, as Java's clients do: at once if worse than expected, slowly if better.
    pub(super) fn note_compression(&mut self, topic: usize, compressed: usize, uncompressed: usize) {
        const BETTER: f32 = 0.005;
        const WORSE: f32 = 0.05;
        let Some(topic) = self.topics.get_mut(topic) else { return };
        let seen = compressed as f32 / uncompressed.max(1) as f32;
        topic.ratio =
            if seen > topic.ratio { (topic.ratio + WORSE).max(seen) } else { (topic.ratio - BETTER).max(seen) };
    }
}

/// Bytes that a batch of `len` bytes is expected to have once it is compressed.
pub(super) fn expected_len(len: usize, ratio: f32) -> usize {
    HEADER_LEN + (len.saturating_sub(HEADER_LEN) as f32 * ratio * COMPRESSION_MARGIN) as usize
}
