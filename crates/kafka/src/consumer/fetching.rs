//! Which partitions are fetched from whom, and what has come.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.AbstractFetch, FetchCollector. While the owner works on what one request
//! brought, the next one is under way; not more, so that memory stays bounded by what two requests bring.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use milena_api::record::TopicPartition;
use tokio::time::Instant;

use super::batch::FetchedBatch;
use super::fetch::{Answer, Asked, Fetched, fetch};
use super::partition::Partition;
use super::positions::{Positions, Wanted};
use super::subscription::StartOffset;
use crate::config::{ConsumerConfig, IsolationLevel};
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::net::Cluster;

pub(super) struct Fetching {
    cluster: Arc<Cluster>,
    config: Arc<ConsumerConfig>,
    partitions: BTreeMap<TopicPartition, Partition>,
    /// Partitions that have records, in the order in which those came.
    ready: VecDeque<TopicPartition>,
    pub requests: FuturesUnordered<BoxFuture<'static, Fetched>>,
    /// Brokers that are being asked.
    busy: HashSet<i32>,
    jumps: u64,
    /// Something has changed since requests were planned last.
    changed: bool,
    stale: bool,
    retry_at: Option<Instant>,
    errors: VecDeque<Error>,
}

impl Fetching {
    pub(super) fn new(cluster: Arc<Cluster>, config: Arc<ConsumerConfig>) -> Self {
        Self {
            cluster,
            config,
            partitions: BTreeMap::new(),
            ready: VecDeque::new(),
            requests: FuturesUnordered::new(),
            busy: HashSet::new(),
            jumps: 0,
            changed: false,
            stale: false,
            retry_at: None,
            errors: VecDeque::new(),
        }
    }

    /// Requests under way are left to end: their answers are recognized as old.
    pub(super) fn replace(&mut self, partitions: Vec<(TopicPartition, StartOffset)>) {
        self.jumps += 1;
        let new = partitions.into_iter().map(|(at, start)| {
            let partition = Partition::new(&at, start, self.jumps);
            (at, partition)
        });
        self.partitions = new.collect();
        self.ready.clear();
        self.errors.clear();
        self.changed = true;
    }

    /// Reads these too; partitions that are read already are left alone.
    pub(super) fn add(&mut self, partitions: Vec<(TopicPartition, StartOffset)>) {
        self.jumps += 1;
        for (at, start) in partitions {
            let new = Partition::new(&at, start, self.jumps);
            self.partitions.entry(at).or_insert(new);
        }
        self.changed = true;
    }

    /// Reads these no more; the others are not disturbed, and what was fetched for them is kept.
    pub(super) fn remove(&mut self, partitions: &[TopicPartition]) {
        for at in partitions {
            self.partitions.remove(at);
        }
        self.changed = true;
    }

    pub(super) fn position(&self, at: &TopicPartition) -> Option<i64> {
        self.partitions.get(at)?.position
    }

    pub(super) fn seek(&mut self, at: &TopicPartition, offset: i64) {
        self.jumps += 1;
        if let Some(partition) = self.partitions.get_mut(at) {
            partition.jump_to(offset, self.jumps);
            self.changed = true;
        }
    }

    pub(super) fn set_paused(&mut self, partitions: &[TopicPartition], paused: bool) {
        for at in partitions {
            if let Some(partition) = self.partitions.get_mut(at) {
                self.changed |= partition.paused != paused;
                partition.paused = paused;
            }
        }
    }

    /// Partitions whose position is to be found.
    pub(super) fn wanted(&self) -> Vec<Wanted> {
        let wanted = self.partitions.iter().filter_map(|(at, partition)| {
            let start = partition.start?;
            Some(Wanted { at: at.clone(), jump: partition.jump, start, out_of_range: partition.out_of_range })
        });
        wanted.collect()
    }

    pub(super) fn nothing_to_find(&self) -> bool {
        self.partitions.values().all(|partition| partition.start.is_none())
    }

    pub(super) fn found(&mut self, positions: Positions) {
        for (at, jump, offset) in positions {
            self.jumps += 1;
            if let Some(partition) = self.partitions.get_mut(&at).filter(|partition| partition.jump == jump) {
                partition.jump_to(offset, self.jumps);
                self.changed = true;
            }
        }
    }

    /// Metadata is new: leaders may be known that were not.
    pub(super) fn look_again(&mut self) {
        self.changed = true;
    }

    /// Whether metadata turned out to be out of date since the last call.
    pub(super) fn take_stale(&mut self) -> bool {
        std::mem::take(&mut self.stale)
    }

    pub(super) fn take_error(&mut self) -> Option<Error> {
        self.errors.pop_front()
    }

    /// When a partition that failed is to be tried again.
    pub(super) fn retry_at(&self, now: Instant) -> Option<Instant> {
        self.retry_at.map(|at| at.max(now))
    }

    /// Records that are there, `max.poll.records` at most.
    pub(super) fn take_records(&mut self) -> Result<Option<Vec<FetchedBatch>>> {
        let limit = self.config.max_poll_records;
        let skip_aborted = self.config.isolation == IsolationLevel::ReadCommitted;
        let refill = self.refill_below();
        let mut batches = Vec::new();
        let (mut taken, mut passed) = (0, 0);
        while taken < limit && passed < self.ready.len() {
            let Some(at) = self.ready.front() else { break };
            let Some(partition) = self.partitions.get_mut(at).filter(|partition| partition.has_chunks()) else {
                self.ready.pop_front();
                continue;
            };
            if partition.paused {
                self.ready.rotate_left(1);
                passed += 1;
                continue;
            }
            let before = partition.buffered;
            match partition.take(limit - taken, self.config.check_crcs, skip_aborted, &mut batches) {
                Ok(count) => taken += count,
                Err(_) if taken > 0 => break,
                Err(error) => return Err(error),
            }
            self.changed |= before > refill && partition.buffered <= refill;
        }
        Ok((taken > 0).then_some(batches))
    }

