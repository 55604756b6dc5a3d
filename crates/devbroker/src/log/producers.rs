//! Producers of one partition: epochs, sequence checks, duplicate detection over the last five batches, open transactions.
//!
//! Counterpart: org.apache.kafka.storage.internals.log.{ProducerStateManager, ProducerAppendInfo}.

use super::control::Marker;
use super::transactions::Transactions;
use crate::txn::Version;
use milena_kafka::records::BatchHeader;
use std::collections::{HashMap, VecDeque};

const REMEMBERED: usize = 5;
/// Kafka's `producer.id.expiration.ms`.
const EXPIRATION_MS: i64 = 24 * 3_600_000;

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
    /// First offset of the producer's open transaction.
    transaction: Option<i64>,
    coordinator_epoch: i32,
    last_timestamp: i64,
}

impl State {
    fn new(epoch: i16) -> Self {
        Self {
            epoch,
            batches: VecDeque::with_capacity(REMEMBERED),
            transaction: None,
            coordinator_epoch: -1,
            last_timestamp: -1,
        }
    }

    fn set_epoch(&mut self, epoch: i16) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.batches.clear();
        }
    }
}

/// What is known of a producer, for those who ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ActiveProducer {
    pub producer_id: i64,
    pub epoch: i16,
    /// -1 if the epoch has no batch yet.
    pub last_sequence: i32,
    pub last_timestamp: i64,
    pub coordinator_epoch: i32,
    /// -1 outside of a transaction.
    pub transaction_start: i64,
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
    /// A transactional batch of a transaction that has no record here yet: its coordinator has to be asked.
    Unverified,
    /// A batch outside of the transaction that its producer has open here.
    OutsideTransaction,
}

/// Producers by id.
#[derive(Debug, Default)]
pub(crate) struct Producers {
    states: HashMap<i64, State>,
    /// Epoch and lowest sequence of batches that had to be verified and have not been appended since.
    unverified: HashMap<i64, (i16, i32)>,
    pub transactions: Transactions,
}

impl Producers {
    /// Judges a batch before it is appended; `verified` if the coordinator has said that the partition is part of the transaction, and
    /// by which version of the protocol.
    pub fn judge(&mut self, header: &BatchHeader, verified: Option<Version>) -> Verdict {
        let id = header.producer_id;
        if id < 0 {
            return Verdict::Append;
        }
        let state = self.states.get(&id);
        let open = state.is_some_and(|state| state.transaction.is_some() && state.epoch == header.producer_epoch);
        if header.is_transactional() && !open && verified.is_none() {
            let entry = self.unverified.entry(id).or_insert((header.producer_epoch, header.base_sequence));
            if entry.0 < header.producer_epoch {
                *entry = (header.producer_epoch, header.base_sequence);
            } else if entry.0 == header.producer_epoch {
                entry.1 = entry.1.min(header.base_sequence);
            }
            return Verdict::Unverified;
        }
        let same = |known: &&Known| {
            known.first_sequence == header.base_sequence && known.last_sequence == last_sequence(header)
        };
        if let Some(state) = state {
            if header.producer_epoch == state.epoch
                && let Some(known) = state.batches.iter().find(same)
            {
                return Verdict::Duplicate(*known);
            }
            if header.producer_epoch < state.epoch {
                return Verdict::Fenced;
            }
        }
        // A later batch must not get in because the first one had to wait for its verification.
        let lowest = self.unverified.get(&id).filter(|(epoch, _)| *epoch == header.producer_epoch);
        if header.is_transactional() && lowest.is_some_and(|(_, lowest)| header.base_sequence > *lowest) {
            return Verdict::OutOfOrder;
        }
        if verified == Some(Version::Two)
            && header.base_sequence != 0
            && state.is_none_or(|state| state.batches.is_empty())
        {
            return Verdict::OutOfOrder;
        }
        // An unknown producer may start anywhere: its earlier batches can have been forgotten.
        let Some(state) = state else { return Verdict::Append };
        let follows = match state.batches.back() {
            _ if header.producer_epoch > state.epoch => header.base_sequence == 0,
            Some(last) => next(last.last_sequence) == header.base_sequence,
            None => header.base_sequence == 0,
        };
        if !follows {
            return Verdict::OutOfOrder;
        }
        if state.transaction.is_some() && !header.is_transactional() {
            return Verdict::OutsideTransaction;
        }
        Verdict::Append
    }

    /// Remembers a batch that was appended.
    pub fn record(&mut self, header: &BatchHeader, base_offset: i64, log_append_time: i64) {
        if header.producer_id < 0 {
            return;
        }
        let state = self.states.entry(header.producer_id).or_insert_with(|| State::new(header.producer_epoch));
        state.set_epoch(header.producer_epoch);
        if state.batches.len() == REMEMBERED {
            state.batches.pop_front();
        }
        state.batches.push_back(Known {
            first_sequence: header.base_sequence,
            last_sequence: last_sequence(header),
            base_offset,
            log_append_time,
        });
        state.last_timestamp = header.max_timestamp.max(log_append_time);
        if header.is_transactional() && state.transaction.is_none() {
            state.transaction = Some(base_offset);
            self.transactions.begin(header.producer_id, base_offset);
            self.unverified.remove(&header.producer_id);
        }
    }

    /// Whether a marker may be written: it is not from an older epoch of the producer or of the coordinator.
    pub fn takes(&self, marker: &Marker) -> Result<(), MarkerRefused> {
        match self.states.get(&marker.producer_id) {
            Some(state) if marker.producer_epoch < state.epoch => Err(MarkerRefused::Producer),
            Some(state) if marker.coordinator_epoch < state.coordinator_epoch => Err(MarkerRefused::Coordinator),
            _ => Ok(()),
        }
    }

