//! One budget of bytes for everything that buffers records in this process.
//!
//! Counterpart: none; Java's clients bound their buffers one by one (`buffer.memory`, `fetch.max.bytes`).

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Part of the budget that only records to be sent may take.
const RESERVED_PART: usize = 8;

/// Bytes that all clients of a process may buffer together. A handle; clones share the budget.
///
/// Grants are given in the order in which they were asked for. A grant larger than the whole budget is given alone, once
/// everything else has been given back, so that no record is too large to be moved and nobody starves.
///
/// An eighth is reserved for records to be sent. An owner that moves records from a consumer to a producer waits for the producer
/// while the consumer holds what is fetched, and what is fetched is only given back when it is sent: were all memory that of
/// fetched records, nobody could go on. What is to be sent is given back at `delivery.timeout.ms` at the latest. A worker's
/// producers have no such limit: those of a cluster that is away keep what they hold, up to `buffer.memory` each, until it is back.
#[derive(Debug, Clone, Default)]
pub struct MemoryGovernor(Option<Arc<Budget>>);

#[derive(Debug)]
struct Budget {
    /// For everybody.
    common: Share,
    /// For what is to be sent.
    reserve: Share,
}

#[derive(Debug)]
struct Share {
    limit: usize,
    free: Arc<Semaphore>,
}

impl Share {
    fn new(limit: usize) -> Self {
        Self { limit, free: Arc::new(Semaphore::new(limit)) }
    }

    fn used(&self) -> usize {
        self.limit - self.free.available_permits().min(self.limit)
    }

    /// What is taken for `bytes`: everything at most.
    fn size(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.min(self.limit)).unwrap_or(u32::MAX)
    }

    async fn acquire(&self, bytes: usize) -> Grant {
        // The semaphore is never closed.
        Grant { permit: Arc::clone(&self.free).acquire_many_owned(self.size(bytes)).await.ok(), bytes }
    }

    fn try_acquire(&self, bytes: usize) -> Option<Grant> {
        let permit = Arc::clone(&self.free).try_acquire_many_owned(self.size(bytes)).ok()?;
        Some(Grant { permit: Some(permit), bytes })
    }
}

impl MemoryGovernor {
    /// Grants everything at once, and keeps no count.
    pub fn unlimited() -> Self {
        Self(None)
    }

    /// Grants `limit` bytes at most at any time, or one larger grant alone: one to fetched records and one to records to be sent.
    pub fn new(limit: usize) -> Self {
        let limit = limit.clamp(2, Semaphore::MAX_PERMITS);
        let reserved = (limit / RESERVED_PART).max(1);
        Self(Some(Arc::new(Budget { common: Share::new(limit - reserved), reserve: Share::new(reserved) })))
    }

    /// The budget in bytes, if there is one.
    pub fn limit(&self) -> Option<usize> {
        self.0.as_ref().map(|budget| budget.common.limit + budget.reserve.limit)
    }

    /// Bytes that are granted now; 0 without a limit.
    pub fn used(&self) -> usize {
        self.0.as_ref().map_or(0, |budget| budget.common.used() + budget.reserve.used())
    }

    /// Whether nothing is left for fetched records, so that whoever holds what it does not need should give it back.
    pub fn is_exhausted(&self) -> bool {
        self.0.as_ref().is_some_and(|budget| budget.common.free.available_permits() == 0)
    }

    /// Waits for `bytes`; they are given back when the grant is dropped.
    ///
    /// # Cancel safety
    /// Dropping gives up the place in the queue, and whatever was set aside.
    pub async fn acquire(&self, bytes: usize) -> Grant {
        match &self.0 {
            Some(budget) => budget.common.acquire(bytes).await,
            None => Grant::default(),
        }
    }

    /// `bytes` if they are free and nobody waits for them.
    pub fn try_acquire(&self, bytes: usize) -> Option<Grant> {
        match &self.0 {
            Some(budget) => budget.common.try_acquire(bytes),
            None => Some(Grant::default()),
        }
    }

    /// As [`acquire`](Self::acquire), for records to be sent: from the reserve or from what is free for everybody, whichever comes first.
    /// More than the reserve is given when all of the reserve is free.
    ///
    /// # Cancel safety
    /// As that of [`acquire`](Self::acquire).
    pub(crate) async fn acquire_to_send(&self, bytes: usize) -> Grant {
        let Some(budget) = &self.0 else { return Grant::default() };
        tokio::select! {
            biased;
            grant = budget.reserve.acquire(bytes) => grant,
            grant = budget.common.acquire(bytes) => grant,
        }
    }

    /// As [`try_acquire`](Self::try_acquire), for records to be sent.
    pub(crate) fn try_acquire_to_send(&self, bytes: usize) -> Option<Grant> {
        let Some(budget) = &self.0 else { return Some(Grant::default()) };
        // What is not reserved first, so that the reserve is there when it is needed. More than all of it is not taken without waiting.
        let common = if bytes <= budget.common.limit { budget.common.try_acquire(bytes) } else { None };
        common.or_else(|| budget.reserve.try_acquire(bytes))
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
        let governor = MemoryGovernor::new(114);
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
        let governor = MemoryGovernor::new(114);
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
        let governor = MemoryGovernor::new(114);
        let first = governor.acquire(90).await;
        let mut waiting = Box::pin(governor.acquire(50));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(waiting);
        assert_eq!(governor.try_acquire(10).map(|grant| grant.bytes()), Some(10));
        drop(first);
        assert_eq!(governor.used(), 0);
        assert_eq!(MemoryGovernor::unlimited().acquire(usize::MAX).await.bytes(), 0);
    }
    #[tokio::test]
    async fn records_are_sent_while_fetched_ones_hold_all_the_memory_there_is_for_them() {
        let governor = MemoryGovernor::new(800);
        // What is free is for everybody, and the reserve is touched last.
        let sent = governor.try_acquire_to_send(100).unwrap();
        assert_eq!(
            (governor.try_acquire(600).map(|grant| grant.bytes()), governor.try_acquire(601).is_none()),
            (Some(600), true)
        );
        drop(sent);
        let fetched = governor.acquire(700).await;
        assert!(governor.is_exhausted() && governor.try_acquire(1).is_none());
        let mut more = Box::pin(governor.acquire(50));
        assert!(more.as_mut().now_or_never().is_none());
        // Whoever holds what is fetched waits for this, so it must come; also when it is more than what is reserved.
        let sent = governor.acquire_to_send(150).now_or_never().unwrap();
        assert!(governor.try_acquire_to_send(1).is_none());
        let mut next = Box::pin(governor.acquire_to_send(60));
        assert!(next.as_mut().now_or_never().is_none());
        drop(sent);
        assert_eq!(next.await.bytes(), 60);
        // It waits for what everybody may have as well, and in turn.
        let sent = governor.acquire_to_send(100).now_or_never().unwrap();
        let mut next = Box::pin(governor.acquire_to_send(60));
        assert!(next.as_mut().now_or_never().is_none());
        drop(fetched);
        assert_eq!((more.await.bytes(), next.await.bytes()), (50, 60));
        drop(sent);
        assert_eq!(governor.used(), 0);
    }
}
