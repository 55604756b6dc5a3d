//! Compaction of a partition, once as much has been written as compaction left the last time.

use super::{State, Stored};
use crate::log::compaction::{Cleaning, Compacted, Newest, compact, note_keys};
use crate::log::files::{Place, Segment};
use crate::log::transactions::Aborted;
use bytes::Bytes;
use milena_kafka::records::BatchHeader;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use tracing::{debug, warn};

/// Less than this is not worth a pass.
const LEAST_DIRTY: u64 = 4 << 20;

/// Whether a batch is part of an aborted transaction.
fn is_aborted(batch: &[u8], aborted: &[Aborted]) -> bool {
    let Ok(header) = BatchHeader::read(batch) else { return false };
    let within = |one: &Aborted| {
        one.producer_id == header.producer_id && (one.first_offset..one.last_offset).contains(&header.base_offset)
    };
    header.is_transactional() && !header.is_control() && aborted.iter().any(within)
}

impl State {
    /// Compacts if enough was written. Runs under the partition's lock: a pass costs what the appends before it cost.
    pub(super) fn compact_if_dirty(&mut self, now: i64) {
        let clean = self.bytes.saturating_sub(self.dirty);
        if !self.settings.compact || self.dirty <= LEAST_DIRTY.max(clean) {
            return;
        }
        let before = self.bytes;
        match self.compact(now) {
            Ok(()) => debug!(before, after = self.bytes, "log compacted"),
            Err(error) => warn!(%error, "cannot compact a log, it keeps everything"),
        }
        self.dirty = 0;
    }

    pub(super) fn batch(&self, index: usize) -> std::io::Result<Bytes> {
        let mut out = Vec::with_capacity(1);
        self.collect(index, index + 1, &mut out)?;
        Ok(out.pop().unwrap_or_default())
    }

    pub(super) fn compact(&mut self, now: i64) -> std::io::Result<()> {
        // The last batch stays whole: it says where the log ends. What a transaction can still change stays, too.
        let stable = self.last_stable();
        let decided = self.batches.partition_point(|batch| batch.last < stable);
        let cleaned = decided.min(self.batches.len().saturating_sub(1));
        let aborted = self.producers.transactions.aborted(self.start, stable);
        let mut newest = Newest::new();
        for index in 0..decided {
            let batch = self.batch(index)?;
            if is_aborted(&batch, &aborted) {
                continue;
            }
            if let Err(error) = note_keys(&batch, &mut newest) {
                // It stays, and so does what its unread records would replace.
                warn!(%error, "a batch cannot be read for compaction");
            }
        }
        let kept: HashSet<i64> = self.producers.newest_batches().collect();
        let oldest_tombstone = now.saturating_sub(self.settings.delete_retention_ms);
        let mut results = Vec::with_capacity(self.batches.len());
        for index in 0..cleaned {
            let Some(stored) = self.batches.get(index) else { break };
            let what = Cleaning {
                drop_tombstones: stored.max_timestamp < oldest_tombstone,
                keep_header: kept.contains(&stored.base),
            };
            let batch = self.batch(index)?;
            let newest = (!is_aborted(&batch, &aborted)).then_some(&newest);
            results.push(compact(&batch, newest, what).unwrap_or(Compacted::Unchanged));
        }
        results.resize_with(self.batches.len(), || Compacted::Unchanged);
        let rewritten = if self.files.is_some() {
            self.rewrite_files(results)
        } else {
            self.rewrite_memory(results);
            Ok(())
        };
        self.recount();
        self.forget_aborted()?;
        rewritten
    }

    /// Forgets aborted transactions without records: without their marker, clients would skip what the producer wrote later.
    fn forget_aborted(&mut self) -> std::io::Result<()> {
        let mut left = HashSet::new();
        for aborted in self.producers.transactions.aborted(self.start, self.last_stable()) {
            let first = self.batches.partition_point(|batch| batch.last < aborted.first_offset);
            for index in first..self.batches.len() {
                let batch = self.batch(index)?;
                let Ok(header) = BatchHeader::read(&batch) else { continue };
                if header.base_offset >= aborted.last_offset {
                    break;
                }
                if header.producer_id == aborted.producer_id && header.count > 0 {
                    left.insert(aborted.last_offset);
                    break;
                }
            }
        }
        self.producers.transactions.retain_aborted(|aborted| left.contains(&aborted.last_offset));
        Ok(())
    }