    /// Ends the producer's transaction by a marker that was written.
    pub fn end_transaction(&mut self, marker: &Marker, offset: i64, timestamp: i64) {
        self.unverified.remove(&marker.producer_id);
        let state = self.states.entry(marker.producer_id).or_insert_with(|| State::new(marker.producer_epoch));
        state.set_epoch(marker.producer_epoch);
        state.coordinator_epoch = marker.coordinator_epoch;
        state.last_timestamp = timestamp;
        if let Some(first) = state.transaction.take() {
            self.transactions.end(marker.producer_id, first, offset, marker.commit);
        }
    }

    /// Forgets producers that have been silent for a day.
    pub fn expire(&mut self, now: i64) {
        let oldest = now.saturating_sub(EXPIRATION_MS);
        self.states.retain(|_, state| state.transaction.is_some() || state.last_timestamp >= oldest);
    }

    /// Base offset of every producer's newest batch, which compaction keeps.
    pub fn newest_batches(&self) -> impl Iterator<Item = i64> {
        self.states.values().filter_map(|state| state.batches.back()).map(|known| known.base_offset)
    }

    /// All producers that are known.
    pub fn active(&self) -> Vec<ActiveProducer> {
        self.states
            .iter()
            .map(|(&producer_id, state)| ActiveProducer {
                producer_id,
                epoch: state.epoch,
                last_sequence: state.batches.back().map_or(-1, |known| known.last_sequence),
                last_timestamp: state.last_timestamp,
                coordinator_epoch: state.coordinator_epoch,
                transaction_start: state.transaction.unwrap_or(-1),
            })
            .collect()
    }
}

/// Why a marker is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MarkerRefused {
    Producer,
    Coordinator,
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
    use crate::log::test_batches::{batch, transactional};

    fn header(epoch: i16, sequence: i32, count: i32) -> BatchHeader {
        BatchHeader::read(&batch(7, epoch, sequence, count, 0)).unwrap()
    }

    fn in_transaction(epoch: i16, sequence: i32) -> BatchHeader {
        BatchHeader::read(&transactional(7, epoch, sequence, 1)).unwrap()
    }

    fn marker(producer_epoch: i16, commit: bool) -> Marker {
        Marker { producer_id: 7, producer_epoch, coordinator_epoch: 0, commit }
    }

    #[test]
    fn the_next_sequence_is_taken_and_a_repeated_batch_is_known() {
        let mut producers = Producers::default();
        let first = header(0, 0, 3);
        assert_eq!(producers.judge(&first, None), Verdict::Append);
        producers.record(&first, 100, -1);
        assert!(matches!(producers.judge(&first, None), Verdict::Duplicate(known) if known.base_offset == 100));
        assert_eq!(producers.judge(&header(0, 3, 1), None), Verdict::Append);
        assert_eq!(producers.judge(&header(0, 4, 1), None), Verdict::OutOfOrder);
    }

    #[test]
    fn an_older_epoch_is_fenced_and_a_newer_one_starts_at_zero() {
        let mut producers = Producers::default();
        producers.record(&header(1, 0, 1), 0, -1);
        assert_eq!(producers.judge(&header(0, 1, 1), None), Verdict::Fenced);
        assert_eq!(producers.judge(&header(2, 1, 1), None), Verdict::OutOfOrder);
        assert_eq!(producers.judge(&header(2, 0, 1), None), Verdict::Append);
    }

    #[test]
    fn sequences_wrap_around_to_zero() {
        let mut producers = Producers::default();
        let last = header(0, i32::MAX - 1, 2);
        assert_eq!(last_sequence(&last), i32::MAX);
        producers.record(&last, 0, -1);
        assert_eq!(producers.judge(&header(0, 0, 1), None), Verdict::Append);
    }

    #[test]
    fn a_transactional_batch_is_verified_once_and_keeps_later_ones_out_until_then() {
        let mut producers = Producers::default();
        assert_eq!(producers.judge(&in_transaction(0, 0), None), Verdict::Unverified);
        assert_eq!(producers.judge(&in_transaction(0, 1), Some(Version::One)), Verdict::OutOfOrder);
        assert_eq!(producers.judge(&in_transaction(0, 0), Some(Version::One)), Verdict::Append);
        producers.record(&in_transaction(0, 0), 5, -1);
        assert_eq!(producers.transactions.first_open(), Some(5));
        assert_eq!(producers.judge(&in_transaction(0, 1), None), Verdict::Append);
        assert_eq!(producers.judge(&header(0, 1, 1), None), Verdict::OutsideTransaction);
    }

    #[test]
    fn a_marker_ends_the_transaction_and_a_newer_epoch_in_it_starts_sequences_again() {
        let mut producers = Producers::default();
        producers.record(&in_transaction(0, 0), 5, -1);
        producers.end_transaction(&marker(0, true), 6, 0);
        assert_eq!(producers.transactions.first_open(), None);
        // Version 1: the sequence goes on.
        assert_eq!(producers.judge(&in_transaction(0, 1), Some(Version::One)), Verdict::Append);
        producers.record(&in_transaction(0, 1), 7, -1);
        producers.end_transaction(&marker(1, false), 8, 0);
        assert_eq!(producers.transactions.aborted(0, 9).len(), 1);
        // Version 2: the marker has the epoch that follows.
        assert_eq!(producers.judge(&in_transaction(1, 2), Some(Version::One)), Verdict::OutOfOrder);
        assert_eq!(producers.judge(&in_transaction(1, 0), Some(Version::One)), Verdict::Append);
        assert_eq!(producers.judge(&in_transaction(0, 2), Some(Version::One)), Verdict::Fenced);
        assert_eq!(producers.takes(&marker(0, true)), Err(MarkerRefused::Producer));
    }
}
