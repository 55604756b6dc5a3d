//! The state of one transactional id and its transitions.
//!
//! Counterpart: org.apache.kafka.coordinator.transaction.TransactionMetadata.

use kafka_protocol::ResponseError;
use std::collections::BTreeSet;

/// Kafka's marks of "none".
pub(crate) const NO_PRODUCER: i64 = -1;
const NO_EPOCH: i16 = -1;

/// Version of the transaction protocol that a request speaks (`transaction.version`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Version {
    /// Versions 0 and 1: the epoch stays from transaction to transaction.
    #[default]
    One,
    /// Every end of a transaction bumps the producer's epoch (KIP-890).
    Two,
}

/// Where a transactional id is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Empty = 0,
    Ongoing = 1,
    PrepareCommit = 2,
    PrepareAbort = 3,
    CompleteCommit = 4,
    CompleteAbort = 5,
}

impl Phase {
    /// All phases; the index is the number that is kept.
    pub const ALL: [Self; 6] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
    ];

    /// Kafka's name of the state.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }

    /// Whether markers are being written.
    pub fn is_ending(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }
}

/// A transactional id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transaction {
    pub producer_id: i64,
    /// The producer id before the last transition; another one than now only after epochs ran out.
    pub previous_producer_id: i64,
    /// The producer id that takes over when the markers are written; epochs have run out.
    pub next_producer_id: i64,
    pub epoch: i16,
    pub last_epoch: i16,
    pub timeout_ms: i32,
    pub phase: Phase,
    pub version: Version,
    pub partitions: BTreeSet<(String, i32)>,
    /// Groups whose offsets are part of the transaction.
    pub groups: BTreeSet<String>,
    /// -1 before the first partition is added.
    pub started_ms: i64,
    pub updated_ms: i64,
}

/// What to do with an EndTxn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It has been done: the answer of an earlier request got lost.
    Done,
    /// Prepare the end; `empty` if no partition has been added.
    Prepare { commit: bool, empty: bool },
}

/// Whether no producer may use a later epoch: the last one is left for fencing.
pub(crate) fn is_exhausted(epoch: i16) -> bool {
    epoch >= i16::MAX - 1
}

impl Transaction {
    /// A transactional id that was never used.
    pub fn new(producer_id: i64, timeout_ms: i32, now: i64) -> Self {
        Self {
            producer_id,
            previous_producer_id: NO_PRODUCER,
            next_producer_id: NO_PRODUCER,
            epoch: NO_EPOCH,
            last_epoch: NO_EPOCH,
            timeout_ms,
            phase: Phase::Empty,
            version: Version::One,
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
            started_ms: -1,
            updated_ms: now,
        }
    }

    /// Whether a producer that says who it is may initialize again.
    pub fn accepts_init(&self, expected: Option<(i64, i16)>) -> bool {
        expected.is_none_or(|(id, epoch)| {
            self.epoch == NO_EPOCH || id == self.producer_id || (id == self.previous_producer_id && is_exhausted(epoch))
        })
    }

    /// Whether initializing needs another producer id.
    pub fn needs_new_id(&self, expected: Option<(i64, i16)>) -> bool {
        is_exhausted(self.epoch) && expected.is_none_or(|(_, epoch)| epoch == self.epoch)
    }

    /// Goes on with a new producer id.
    pub fn rotate(&mut self, producer_id: i64, expected: Option<(i64, i16)>, timeout_ms: i32, now: i64) {
        self.previous_producer_id = self.producer_id;
        self.producer_id = producer_id;
        self.last_epoch = if expected.is_some() { self.epoch } else { NO_EPOCH };
        self.epoch = 0;
        self.initialized(timeout_ms, now);
    }

    /// Gives the producer the next epoch, or the current one if it only missed the answer.
    pub fn bump(&mut self, expected: Option<(i64, i16)>, timeout_ms: i32, now: i64) -> Result<(), ResponseError> {
        match expected.map(|(_, epoch)| epoch) {
            None => {
                self.last_epoch = NO_EPOCH;
                self.epoch = self.epoch.saturating_add(1);
            }
            Some(expected) if self.epoch == NO_EPOCH || expected == self.epoch => {
                self.last_epoch = self.epoch;
                self.epoch = self.epoch.saturating_add(1);
            }
            Some(expected) if expected == self.last_epoch => {}
            Some(_) => return Err(ResponseError::ProducerFenced),
        }
        self.previous_producer_id = self.producer_id;
        self.initialized(timeout_ms, now);
        Ok(())
    }

    fn initialized(&mut self, timeout_ms: i32, now: i64) {
        self.phase = Phase::Empty;
        self.timeout_ms = timeout_ms;
        self.partitions.clear();
        self.groups.clear();
        self.started_ms = -1;
        self.updated_ms = now;
    }

    /// Whether partitions may be added by this producer.
    pub fn check_add(&self, producer_id: i64, epoch: i16) -> Result<(), ResponseError> {
        if self.producer_id != producer_id {
            Err(ResponseError::InvalidProducerIdMapping)
        } else if self.epoch != epoch {
            Err(ResponseError::ProducerFenced)
        } else if self.phase.is_ending() {
            Err(ResponseError::ConcurrentTransactions)
        } else {
            Ok(())
        }
    }

