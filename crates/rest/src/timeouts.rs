//! `Timeouts`: how long requests wait for the herder. A handle, so that tests can shorten them while the server runs.
//!
//! Counterpart: org.apache.kafka.connect.runtime.rest.RestRequestTimeout.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long requests wait for the herder. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Timeouts(Arc<Millis>);

#[derive(Debug)]
struct Millis {
    request: AtomicU64,
    health_check: AtomicU64,
}

impl Default for Timeouts {
    /// Kafka Connect's constants: 90 s, and 10 s for `/health`.
    fn default() -> Self {
        Timeouts(Arc::new(Millis { request: AtomicU64::new(90_000), health_check: AtomicU64::new(10_000) }))
    }
}

impl Timeouts {
    /// For all requests but `/health`.
    pub fn request(&self) -> Duration {
        Duration::from_millis(self.0.request.load(Ordering::Relaxed))
    }

    /// For `/health`.
    pub fn health_check(&self) -> Duration {
        Duration::from_millis(self.0.health_check.load(Ordering::Relaxed))
    }

    /// Changes the time of requests that come from now on; whole milliseconds.
    pub fn set_request(&self, timeout: Duration) {
        self.0.request.store(millis(timeout), Ordering::Relaxed);
    }

    /// Changes the time of `/health` from now on; whole milliseconds.
    pub fn set_health_check(&self, timeout: Duration) {
        self.0.health_check.store(millis(timeout), Ordering::Relaxed);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
