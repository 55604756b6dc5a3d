//! Transactions of one partition: those that are open, and where aborted ones lie.
//!
//! Counterpart: org.apache.kafka.storage.internals.log.TransactionIndex.

use std::collections::{BTreeMap, VecDeque};

/// An aborted transaction of one producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aborted {
    pub producer_id: i64,
    pub first_offset: i64,
    /// Offset of the marker.
    pub last_offset: i64,
    /// Last stable offset when the marker was written: nothing before it was undecided.
    last_stable: i64,
}

impl Aborted {
    /// One whose marker decided everything before it.
    #[cfg(test)]
    pub fn new(producer_id: i64, first_offset: i64, last_offset: i64) -> Self {
        Self { producer_id, first_offset, last_offset, last_stable: last_offset + 1 }
    }
}

/// Open and aborted transactions of a partition.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    /// First offset of each open transaction, with its producer.
    open: BTreeMap<i64, i64>,
    /// In the order of their markers.
    aborted: VecDeque<Aborted>,
}

impl Transactions {
    /// A producer's first batch of a transaction.
    pub fn begin(&mut self, producer_id: i64, first_offset: i64) {
        self.open.insert(first_offset, producer_id);
    }

    /// The marker of a transaction that had records here.
    pub fn end(&mut self, producer_id: i64, first_offset: i64, marker_offset: i64, commit: bool) {
        self.open.remove(&first_offset);
        if !commit {
            let last_stable = self.first_open().unwrap_or(marker_offset + 1);
            self.aborted.push_back(Aborted { producer_id, first_offset, last_offset: marker_offset, last_stable });
        }
    }

    /// First offset that belongs to an open transaction.
    pub fn first_open(&self) -> Option<i64> {
        self.open.keys().next().copied()
    }

    /// Aborted transactions that have records in `from..until`.
    pub fn aborted(&self, from: i64, until: i64) -> Vec<Aborted> {
        let mut found = Vec::new();
        for aborted in &self.aborted {
            if aborted.last_offset >= from && aborted.first_offset < until {
                found.push(*aborted);
            }
            if aborted.last_stable >= until {
                break;
            }
        }
        found
    }

    /// Forgets aborted transactions that end below `start`.
    pub fn trim(&mut self, start: i64) {
        self.aborted.retain(|aborted| aborted.last_offset >= start);
    }

    /// Forgets aborted transactions that have no records left.
    pub fn retain_aborted(&mut self, keep: impl FnMut(&Aborted) -> bool) {
        self.aborted.retain(keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_aborted_transactions_of_the_range_are_found() {
        let mut transactions = Transactions::default();
        transactions.begin(1, 0);
        transactions.begin(2, 5);
        transactions.end(2, 5, 8, false);
        assert_eq!(transactions.first_open(), Some(0));
        transactions.begin(3, 9);
        transactions.end(3, 9, 10, true);
        transactions.end(1, 0, 11, false);
        assert_eq!(transactions.first_open(), None);
        transactions.begin(4, 20);
        transactions.end(4, 20, 21, false);
        let ids = |from, until| -> Vec<i64> {
            transactions.aborted(from, until).iter().map(|aborted| aborted.producer_id).collect()
        };
        assert_eq!(ids(0, 4), [1]);
        assert_eq!(ids(0, 12), [2, 1]);
        assert_eq!(ids(9, 12), [1]);
        assert_eq!(ids(12, 30), [4]);
    }
}
