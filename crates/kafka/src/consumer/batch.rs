//! Records of one partition, as the owner of a consumer gets them.

use std::sync::Arc;

use bytes::Bytes;

use crate::records::{BatchHeader, RecordIter, TimestampType};

/// Consecutive records of one batch of a partition, in one shared buffer. They have been read once already, so that reading
/// them again cannot fail.
#[derive(Debug, Clone)]
pub struct FetchedBatch {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition.
    pub partition: i32,
    /// Meaning of the records' timestamps.
    pub timestamp_type: TimestampType,
    /// Epoch of the leader that wrote the batch, if it is known.
    pub leader_epoch: Option<i32>,
    pub(super) header: BatchHeader,
    pub(super) records: Bytes,
    pub(super) start: usize,
    pub(super) count: usize,
    /// Of the records, uncompressed.
    pub(super) bytes: usize,
}

impl FetchedBatch {
    /// The records, in the order of their offsets.
    #[inline]
    pub fn records(&self) -> RecordIter<'_> {
        RecordIter::new(&self.header, &self.records).resume(self.start, self.count)
    }

    /// Number of records.
    pub fn count(&self) -> usize {
        self.count
    }

    /// A part of this batch's buffer as bytes that keep the buffer alive, without a copy. Other bytes are copied.
    #[inline]
    pub fn slice(&self, part: &[u8]) -> Bytes {
        let offset = (part.as_ptr() as usize).wrapping_sub(self.records.as_ptr() as usize);
        if offset.checked_add(part.len()).is_some_and(|end| end <= self.records.len()) {
            return self.records.slice(offset..offset + part.len());
        }
        Bytes::copy_from_slice(part)
    }
}
