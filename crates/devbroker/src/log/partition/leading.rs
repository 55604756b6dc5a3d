//! What the cluster tells a partition's log: the epoch of its leader and how many replicas are in sync.

use super::Partition;
use crate::sync::lock;
use std::sync::atomic::{AtomicI32, Ordering};

/// The leader's epoch and the replicas that are in sync.
#[derive(Debug)]
pub(super) struct Leading {
    epoch: AtomicI32,
    in_sync: AtomicI32,
}

impl Default for Leading {
    fn default() -> Self {
        Self { epoch: AtomicI32::new(0), in_sync: AtomicI32::new(1) }
    }
}

impl Leading {
    /// Takes over the epoch that a log on the disk has come to.
    pub fn start_at(&self, epoch: i32) {
        self.epoch.fetch_max(epoch, Ordering::AcqRel);
    }

    pub fn epoch(&self) -> i32 {
        self.epoch.load(Ordering::Acquire)
    }

    pub fn in_sync(&self) -> i32 {
        self.in_sync.load(Ordering::Acquire)
    }
}

impl Partition {
    /// Epoch of the leader; appended batches carry it.
    pub fn leader_epoch(&self) -> i32 {
        self.leading.epoch()
    }

    /// The next leader begins: its epoch.
    pub fn bump_leader_epoch(&self) -> i32 {
        self.leading.epoch.fetch_add(1, Ordering::AcqRel).saturating_add(1)
    }

    /// How many replicas an append with acks=all reaches.
    pub fn set_in_sync(&self, replicas: usize) {
        self.leading.in_sync.store(i32::try_from(replicas).unwrap_or(i32::MAX), Ordering::Release);
    }

    /// Lets those who wait for records look again: the leader may be another one.
    pub fn wake(&self) {
        let woken = std::mem::take(&mut lock(&self.state).waiting);
        super::wake(&woken);
    }
}
