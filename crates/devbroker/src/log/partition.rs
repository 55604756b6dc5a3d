//! One partition: a queue of stored batches behind one lock, and the fetches that wait for the next one.
//!
//! Counterpart: org.apache.kafka.storage.internals.log.UnifiedLog.

mod append;
mod cleaner;
mod epochs;
mod leading;
mod read;
#[cfg(test)]
mod tests;

use super::control::Marker;
use super::epochs::Epochs;
use super::files::{Files, Place, Segment};
use super::memory::{KEPT_PER_PARTITION, Memory};
use super::producers::{ActiveProducer, Producers};
use crate::error::Result;
use crate::sync::lock;
use crate::topic_configs::LogSettings;
pub(crate) use append::Appended;
use bytes::Bytes;
use leading::Leading;
use milena_kafka::records::BatchHeader;
pub(crate) use read::{Read, ReadError};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};
use tokio::sync::Notify;

/// A batch of the log: in memory, in a file, or both.
#[derive(Debug)]
struct Stored {
    base: i64,
    last: i64,
    max_timestamp: i64,
    len: usize,
    data: Option<Bytes>,
    place: Option<Place>,
}

#[derive(Debug)]
struct State {
    settings: LogSettings,
    start: i64,
    end: i64,
    batches: VecDeque<Stored>,
    /// Bytes of all batches.
    bytes: u64,
    /// Bytes appended since the last compaction.
    dirty: u64,
    /// Bytes of those that are held in memory although a file has them, and the index of the oldest such batch.
    cached: usize,
    first_cached: usize,
    producers: Producers,
    epochs: Epochs,
    files: Option<Files>,
    /// Shared account of logs without files.
    memory: Option<Arc<Memory>>,
    waiting: Vec<Weak<Notify>>,
    deleted: bool,
}

/// A partition's log.
#[derive(Debug)]
pub(crate) struct Partition {
    state: Mutex<State>,
    cache_limit: usize,
    leading: Leading,
}

impl Partition {
    /// An empty partition in memory.
    pub fn in_memory(settings: LogSettings, memory: Arc<Memory>) -> Self {
        Self::with(settings, None, Some(memory), usize::MAX)
    }

    /// A partition in a folder, with what the folder already has.
    pub fn in_dir(
        settings: LogSettings,
        dir: PathBuf,
        trusted: bool,
        log_start: i64,
        cache_limit: usize,
    ) -> Result<Self> {
        let mut batches = VecDeque::new();
        let mut producers = Producers::default();
        let mut epochs = Epochs::default();
        let mut bytes = 0;
        let mut epoch = 0;
        let files = Files::open(dir, trusted, |header, place| {
            bytes += header.total_len() as u64;
            epoch = epoch.max(header.leader_epoch);
            epochs.assign(header.leader_epoch, header.base_offset);
            if !header.is_control() {
                producers.record(&header, header.base_offset, -1);
            } else if let Some(marker) = read_marker(&header, &place) {
                producers.end_transaction(&marker, header.base_offset, header.max_timestamp);
            }
            batches.push_back(Stored {
                base: header.base_offset,
                last: header.last_offset(),
                max_timestamp: header.max_timestamp,
                len: header.total_len(),
                data: None,
                place: Some(place),
            });
        })?;
        let partition = Self::with(settings, Some(files), None, cache_limit);
        partition.leading.start_at(epoch);
        {
            let mut state = lock(&partition.state);
            state.first_cached = batches.len();
            state.end = batches.back().map_or(log_start, |last: &Stored| last.last + 1).max(log_start);
            // Compaction leaves gaps at the start that are still part of the log; retention does not.
            let first = batches.front().map_or(state.end, |first| first.base);
            state.start = if state.settings.trim { first } else { log_start };
            state.batches = batches;
            state.bytes = bytes;
            state.dirty = bytes;
            state.producers = producers;
            state.epochs = epochs;
            state.trim_to(log_start);
        }
        Ok(partition)
    }

    fn with(settings: LogSettings, files: Option<Files>, memory: Option<Arc<Memory>>, cache_limit: usize) -> Self {
        let state = State {
            settings,
            start: 0,
            end: 0,
            batches: VecDeque::new(),
            bytes: 0,
            dirty: 0,
            cached: 0,
            first_cached: 0,
            producers: Producers::default(),
            epochs: Epochs::default(),
            files,
            memory,
            waiting: Vec::new(),
            deleted: false,
        };
        Self { state: Mutex::new(state), cache_limit, leading: Leading::default() }
    }

    /// Has `waiter` notified when the log changes. Kept until then, or until the waiter is gone.
    pub fn wait(&self, waiter: &Arc<Notify>) {
        let mut state = lock(&self.state);
        let known = |other: &Weak<Notify>| std::ptr::eq(other.as_ptr(), Arc::as_ptr(waiter));
        if !state.waiting.iter().any(known) {
            state.waiting.retain(|other| other.strong_count() > 0);
            state.waiting.push(Arc::downgrade(waiter));
        }
    }

