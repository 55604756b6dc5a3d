//! The batches of one partition: those that wait, those that are with the broker, and their sequence numbers.
//!
//! Counterpart: org.apache.kafka.clients.producer.internals.TxnPartitionEntry.

use std::collections::VecDeque;

use super::batch::{Batch, Order, sequence_after};
use crate::records::ProducerId;

/// Id and epoch that the broker gave this producer.
pub(super) type Identity = (i64, i16);

/// Whether the running transaction knows of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Enrolled {
    #[default]
    No,
    /// Its coordinator is to be told first.
    Asked,
    Yes,
}

/// A partition's batches. Each has its place by [`Batch::order`], and every list here is sorted by it.
#[derive(Default)]
pub(super) struct PartitionQueue {
    /// Those to be sent again, then those that were never sent; only the last may still be open.
    pub waiting: VecDeque<Batch>,
    /// Those that are with the broker.
    pub sent: VecDeque<Batch>,
    pub leader: Option<i32>,
    pub enrolled: Enrolled,
    pub sequences: Sequences,
}

/// Sequence numbers of a partition.
pub(super) struct Sequences {
    /// Under which identity they count.
    pub owner: Option<Identity>,
    /// Of the next new batch.
    pub next: i32,
    /// The greatest acknowledged; -1 if none is.
    last_acked: i32,
    pub last_acked_offset: i64,
    /// The number behind a batch that was given up and may be written or not. Until that is known, nothing new is sent.
    pub unresolved: Option<i32>,
}

impl Default for Sequences {
    fn default() -> Self {
        Self { owner: None, next: 0, last_acked: -1, last_acked_offset: -1, unresolved: None }
    }
}

impl Sequences {
    /// Whether `sequence` follows the last acknowledged one.
    pub(super) fn follows_acked(&self, sequence: i32) -> bool {
        if self.last_acked < 0 { sequence == 0 } else { sequence == sequence_after(self.last_acked, 1) }
    }

    /// Notes that the broker has a batch.
    pub(super) fn acknowledged(&mut self, batch: &Batch, base_offset: i64) {
        let (Some(identity), Some(last)) = (batch.identity, batch.last_sequence()) else { return };
        if self.owner != Some((identity.id, identity.epoch)) {
            return;
        }
        // Numbers wrap, so the greater one is the one that is less than half the circle ahead.
        if self.last_acked < 0 || last.wrapping_sub(self.last_acked) & i32::MAX < i32::MAX / 2 {
            self.last_acked = last;
        }
        if base_offset >= 0 {
            self.last_acked_offset = self.last_acked_offset.max(base_offset + i64::from(batch.count) - 1);
        }
    }

    #[cfg(test)]
    pub(super) fn acknowledged_for_test(&mut self, sequence: i32) {
        self.last_acked = sequence;
    }

    /// Notes that nobody knows whether the broker has a batch, and nobody will ask again.
    pub(super) fn lost_track_of(&mut self, batch: &Batch) {
        let Some(last) = batch.last_sequence() else { return };
        let behind = sequence_after(last, 1);
        let later = self.unresolved.is_none_or(|known| behind.wrapping_sub(known) & i32::MAX < i32::MAX / 2);
        if later {
            self.unresolved = Some(behind);
        }
    }

    /// Whether everything that was ever numbered is acknowledged.
    pub(super) fn is_settled(&self) -> bool {
        self.follows_acked(self.next)
    }
}

impl PartitionQueue {
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.sent.is_empty()
    }

    /// Batches that have a sequence number and are not acknowledged, in order.
    fn numbered(&mut self) -> impl Iterator<Item = &mut Batch> {
        // A batch in `waiting` that has a number may stand before or behind one that is with the broker.
        let mut all: Vec<&mut Batch> = self
            .sent
            .iter_mut()
            .filter(|batch| !batch.told)
            .chain(self.waiting.iter_mut().take_while(|batch| batch.identity.is_some()))
            .collect();
        all.sort_by_key(|batch| batch.order);
        all.into_iter()
    }

    /// Whether some batch has a sequence number and is not acknowledged.
    pub(super) fn has_numbered(&self) -> bool {
        !self.sent.is_empty() || self.waiting.front().is_some_and(|batch| batch.identity.is_some())
    }

    /// Whether the first waiting batch may go as far as sequence numbers are concerned.
    pub(super) fn may_send(&self, current: Option<Identity>) -> bool {
        let Some(first) = self.waiting.front() else { return false };
        match first.identity {
            // Of those that are to be sent again, the first goes alone: the broker would refuse the others until it has that one.
            Some(_) => self.sent.front().is_none_or(|sent| sent.order > first.order),
            None => {
                let stale = self.sequences.owner != current;
                // A broker that knows nothing of this producer takes any number as the first: if it refused the first batch and
                // then took the second, the first would be lost. So the first goes alone.
                let alone = stale || self.sequences.last_acked < 0;
                current.is_some() && self.sequences.unresolved.is_none() && !(alone && self.has_numbered())
            }
        }
    }

    /// Numbers a new batch of `count` records; [`may_send`](Self::may_send) has allowed it.
    pub(super) fn number(&mut self, current: Identity, count: i32, transactional: bool) -> ProducerId {
        if self.sequences.owner != Some(current) {
            self.sequences = Sequences { owner: Some(current), ..Sequences::default() };
        }
        let base_sequence = self.sequences.next;
        self.sequences.next = sequence_after(base_sequence, count);
        ProducerId { id: current.0, epoch: current.1, base_sequence, transactional }
    }

    /// Everything that is numbered and not acknowledged gets numbers from 0 on, under `current`.
    pub(super) fn renumber(&mut self, current: Identity) {
        let mut next = 0;
        for batch in self.numbered() {
            let transactional = batch.identity.is_some_and(|identity| identity.transactional);
            batch.identity = Some(ProducerId { id: current.0, epoch: current.1, base_sequence: next, transactional });
            batch.renumbered = true;
            next = sequence_after(next, batch.count);
        }
        self.sequences = Sequences { owner: Some(current), next, ..Sequences::default() };
    }

    /// A numbered batch was refused for good: those behind it move up.
    pub(super) fn close_gap(&mut self, order: Order, count: i32) {
        self.sequences.next = sequence_after(self.sequences.next, -count);
        for batch in self.numbered().filter(|batch| batch.order > order) {
            if let Some(identity) = &mut batch.identity {
                identity.base_sequence = sequence_after(identity.base_sequence, -count);
                batch.renumbered = true;
            }
        }
    }

    /// Puts a batch back among those that wait, at its place.
    pub(super) fn put_back(&mut self, batch: Batch) {
        let at = self.waiting.partition_point(|other| other.order < batch.order);
        self.waiting.insert(at, batch);
    }

    /// Notes that a batch is with the broker.
    pub(super) fn put_sent(&mut self, batch: Batch) {
        let at = self.sent.partition_point(|other| other.order < batch.order);
        self.sent.insert(at, batch);
    }

    /// A batch that is with the broker.
    pub(super) fn sent_mut(&mut self, order: Order) -> Option<&mut Batch> {
        self.sent.iter_mut().find(|batch| batch.order == order)
    }

    /// Takes a batch that was with the broker.
    pub(super) fn take_sent(&mut self, order: Order) -> Option<Batch> {
        let at = self.sent.iter().position(|batch| batch.order == order)?;
        self.sent.remove(at)
    }
}