    /// Begins the transaction if it has not begun.
    pub fn begin(&mut self, version: Version, now: i64) {
        if self.phase != Phase::Ongoing {
            self.started_ms = now;
        }
        self.phase = Phase::Ongoing;
        self.previous_producer_id = self.producer_id;
        self.version = version;
        self.updated_ms = now;
    }

    /// Judges an EndTxn of a producer.
    pub fn judge_end(
        &self,
        producer_id: i64,
        epoch: i16,
        commit: bool,
        version: Version,
    ) -> Result<End, ResponseError> {
        if version == Version::One {
            self.judge_end_v1(producer_id, epoch, commit)
        } else {
            self.judge_end_v2(producer_id, epoch, commit)
        }
    }

    fn judge_end_v1(&self, producer_id: i64, epoch: i16, commit: bool) -> Result<End, ResponseError> {
        if self.producer_id != producer_id {
            return Err(ResponseError::InvalidProducerIdMapping);
        }
        if self.epoch != epoch {
            return Err(ResponseError::ProducerFenced);
        }
        match (self.phase, commit) {
            (Phase::Ongoing, _) => Ok(End::Prepare { commit, empty: false }),
            (Phase::CompleteCommit, true) | (Phase::CompleteAbort, false) => Ok(End::Done),
            (Phase::PrepareCommit, true) | (Phase::PrepareAbort, false) => Err(ResponseError::ConcurrentTransactions),
            _ => Err(ResponseError::InvalidTxnState),
        }
    }

    /// From version 2 on the epoch tells a repeated request from the end of the next transaction.
    fn judge_end_v2(&self, producer_id: i64, epoch: i16, commit: bool) -> Result<End, ResponseError> {
        let bumped = self.version == Version::Two && Some(self.epoch) == epoch.checked_add(1);
        let rotated = self.previous_producer_id == producer_id && epoch == i16::MAX - 1 && self.epoch == 0;
        if self.producer_id != producer_id && !rotated {
            return Err(ResponseError::InvalidProducerIdMapping);
        }
        let valid = match self.phase {
            Phase::Ongoing | Phase::Empty => epoch == self.epoch,
            Phase::PrepareCommit | Phase::PrepareAbort => bumped,
            Phase::CompleteCommit | Phase::CompleteAbort => bumped || rotated || epoch == self.epoch,
        };
        if !valid {
            return Err(ResponseError::ProducerFenced);
        }
        let again = bumped || rotated;
        match (self.phase, commit) {
            (Phase::Ongoing, _) => Ok(End::Prepare { commit, empty: false }),
            (Phase::CompleteCommit, true) | (Phase::CompleteAbort, false) if again => Ok(End::Done),
            (Phase::CompleteCommit | Phase::CompleteAbort, false) if !again => Ok(End::Prepare { commit, empty: true }),
            (Phase::Empty, false) => Ok(End::Prepare { commit, empty: true }),
            (Phase::PrepareCommit, true) | (Phase::PrepareAbort, false) => Err(ResponseError::ConcurrentTransactions),
            _ => Err(ResponseError::InvalidTxnState),
        }
    }

    /// Decides how the transaction ends; `next_id` is given when epochs have run out.
    pub fn prepare(&mut self, commit: bool, empty: bool, version: Version, next_id: Option<i64>, now: i64) {
        if version == Version::Two {
            self.last_epoch = self.epoch;
            self.epoch = self.epoch.saturating_add(1);
        }
        if empty {
            self.started_ms = now;
        }
        self.phase = if commit { Phase::PrepareCommit } else { Phase::PrepareAbort };
        self.previous_producer_id = self.producer_id;
        self.next_producer_id = next_id.unwrap_or(NO_PRODUCER);
        self.version = version;
        self.updated_ms = now;
    }

    /// Takes the epoch away from the producer; its transaction is aborted next.
    pub fn fence(&mut self) {
        self.epoch = self.epoch.saturating_add(1);
        self.last_epoch = NO_EPOCH;
    }

    /// The markers are written.
    pub fn complete(&mut self, now: i64) {
        self.phase = if self.phase == Phase::PrepareCommit { Phase::CompleteCommit } else { Phase::CompleteAbort };
        let (producer_id, epoch) = self.after_completion();
        self.previous_producer_id = self.producer_id;
        self.producer_id = producer_id;
        self.epoch = epoch;
        self.next_producer_id = NO_PRODUCER;
        self.partitions.clear();
        self.groups.clear();
        self.updated_ms = now;
    }

    /// Producer id and epoch that the producer goes on with.
    pub fn after_completion(&self) -> (i64, i16) {
        if self.version == Version::Two && self.next_producer_id != NO_PRODUCER {
            (self.next_producer_id, 0)
        } else {
            (self.producer_id, self.epoch)
        }
    }
}
