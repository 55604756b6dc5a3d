//! Leader epochs of a partition: where each ends, and a log that loses its newest records.

use super::{Partition, State};
use crate::log::control::Marker;
use crate::log::epochs::Epochs;
use crate::log::producers::Producers;
use crate::sync::lock;
use milena_kafka::records::BatchHeader;

impl Partition {
    /// The greatest epoch not above `epoch`, and the offset where it ends; `None` if it is not known here.
    pub fn epoch_end(&self, epoch: i32) -> Option<(i32, i64)> {
        let state = lock(&self.state);
        state.epochs.end_of(epoch, self.leader_epoch(), state.end)
    }

    /// The epoch that wrote an offset; the leader's at the end of the log.
    pub fn epoch_of(&self, offset: i64) -> Option<i32> {
        let state = lock(&self.state);
        if offset >= state.end { Some(self.leader_epoch()) } else { state.epochs.of(offset) }
    }

    /// Loses the records from `offset` on, and those of the same batch, as a broker does that was killed before they reached its disk.
    /// Returns the new end of the log.
    ///
    /// # Errors
    /// What the system says of the log's files.
    pub fn truncate_to(&self, offset: i64) -> std::io::Result<i64> {
        let (end, woken) = {
            let mut state = lock(&self.state);
            state.truncate_to(offset)?;
            (state.end, std::mem::take(&mut state.waiting))
        };
        super::wake(&woken);
        Ok(end)
    }
}

impl State {
    fn truncate_to(&mut self, offset: i64) -> std::io::Result<()> {
        let keep = self.batches.partition_point(|batch| batch.last < offset);
        let Some(first) = self.batches.get(keep) else { return Ok(()) };
        let (base, place) = (first.base, first.place.clone());
        if let (Some(files), Some(place)) = (&mut self.files, place) {
            files.truncate(&place)?;
        }
        for batch in self.batches.drain(keep..) {
            self.bytes -= batch.len as u64;
            if let Some(memory) = &self.memory {
                memory.subtract(batch.len as u64);
            }
            if batch.data.is_some() {
                self.cached -= batch.len;
            }
        }
        self.first_cached = self.first_cached.min(self.batches.len());
        self.end = base.max(self.start);
        self.rebuild()
    }

    /// Learns anew what the batches say of producers and epochs.
    fn rebuild(&mut self) -> std::io::Result<()> {
        let mut producers = Producers::default();
        let mut epochs = Epochs::default();
        for index in 0..self.batches.len() {
            let batch = self.batch(index)?;
            let Ok(header) = BatchHeader::read(&batch) else { continue };
            epochs.assign(header.leader_epoch, header.base_offset);
            if !header.is_control() {
                producers.record(&header, header.base_offset, -1);
            } else if let Some(marker) = Marker::decode(&header, &batch) {
                producers.end_transaction(&marker, header.base_offset, header.max_timestamp);
            }
        }
        self.producers = producers;
        self.epochs = epochs;
        Ok(())
    }
}