    /// A broker is asked for more when none of its partitions has more than this waiting.
    fn refill_below(&self) -> usize {
        usize::try_from(self.config.max_partition_fetch_bytes).unwrap_or(0)
    }

    /// Asks every broker that is due.
    pub(super) fn send(&mut self) {
        let retry_due = self.retry_at.is_some_and(|at| Instant::now() >= at);
        if !std::mem::take(&mut self.changed) && !retry_due {
            return;
        }
        let now = Instant::now();
        let refill = self.refill_below();
        let metadata = self.cluster.metadata();
        self.retry_at = None;
        let mut plan: HashMap<i32, Vec<Asked>> = HashMap::new();
        let mut full: HashSet<i32> = HashSet::new();
        for (at, partition) in &self.partitions {
            if partition.paused || partition.position.is_none() {
                continue;
            }
            if let Some(retry_at) = partition.retry_at.filter(|retry_at| *retry_at > now) {
                self.retry_at = Some(self.retry_at.map_or(retry_at, |at| at.min(retry_at)));
                continue;
            }
            let Some(leader) = metadata.leader(&at.topic, at.partition) else {
                self.stale = true;
                continue;
            };
            if partition.buffered > refill {
                full.insert(leader);
                continue;
            }
            let epoch = metadata.partition(&at.topic, at.partition).map_or(-1, |partition| partition.epoch);
            let asked = Asked { at: at.clone(), jump: partition.jump, offset: partition.fetch_offset, epoch };
            plan.entry(leader).or_default().push(asked);
        }
        for (node, mut asked) in plan {
            if full.contains(&node) || !self.busy.insert(node) {
                continue;
            }
            // A broker fills its answer in the order of the request; everyone is first at times.
            let by = (self.jumps as usize).wrapping_add(self.ready.len()) % asked.len().max(1);
            asked.rotate_left(by);
            self.requests.push(Box::pin(fetch(&self.cluster, &self.config, node, asked)));
        }
    }

    /// Takes over an answer.
    pub(super) fn absorb(&mut self, fetched: Fetched) {
        let Fetched { node, asked, result } = fetched;
        self.busy.remove(&node);
        self.changed = true;
        let now = Instant::now();
        let answers = match result {
            Ok(answers) => answers,
            Err(error) => {
                if !error.is_retriable() {
                    self.errors.push_back(error);
                }
                // The broker may be gone, and its partitions led by another.
                self.stale = true;
                for asked in asked {
                    self.retry_later(&asked, now);
                }
                return;
            }
        };
        let mut by_topic: HashMap<&str, HashMap<i32, &Asked>> = HashMap::new();
        for asked in &asked {
            by_topic.entry(&asked.at.topic).or_default().insert(asked.at.partition, asked);
        }
        for answer in answers {
            let topic = by_topic.get_mut(answer.topic.as_str());
            // A partition that was not asked for, or is answered twice, is none of ours.
            if let Some(asked) = topic.and_then(|topic| topic.remove(&answer.partition)) {
                self.absorb_partition(asked, answer, now);
            }
        }
    }

    fn retry_later(&mut self, asked: &Asked, now: Instant) {
        if let Some(partition) = self.partitions.get_mut(&asked.at).filter(|partition| partition.jump == asked.jump) {
            partition.failures += 1;
            partition.retry_at = Some(now + self.config.client.retry_backoff.after(partition.failures));
        }
    }

    fn absorb_partition(&mut self, asked: &Asked, answer: Answer, now: Instant) {
        let Some(partition) = self.partitions.get_mut(&asked.at).filter(|partition| partition.jump == asked.jump)
        else {
            return;
        };
        let Some(code) = answer.code else {
            partition.failures = 0;
            if let Err(error) = partition.absorb(answer.records, answer.aborted) {
                self.errors.push_back(error);
                self.retry_later(asked, now);
                return;
            }
            if partition.has_chunks() && !self.ready.contains(&asked.at) {
                self.ready.push_back(asked.at.clone());
            }
            return;
        };
        match code {
            ErrorCode::OFFSET_OUT_OF_RANGE => {
                tracing::info!(partition = %asked.at, offset = asked.offset, "the offset is out of range; auto.offset.reset decides");
                self.jumps += 1;
                if partition.has_chunks() {
                    // What came before is still good; the end of it is found out again.
                    self.retry_later(asked, now);
                } else {
                    partition.look_for(StartOffset::Committed, self.jumps);
                    partition.out_of_range = Some(asked.offset);
                }
            }
            code if code.is_stale_metadata() => {
                self.stale = true;
                self.retry_later(asked, now);
            }
            code if code.is_retriable() || code == ErrorCode::OFFSET_NOT_AVAILABLE => self.retry_later(asked, now),
            code => {
                self.errors.push_back(Error::broker(
                    format!("cannot read {} at offset {}", asked.at, asked.offset),
                    code,
                    None,
                ));
                self.retry_later(asked, now);
            }
        }
    }
}
