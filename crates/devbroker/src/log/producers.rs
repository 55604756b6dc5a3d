//! Idempotent producers of one partition: sequence checks and duplicate detection over the last five batches.
//!
//! Counterpart: org.apache.kafka.storage.internals.log.ProducerStateManager.

use milena_kafka::records::BatchHeader;
use std::collections::{HashMap, VecDeque};

const REMEMBERED: usize = 5;

/// Place of a batch that is already in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    first_sequence: i32,
    last_sequence: i32,
    pub base_offset: i64,
    pub log_append_time: i64,
}

#[derive(Debug)]
struct State {
    epoch: i16,
    batches: VecDeque<Known>,
}

/// What the sequence numbers say of a batch that wants to be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Append,
    Duplicate(Known),
    /// A gap or an old batch that is no longer remembered.
    OutOfOrder,
    /// The producer's epoch is older than one that was seen.
    Fenced,
}

/// Producers by id.
#[derive(Debug, Default)]
pub(crate) struct Producers {
    states: HashMap<i64, State>,
}

impl Producers {
    /// Judges a batch before it is appended.
    pub fn judge(&self, header: &BatchHeader) -> Verdict {
        if header.producer_id < 0 {
            return Verdict::Append;
        }
        let Some(state) = self.states.get(&header.producer_id) else {
            // An unknown producer may start anywhere: its earlier batches can have been trimmed.
            return Verdict::Append;
        };
        if header.producer_epoch < state.epoch {
            return Verdict::Fenced;
        }
        if header.producer_epoch > state.epoch {
            return if header.base_sequence == 0 { Verdict::Append } else { Verdict::OutOfOrder };
        }
        let same = |known: &&Known| {
            known.first_sequence == header.base_sequence && known.last_sequence == last_sequence(header)
        };
        if let Some(known) = state.batches.iter().find(same) {
            return Verdict::Duplicate(*known);
        }
        match state.batches.back() {
            Some(last) if next(last.last_sequence) != header.base_sequence => Verdict::OutOfOrder,
            _ => Verdict::Append,
        }
    }

    /// Remembers a batch that was appended.
    pub fn record(&mut self, header: &BatchHeader, base_offset: i64, log_append_time: i64) {
        if header.producer_id < 0 {
            return;
        }
        let state = self
            .states
            .entry(header.producer_id)
            .or_insert_with(|| State { epoch: header.producer_epoch, batches: VecDeque::with_capacity(REMEMBERED) });
        if state.epoch != header.producer_epoch {
            state.epoch = header.producer_epoch;
            state.batches.clear();
        }
        if state.batches.len() == REMEMBERED {
            state.batches.pop_front();
        }
        state.batches.push_back(Known {
            first_sequence: header.base_sequence,
            last_sequence: last_sequence(header),
            base_offset,
            log_append_time,
        });
    }

    /// Forgets producers whose newest batch has been trimmed from the log.
    pub fn trim(&mut self, log_start: i64) {
        self.states.retain(|_, state| state.batches.back().is_some_and(|last| last.base_offset >= log_start));
    }
}

/// Sequence number of the last record; sequences wrap around to 0.
fn last_sequence(header: &BatchHeader) -> i32 {
    let last = i64::from(header.base_sequence) + i64::from(header.last_offset_delta);
    i32::try_from(last % (i64::from(i32::MAX) + 1)).unwrap_or(0)
}

fn next(sequence: i32) -> i32 {
    sequence.checked_add(1).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::test_batches::batch;

    fn header(epoch: i16, sequence: i32, count: i32) -> BatchHeader {
        BatchHeader::read(&batch(7, epoch, sequence, count, 0)).unwrap()
    }

    #[test]
    fn the_next_sequence_is_taken_and_a_repeated_batch_is_known() {
        let mut producers = Producers::default();
        let first = header(0, 0, 3);
        assert_eq!(producers.judge(&first), Verdict::Append);
        producers.record(&first, 100, -1);
        assert!(matches!(producers.judge(&first), Verdict::Duplicate(known) if known.base_offset == 100));
        assert_eq!(producers.judge(&header(0, 3, 1)), Verdict::Append);
        assert_eq!(producers.judge(&header(0, 4, 1)), Verdict::OutOfOrder);
    }

    #[test]
    fn an_older_epoch_is_fenced_and_a_newer_one_starts_at_zero() {
        let mut producers = Producers::default();
        producers.record(&header(1, 0, 1), 0, -1);
        assert_eq!(producers.judge(&header(0, 1, 1)), Verdict::Fenced);
        assert_eq!(producers.judge(&header(2, 1, 1)), Verdict::OutOfOrder);
        assert_eq!(producers.judge(&header(2, 0, 1)), Verdict::Append);
    }

    #[test]
    fn sequences_wrap_around_to_zero() {
        let mut producers = Producers::default();
        let last = header(0, i32::MAX - 1, 2);
        assert_eq!(last_sequence(&last), i32::MAX);
        producers.record(&last, 0, -1);
        assert_eq!(producers.judge(&header(0, 0, 1)), Verdict::Append);
    }
}
