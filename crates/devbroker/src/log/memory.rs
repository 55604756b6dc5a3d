//! How much memory the logs may take together.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tracing::warn;

/// A partition that is not the culprit keeps this much, whatever the others take.
pub(super) const KEPT_PER_PARTITION: u64 = 8 << 20;

/// Counts the bytes of all logs that are only in memory.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: u64,
    used: AtomicU64,
    warned: AtomicBool,
}

impl Memory {
    /// At most `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self { limit, used: AtomicU64::new(0), warned: AtomicBool::new(false) }
    }

    pub(super) fn add(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn subtract(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes that are too many.
    pub(super) fn excess(&self) -> u64 {
        let excess = self.used.load(Ordering::Relaxed).saturating_sub(self.limit);
        if excess > 0 && !self.warned.swap(true, Ordering::Relaxed) {
            warn!(limit = self.limit, "the logs fill their share of memory, oldest records are dropped from now on");
        }
        excess
    }
}