    fn rewrite_memory(&mut self, results: Vec<Compacted>) {
        let mut kept = VecDeque::with_capacity(results.len());
        for (batch, result) in std::mem::take(&mut self.batches).into_iter().zip(results) {
            match result {
                Compacted::Unchanged => kept.push_back(batch),
                Compacted::Empty => {}
                Compacted::Smaller(data) => {
                    kept.push_back(Stored { len: data.len(), data: Some(Bytes::from(data)), ..batch });
                }
            }
        }
        self.batches = kept;
    }

    /// Replaces file by file; after an error the files that were not reached are as they were.
    fn rewrite_files(&mut self, results: Vec<Compacted>) -> std::io::Result<()> {
        if let Some(files) = &mut self.files {
            files.roll();
        }
        let mut results = results.into_iter();
        let mut from = 0;
        while let Some(segment) = self.segment_of(from) {
            let same = |batch: &&Stored| batch.place.as_ref().is_some_and(|it| Arc::ptr_eq(&it.segment, &segment));
            let count = self.batches.range(from..).take_while(same).count();
            let results: Vec<Compacted> = results.by_ref().take(count).collect();
            if results.iter().all(|result| *result == Compacted::Unchanged) {
                from += count;
            } else {
                from += self.rewrite_file(&segment, from, results)?;
            }
        }
        Ok(())
    }

    fn segment_of(&self, index: usize) -> Option<Arc<Segment>> {
        self.batches.get(index)?.place.as_ref().map(|place| Arc::clone(&place.segment))
    }

    /// Rewrites one file, whose batches start at index `from`; returns how many of them are left.
    fn rewrite_file(&mut self, segment: &Arc<Segment>, from: usize, results: Vec<Compacted>) -> std::io::Result<usize> {
        let count = results.len();
        let mut fresh = Vec::with_capacity(count);
        for (index, result) in results.into_iter().enumerate() {
            match result {
                Compacted::Unchanged => fresh.push((index, self.batch(from + index)?)),
                Compacted::Empty => {}
                Compacted::Smaller(data) => fresh.push((index, Bytes::from(data))),
            }
        }
        let bytes: Vec<&[u8]> = fresh.iter().map(|(_, data)| data.as_ref()).collect();
        let replaced = match &mut self.files {
            Some(files) => files.replace(segment, &bytes)?,
            None => None,
        };
        let left = fresh.len();
        let mut kept = Vec::with_capacity(left);
        let mut position = 0;
        for (index, data) in fresh {
            let (Some(segment), Some(batch)) = (&replaced, self.batches.get(from + index)) else { continue };
            let len = data.len();
            kept.push(Stored {
                base: batch.base,
                last: batch.last,
                max_timestamp: batch.max_timestamp,
                len,
                data: batch.data.is_some().then_some(data),
                place: Some(Place { segment: Arc::clone(segment), position }),
            });
            position += len as u64;
        }
        let rest = self.batches.split_off(from + count);
        self.batches.truncate(from);
        self.batches.extend(kept);
        self.batches.extend(rest);
        Ok(left)
    }

    /// Sums anew what the batches add up to.
    fn recount(&mut self) {
        let before = self.bytes;
        self.bytes = self.batches.iter().map(|batch| batch.len as u64).sum();
        self.cached = self.batches.iter().filter(|batch| batch.data.is_some()).map(|batch| batch.len).sum();
        self.first_cached = self.batches.iter().position(|batch| batch.data.is_some()).unwrap_or(self.batches.len());
        if let Some(memory) = &self.memory {
            memory.subtract(before.saturating_sub(self.bytes));
        }
    }
}
