//! One partition: a queue of stored batches behind one lock, and the fetches that wait for the next one.
//!
//! Counterpart: org.apache.kafka.storage.internals.log.UnifiedLog.

use super::compaction;
use super::files::{Files, Place, Segment};
use super::memory::{KEPT_PER_PARTITION, Memory};
use super::producers::{Producers, Verdict};
use super::timestamps;
use crate::error::Result;
use crate::sync::{lock, now_ms};
use crate::topic_configs::LogSettings;
use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use leading::Leading;
use milena_kafka::records::{self, BatchHeader, TimestampType};
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

/// Result of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    pub base_offset: i64,
    /// -1 unless the topic has `message.timestamp.type=LogAppendTime`.
    pub log_append_time: i64,
    pub log_start: i64,
}

/// A refused append: the code and a text for the client.
pub(crate) type Refused = (ResponseError, &'static str);

/// Result of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slice {
    pub bytes: usize,
    pub high_watermark: i64,
    pub log_start: i64,
}

/// A read that found nothing to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadError {
    OutOfRange,
    Deleted,
    Storage,
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
        let mut bytes = 0;
        let mut epoch = 0;
        let files = Files::open(dir, trusted, |header, place| {
            bytes += header.total_len() as u64;
            producers.record(&header, header.base_offset, -1);
            epoch = epoch.max(header.leader_epoch);
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
            files,
            memory,
            waiting: Vec::new(),
            deleted: false,
        };
        Self { state: Mutex::new(state), cache_limit, leading: Leading::default() }
    }

    /// Appends the one batch that a produce request brings for this partition.
    pub fn append(&self, records: &[u8], acks: i16) -> Result<Appended, Refused> {
        let header = check_batch(records)?;
        let now = now_ms();
        let mut woken = Vec::new();
        let appended = {
            let mut state = lock(&self.state);
            let appended = state.append(records, &header, acks, now, self.cache_limit, &self.leading)?;
            std::mem::swap(&mut woken, &mut state.waiting);
            appended
        };
        for waiter in woken {
            if let Some(waiter) = waiter.upgrade() {
                waiter.notify_one();
            }
        }
        Ok(appended)
    }

    /// Reads whole batches from `offset` on, up to `max_bytes`; with `at_least_one` the first batch is given however large it is.
    pub fn read(
        &self,
        offset: i64,
        max_bytes: usize,
        at_least_one: bool,
        out: &mut Vec<Bytes>,
    ) -> Result<Slice, ReadError> {
        let state = lock(&self.state);
        if state.deleted {
            return Err(ReadError::Deleted);
        }
        if offset < state.start || offset > state.end {
            return Err(ReadError::OutOfRange);
        }
        let first = state.batches.partition_point(|batch| batch.last < offset);
        let mut bytes = 0;
        let mut last = first;
        for batch in state.batches.range(first..) {
            if bytes + batch.len > max_bytes && !(at_least_one && bytes == 0) {
                break;
            }
            bytes += batch.len;
            last += 1;
        }
        state.collect(first, last, out).map_err(|_| ReadError::Storage)?;
        Ok(Slice { bytes, high_watermark: state.end, log_start: state.start })
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

    /// First offset and the one after the last.
    pub fn range(&self) -> (i64, i64) {
        let state = lock(&self.state);
        (state.start, state.end)
    }

    /// Offset and timestamp of the first record at or after `timestamp`.
    pub fn find_timestamp(&self, timestamp: i64) -> Option<(i64, i64)> {
        let state = lock(&self.state);
        for (index, stored) in state.batches.iter().enumerate() {
            if stored.max_timestamp < timestamp {
                continue;
            }
            let mut data = Vec::new();
            state.collect(index, index + 1, &mut data).ok()?;
            let found = timestamps::first_at_or_after(data.first()?, timestamp, state.start);
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Offset and timestamp of the first record with the largest timestamp.
    pub fn max_timestamp(&self) -> Option<(i64, i64)> {
        let largest = lock(&self.state).batches.iter().map(|batch| batch.max_timestamp).max()?;
        self.find_timestamp(largest)
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

    /// Drops batches whose newest record is older than the topic keeps.
    pub fn trim_by_time(&self, now: i64) {
        let mut state = lock(&self.state);
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
        woken.iter().filter_map(Weak::upgrade).for_each(|waiter| waiter.notify_one());
    }
}

/// Checks that do not need the log: outside its lock.
fn check_batch(records: &[u8]) -> Result<BatchHeader, Refused> {
    let header = match BatchHeader::read(records) {
        Ok(header) => header,
        // Offset 16 tells the formats apart in all of them.
        Err(_) if records.get(16).is_some_and(|magic| *magic < 2) => {
            return Err((ResponseError::UnsupportedForMessageFormat, "only record batches of format v2 are accepted"));
        }
        Err(_) => {
            return Err((ResponseError::CorruptMessage, "the record batch is cut off or its header makes no sense"));
        }
    };
    if header.total_len() > records.len() {
        return Err((ResponseError::CorruptMessage, "the record batch is cut off"));
    }
    if header.total_len() < records.len() {
        return Err((ResponseError::InvalidRecord, "a produce request has exactly one record batch per partition"));
    }
    if header.check_crc(records).is_err() {
        return Err((ResponseError::CorruptMessage, "the checksum of the record batch is wrong"));
    }
    if header.count == 0 || header.last_offset_delta != header.count - 1 {
        return Err((ResponseError::InvalidRecord, "record count and last offset of the batch do not fit together"));
    }
    if header.is_control() || header.is_transactional() {
        return Err((ResponseError::InvalidRecord, "the development broker has no transactions yet"));
    }
    if header.compression().is_err() {
        return Err((ResponseError::CorruptMessage, "the codec of the record batch is not known"));
    }
    if header.producer_id >= 0 && (header.producer_epoch < 0 || header.base_sequence < 0) {
        return Err((ResponseError::InvalidRecord, "a batch with a producer id needs an epoch and a sequence number"));
    }
    Ok(header)
}

impl State {
    fn append(
        &mut self,
        records: &[u8],
        header: &BatchHeader,
        acks: i16,
        now: i64,
        cache_limit: usize,
        leading: &Leading,
    ) -> Result<Appended, Refused> {
        if self.deleted {
            return Err((ResponseError::UnknownTopicOrPartition, "the topic has been deleted"));
        }
        if acks == -1 && self.settings.min_insync_replicas > leading.in_sync() {
            return Err((
                ResponseError::NotEnoughReplicas,
                "min.insync.replicas is more than the replicas that are in sync",
            ));
        }
        if header.total_len() > usize::try_from(self.settings.max_message_bytes).unwrap_or(0) {
            return Err((ResponseError::MessageTooLarge, "the record batch is larger than max.message.bytes"));
        }
        if !self.settings.log_append_time && header.timestamp_type() == TimestampType::LogAppendTime {
            return Err((ResponseError::InvalidTimestamp, "only the broker sets the log append time"));
        }
        if !self.settings.log_append_time
            && header.max_timestamp > now.saturating_add(self.settings.timestamp_after_max_ms)
        {
            return Err((ResponseError::InvalidTimestamp, "a timestamp is further in the future than allowed"));
        }
        if self.settings.compact && !compaction::all_have_keys(records).unwrap_or(false) {
            return Err((ResponseError::InvalidRecord, "Compacted topic cannot accept message without key"));
        }
        match self.producers.judge(header) {
            Verdict::Append => {}
            Verdict::Duplicate(known) => {
                return Ok(Appended {
                    base_offset: known.base_offset,
                    log_append_time: known.log_append_time,
                    log_start: self.start,
                });
            }
            Verdict::OutOfOrder => {
                return Err((
                    ResponseError::OutOfOrderSequenceNumber,
                    "the batch does not follow the producer's last one",
                ));
            }
            Verdict::Fenced => {
                return Err((ResponseError::InvalidProducerEpoch, "a newer epoch of this producer has written here"));
            }
        }
        let base = self.end;
        let mut copy = BytesMut::from(records);
        let mut max_timestamp = header.max_timestamp;
        let mut log_append_time = -1;
        let mut placed = records::set_base_offset(&mut copy, base)
            .and_then(|()| records::set_leader_epoch(&mut copy, leading.epoch()));
        if self.settings.log_append_time {
            placed = placed.and_then(|()| records::set_log_append_time(&mut copy, now));
            max_timestamp = now;
            log_append_time = now;
        }
        if placed.is_err() {
            return Err((ResponseError::CorruptMessage, "the record batch is cut off"));
        }
        let data = copy.freeze();
        let place = match &mut self.files {
            Some(files) => match files.append(&data, base, self.settings.segment_bytes) {
                Ok(place) => Some(place),
                Err(_) => return Err((ResponseError::KafkaStorageError, "the log file cannot be written")),
            },
            None => None,
        };
        let last = base + i64::from(header.last_offset_delta);
        self.producers.record(header, base, log_append_time);
        self.bytes += data.len() as u64;
        self.dirty += data.len() as u64;
        if let Some(memory) = &self.memory {
            memory.add(data.len() as u64);
        }
        self.cached += data.len();
        self.batches.push_back(Stored { base, last, max_timestamp, len: data.len(), data: Some(data), place });
        self.end = last + 1;
        self.trim_by_size();
        self.compact_if_dirty(now);
        self.shrink_cache(cache_limit);
        Ok(Appended { base_offset: base, log_append_time, log_start: self.start })
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
            self.producers.trim(start);
            if let Some(files) = &mut self.files {
                files.trim(start);
            }
        }
    }

    /// Gives the bytes of some batches: slices of memory, or one read per stretch of a file.
    fn collect(&self, first: usize, last: usize, out: &mut Vec<Bytes>) -> std::io::Result<()> {
        let mut index = first;
        while index < last {
            let Some(batch) = self.batches.get(index) else { break };
            index += 1;
            if let Some(data) = &batch.data {
                out.push(data.clone());
                continue;
            }
            let Some(place) = &batch.place else { continue };
            let mut len = batch.len;
            while let Some(next) = self.batches.get(index).filter(|_| index < last) {
                match &next.place {
                    Some(other) if next.data.is_none() && Arc::ptr_eq(&other.segment, &place.segment) => {
                        len += next.len;
                        index += 1;
                    }
                    _ => break,
                }
            }
            let mut buffer = vec![0; len];
            place.segment.read(&mut buffer, place.position)?;
            out.push(Bytes::from(buffer));
        }
        Ok(())
    }
}

mod cleaner;
mod leading;
#[cfg(test)]
mod tests;
