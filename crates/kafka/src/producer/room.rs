//! Waiting for memory, in turn.
//!
//! Counterpart: org.apache.kafka.clients.producer.internals.BufferPool.

use std::sync::MutexGuard;

use tokio::time::Instant;

use super::accumulator::Accumulator;
use super::client::Shared;
use crate::error::{Error, Result};
use crate::memory::Grant;

/// Waits until there is memory for a batch, or for the `wanted` bytes that a record did not get before. The guard is taken before the
/// turn is given on, so that nobody else gets the memory.
pub(super) async fn until_memory(shared: &Shared, wanted: usize) -> Result<MutexGuard<'_, Accumulator>> {
    let closed = || Error::illegal("cannot write records", "the producer was closed");
    let refusal = |accumulator: &Accumulator| accumulator.refusal().or_else(|| shared.has_ended().then(closed));
    let needed = wanted.max(shared.config.batch_size).min(shared.config.buffer_memory);
    // What a record did not get may have been the process's memory.
    let governed = wanted > 0 && shared.config.memory.limit().is_some();
    let mut prepaid: Option<Grant> = None;
    let mut waited = Waited { shared, since: None };
    let _turn = match shared.turn.try_acquire() {
        Ok(turn) => turn,
        Err(_) => {
            waited.begun();
            shared.turn.acquire().await.map_err(|_| closed())?
        }
    };
    loop {
        let progress = shared.progress.notified();
        tokio::pin!(progress);
        progress.as_mut().enable();
        let (_waiting, enough) = {
            let mut accumulator = shared.lock();
            if let Some(refusal) = refusal(&accumulator) {
                return Err(refusal);
            }
            let enough = accumulator.available >= needed;
            if enough && (!governed || prepaid.is_some()) {
                accumulator.prepaid = prepaid;
                waited.ended(true);
                return Ok(accumulator);
            }
            accumulator.memory_waiters += 1;
            (MemoryWaiter(shared), enough)
        };
        waited.begun();
        shared.wake.notify_one();
        if !enough {
            progress.await;
            continue;
        }
        let grant = shared.config.memory.acquire_to_send(needed);
        tokio::pin!(grant);
        // The place among those who wait for it is kept, but not by a producer that has ended.
        prepaid = loop {
            tokio::select! {
                grant = &mut grant => break Some(grant),
                () = &mut progress => progress.set(shared.progress.notified()),
            }
            progress.as_mut().enable();
            if let Some(refusal) = refusal(&shared.lock()) {
                return Err(refusal);
            }
        };
    }
}

/// Measures a wait for memory, if there is one.
struct Waited<'a> {
    shared: &'a Shared,
    since: Option<Instant>,
}

impl Waited<'_> {
    fn begun(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    fn ended(&mut self, got_it: bool) {
        if let Some(since) = self.since.take() {
            let now = Instant::now();
            self.shared.cluster.metrics().waited_for_room(now, now.saturating_duration_since(since), got_it);
        }
    }
}

impl Drop for Waited<'_> {
    fn drop(&mut self) {
        self.ended(false);
    }
}

/// Counts itself out when the waiting ends, however it ends.
struct MemoryWaiter<'a>(&'a Shared);

impl Drop for MemoryWaiter<'_> {
    fn drop(&mut self) {
        let mut accumulator = self.0.lock();
        accumulator.memory_waiters = accumulator.memory_waiters.saturating_sub(1);
    }
}
