//! Counters of `task-error-metrics`.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// What went wrong in one task, and what was done about it. Names as in Kafka's metrics.
#[derive(Debug, Default)]
pub struct ErrorMetrics {
    /// `total-record-failures`.
    pub failures: AtomicU64,
    /// `total-record-errors`.
    pub errors: AtomicU64,
    /// `total-records-skipped`.
    pub skipped: AtomicU64,
    /// `total-retries`.
    pub retries: AtomicU64,
    /// `total-errors-logged`.
    pub logged: AtomicU64,
    /// `deadletterqueue-produce-requests`.
    pub dlq_requests: AtomicU64,
    /// `deadletterqueue-produce-failures`.
    pub dlq_failures: AtomicU64,
    /// `last-error-timestamp`, milliseconds since the epoch.
    pub last_error: AtomicI64,
}

impl ErrorMetrics {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
