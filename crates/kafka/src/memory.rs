//! One budget of bytes for everything that buffers records in this process.
//!
//! Counterpart: none; Java's clients bound their buffers one by one (`buffer.memory`, `fetch.max.bytes`).

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that all clients of a process may buffer together. A handle; clones share the budget.
///
/// Grants are given in the order in which they were asked for. A grant larger than the whole budget is given alone, once
/// everything else has been given back, so that no record is too large to be moved and nobody starves.
#[derive(Debug, Clone, Default)]
pub struct MemoryGovernor(Option<Arc<Budget>>);

#[derive(Debug)]
struct Budget {
    limit: usize,
    free: Arc<Semaphore>,
}

impl MemoryGovernor {
    /// Grants everything at once, and keeps no count.
    pub fn unlimited() -> Self {
        Self(None)
    }

    /// Grants `limit` bytes at most at any time, or one larger grant alone.
    pub fn new(limit: usize) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        Self(Some(Arc::new(Budget { limit, free: Arc::new(Semaphore::new(limit)) })))
    }

    /// The budget in bytes, if there is one.
    pub fn limit(&self) -> Option<usize> {
        self.0.as_ref().map(|budget| budget.limit)
    }

    /// Bytes that are granted now; 0 without a limit.
    pub fn used(&self) -> usize {
        self.0.as_ref().map_or(0, |budget| budget.limit - budget.free.available_permits().min(budget.limit))
    }

    /// Whether nothing is left, so that whoever holds what it does not need should give it back.
    pub fn is_exhausted(&self) -> bool {
        self.0.as_ref().is_some_and(|budget| budget.free.available_permits() == 0)
    }

    /// Waits for `bytes`; they are given back when the grant is dropped.
    ///
    /// # Cancel safety
    /// Dropping gives up the place in the queue, and whatever was set aside.
    pub async fn acquire(&self, bytes: usize) -> Grant {
        let Some(budget) = &self.0 else { return Grant::default() };
        // The semaphore is never closed.
        Grant { permit: Arc::clone(&budget.free).acquire_many_owned(budget.size(bytes)).await.ok(), bytes }
    }

    /// `bytes` if they are free and nobody waits for them.
    pub fn try_acquire(&self, bytes: usize) -> Option<Grant> {
        let Some(budget) = &self.0 else { return Some(Grant::default()) };
        let permit = Arc::clone(&budget.free).try_acquire_many_owned(budget.size(bytes)).ok()?;
        Some(Grant { permit: Some(permit), bytes })
    }
}

impl Budget {
    /// What is taken for `bytes`: everything at most.
    fn size(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.min(self.limit)).unwrap_or(u32::MAX)
    }
}

/// Bytes of a [`MemoryGovernor`], until this is dropped.
#[derive(Debug, Default)]
pub struct Grant {
    permit: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Grant {
    /// Bytes that were asked for; 0 from a governor without a limit.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Gives back all but `bytes`. A grant never grows.
    pub fn shrink(&mut self, bytes: usize) {
        self.bytes = self.bytes.min(bytes);
        if let Some(permit) = &mut self.permit {
            drop(permit.split(permit.num_permits().saturating_sub(bytes)));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn grants_stay_within_the_limit_and_come_in_the_order_of_asking() {
        let governor = MemoryGovernor::new(100);
        let mut first = governor.acquire(70).await;
        let mut large = Box::pin(governor.acquire(60));
        assert!(large.as_mut().now_or_never().is_none());
        // The next one would fit, but was not first.
        let mut small = Box::pin(governor.acquire(10));
        assert!(small.as_mut().now_or_never().is_none());
        assert!(governor.try_acquire(1).is_none() && governor.is_exhausted());
        first.shrink(30);
        let (large, small) = (large.await, small.await);
        assert_eq!((large.bytes(), small.bytes(), governor.used()), (60, 10, 100));
        drop((first, small));
        assert_eq!(governor.used(), 60);
    }

    #[tokio::test]
    async fn a_grant_beyond_the_limit_is_given_alone() {
        let governor = MemoryGovernor::new(100);
        let first = governor.acquire(1).await;
        let mut huge = Box::pin(governor.acquire(5000));
        assert!(huge.as_mut().now_or_never().is_none());
        drop(first);
        let huge = huge.await;
        assert_eq!((huge.bytes(), governor.used()), (5000, 100));
        assert!(governor.try_acquire(1).is_none());
        drop(huge);
        assert!(governor.try_acquire(100).is_some());
    }

    #[tokio::test]
    async fn who_stops_waiting_holds_nobody_up() {
        let governor = MemoryGovernor::new(100);
        let first = governor.acquire(90).await;
        let mut waiting = Box::pin(governor.acquire(50));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(waiting);
        assert_eq!(governor.try_acquire(10).map(|grant| grant.bytes()), Some(10));
        drop(first);
        assert_eq!(governor.used(), 0);
        assert_eq!(MemoryGovernor::unlimited().acquire(usize::MAX).await.bytes(), 0);
    }
}
