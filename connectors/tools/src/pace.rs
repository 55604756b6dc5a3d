//! `Pace`: so many records per second, one at a time.

use std::time::{Duration, Instant};

use milena_api::source::SourceTaskContext;
use tokio::time::sleep;

/// Counterpart: `org.apache.kafka.server.util.ThroughputThrottler`.
#[derive(Debug)]
pub struct Pace {
    /// Below 0: as fast as possible; 0: never.
    per_second: i64,
    since: Instant,
    made: u64,
}

impl Pace {
    /// Begins now.
    pub fn new(per_second: i64) -> Self {
        Pace { per_second, since: Instant::now(), made: 0 }
    }

    /// Waits until the next record is due, and counts it. False: the runtime wants control back first.
    pub async fn next(&mut self, context: Option<&SourceTaskContext>) -> bool {
        if self.per_second == 0 {
            woken(context).await;
            return false;
        }
        if self.per_second > 0 {
            let due = Duration::from_secs_f64(self.made as f64 / self.per_second as f64);
            let wait = due.saturating_sub(self.since.elapsed());
            if !wait.is_zero() {
                tokio::select! {
                    () = sleep(wait) => {}
                    () = woken(context) => return false,
                }
            }
        }
        self.made += 1;
        true
    }
}

/// Resolves when the runtime wants control back.
pub async fn woken(context: Option<&SourceTaskContext>) {
    match context {
        Some(context) => context.wakeup().await,
        None => std::future::pending().await,
    }
}
