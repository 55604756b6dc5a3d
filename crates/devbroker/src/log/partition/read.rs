//! Reading from a partition: by offset, and by time.

use super::{Partition, State};
use crate::log::timestamps;
use crate::log::transactions::Aborted;
use crate::sync::lock;
use bytes::Bytes;
use std::sync::Arc;

/// What to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Read {
    pub offset: i64,
    pub max_bytes: usize,
    /// The first batch is given however large it is.
    pub at_least_one: bool,
    /// Only what no open transaction can still change (`read_committed`).
    pub committed: bool,
    /// Epoch of the record before the offset, as the reader knows it; -1 is none.
    pub last_epoch: i32,
}

/// Result of a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slice {
    pub bytes: usize,
    pub high_watermark: i64,
    pub last_stable: i64,
    pub log_start: i64,
    /// Aborted transactions in what was read; only for `read_committed`.
    pub aborted: Vec<Aborted>,
}

/// A read that found nothing to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadError {
    OutOfRange,
    /// What the reader has of this epoch ends here at that offset.
    Diverging(i32, i64),
    Deleted,
    Storage,
}

impl Partition {
    /// Reads whole batches from an offset on.
    pub fn read(&self, wanted: Read, out: &mut Vec<Bytes>) -> Result<Slice, ReadError> {
        let state = lock(&self.state);
        if state.deleted {
            return Err(ReadError::Deleted);
        }
        if wanted.last_epoch >= 0 {
            match state.epochs.end_of(wanted.last_epoch, self.leader_epoch(), state.end) {
                None => return Err(ReadError::OutOfRange),
                Some((epoch, end)) if epoch < wanted.last_epoch || end < wanted.offset => {
                    return Err(ReadError::Diverging(epoch, end));
                }
                Some(_) => {}
            }
        }
        if wanted.offset < state.start || wanted.offset > state.end {
            return Err(ReadError::OutOfRange);
        }
        let last_stable = state.last_stable();
        let until = if wanted.committed { last_stable } else { state.end };
        let first = state.batches.partition_point(|batch| batch.last < wanted.offset);
        let mut bytes = 0;
        let mut last = first;
        let mut read_until = wanted.offset;
        for batch in state.batches.range(first..) {
            let too_much = bytes + batch.len > wanted.max_bytes && !(wanted.at_least_one && bytes == 0);
            if too_much || batch.base >= until {
                break;
            }
            bytes += batch.len;
            last += 1;
            read_until = batch.last + 1;
        }
        state.collect(first, last, out).map_err(|_| ReadError::Storage)?;
        let aborted = if wanted.committed && bytes > 0 {
            state.producers.transactions.aborted(wanted.offset, read_until)
        } else {
            Vec::new()
        };
        Ok(Slice { bytes, high_watermark: state.end, last_stable, log_start: state.start, aborted })
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
}

impl State {
    /// Gives the bytes of some batches: slices of memory, or one read per stretch of a file.
    pub(super) fn collect(&self, first: usize, last: usize, out: &mut Vec<Bytes>) -> std::io::Result<()> {
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