    /// Offset before which no transaction is open.
    pub fn last_stable(&self) -> i64 {
        lock(&self.state).last_stable()
    }

    /// Producers that are known here.
    pub fn producers(&self) -> Vec<ActiveProducer> {
        lock(&self.state).producers.active()
    }

    /// First offset and the one after the last.
    pub fn range(&self) -> (i64, i64) {
        let state = lock(&self.state);
        (state.start, state.end)
    }

    /// Moves the first offset up (DeleteRecords, -1 = to the end) and returns it; `None` if it would be beyond the end.
    pub fn delete_before(&self, offset: i64) -> Option<i64> {
        let mut state = lock(&self.state);
        let offset = if offset == -1 { state.end } else { offset };
        if offset < 0 || offset > state.end {
            return None;
        }
        state.trim_to(offset);
        Some(state.start)
    }

    /// Takes over changed topic configurations.
    pub fn configure(&self, settings: LogSettings) {
        let mut state = lock(&self.state);
        state.settings = settings;
        state.trim_by_size();
    }

    /// Drops batches whose newest record is older than the topic keeps, and forgets silent producers.
    pub fn trim_by_time(&self, now: i64) {
        let mut state = lock(&self.state);
        state.producers.expire(now);
        if !state.settings.trim || state.settings.retention_ms < 0 {
            return;
        }
        let oldest = now.saturating_sub(state.settings.retention_ms);
        let keep = state.batches.iter().position(|batch| batch.max_timestamp >= oldest);
        let start = keep.and_then(|index| state.batches.get(index)).map_or(state.end, |batch| batch.base);
        state.trim_to(start);
    }

    /// The file to force to the disk, if something was written since the last call.
    pub fn take_unsynced(&self) -> Option<Arc<Segment>> {
        lock(&self.state).files.as_mut().and_then(Files::take_unsynced)
    }

    /// Bytes of the log.
    #[cfg(test)]
    pub fn bytes(&self) -> u64 {
        lock(&self.state).bytes
    }

    /// Empties the log for good and wakes those who wait for it.
    pub fn delete(&self) {
        let woken = {
            let mut state = lock(&self.state);
            state.deleted = true;
            state.batches.clear();
            if let Some(memory) = &state.memory {
                memory.subtract(state.bytes);
            }
            state.bytes = 0;
            if let Some(mut files) = state.files.take() {
                files.delete();
            }
            std::mem::take(&mut state.waiting)
        };
        wake(&woken);
    }
}

fn wake(waiting: &[Weak<Notify>]) {
    waiting.iter().filter_map(Weak::upgrade).for_each(|waiter| waiter.notify_one());
}

fn read_marker(header: &BatchHeader, place: &Place) -> Option<Marker> {
    let mut batch = vec![0; header.total_len()];
    place.segment.read(&mut batch, place.position).ok()?;
    Marker::decode(header, &batch)
}

impl State {
    /// Offset before which no transaction is open; everything is replicated to all the replicas there are.
    fn last_stable(&self) -> i64 {
        self.producers.transactions.first_open().map_or(self.end, |first| first.max(self.start))
    }

    /// Lets go of the oldest cached batches that a file has, too.
    fn shrink_cache(&mut self, limit: usize) {
        while self.cached > limit {
            let Some(batch) = self.batches.get_mut(self.first_cached) else { break };
            if batch.place.is_none() {
                break;
            }
            if batch.data.take().is_some() {
                self.cached -= batch.len;
            }
            self.first_cached += 1;
        }
    }

    /// As Kafka: what is dropped must leave at least `retention.bytes` behind.
    fn trim_by_size(&mut self) {
        let mut keep = u64::try_from(self.settings.retention_bytes).unwrap_or(u64::MAX);
        if let Some(memory) = &self.memory {
            keep = keep.min(self.bytes.saturating_sub(memory.excess()).max(KEPT_PER_PARTITION));
        }
        if !self.settings.trim || self.bytes <= keep {
            return;
        }
        let mut left = self.bytes;
        let mut start = self.start;
        for batch in &self.batches {
            if left - (batch.len as u64) < keep {
                break;
            }
            left -= batch.len as u64;
            start = batch.last + 1;
        }
        self.trim_to(start);
    }

    /// Moves the first offset up and drops batches below it.
    fn trim_to(&mut self, start: i64) {
        if start <= self.start {
            return;
        }
        self.start = start;
        let mut dropped = false;
        while self.batches.front().is_some_and(|batch| batch.last < start) {
            let Some(batch) = self.batches.pop_front() else { break };
            self.bytes -= batch.len as u64;
            if let Some(memory) = &self.memory {
                memory.subtract(batch.len as u64);
            }
            if batch.data.is_some() {
                self.cached -= batch.len;
            }
            self.first_cached = self.first_cached.saturating_sub(1);
            dropped = true;
        }
        if dropped {
            self.producers.transactions.trim(start);
            self.epochs.trim(start);
            if let Some(files) = &mut self.files {
                files.trim(start);
            }
        }
    }
}
