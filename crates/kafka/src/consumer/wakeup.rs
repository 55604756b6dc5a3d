//! Interrupts a poll from elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Makes a consumer's current poll, or its next one, return [`Polled::Woken`](super::Polled::Woken).
#[derive(Debug, Clone, Default)]
pub struct Wakeup(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    called: AtomicBool,
    notify: Notify,
}

impl Wakeup {
    /// Wakes once, however often it is called before the poll returns.
    pub fn wakeup(&self) {
        self.0.called.store(true, Ordering::Release);
        self.0.notify.notify_one();
    }

    pub(super) fn take(&self) -> bool {
        self.0.called.swap(false, Ordering::AcqRel)
    }

    pub(super) async fn called(&self) {
        self.0.notify.notified().await;
    }
}
