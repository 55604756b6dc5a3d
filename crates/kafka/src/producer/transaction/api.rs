//! What the owner of a transactional producer calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use milena_api::record::TopicPartition;
use tokio::time::Instant;

use super::super::client::Producer;
use super::state::{Answer, Call, Transaction};
use crate::error::{Error, Result};
use crate::group_metadata::GroupMetadata;
use crate::metrics::Call as Measured;
use crate::offset_and_metadata::OffsetAndMetadata;

impl Producer {
    /// Registers the `transactional.id`: fences earlier producers with it and ends what they left behind. To be called once, before
    /// anything else.
    ///
    /// # Errors
    /// Not done within `max.block.ms`: call it again. A producer without `transactional.id`.
    ///
    /// # Cancel safety
    /// It goes on without the future; the next call gives its outcome.
    pub async fn init_transactions(&self) -> Result<()> {
        self.complete(Call::Init, "cannot initialize transactions").await
    }

    /// Begins a transaction; what is appended from now on belongs to it.
    ///
    /// # Errors
    /// There is a transaction already, or [`init_transactions`](Self::init_transactions) was not called, or an earlier call's outcome
    /// was not waited for.
    pub fn begin_transaction(&self) -> Result<()> {
        let started = Instant::now();
        let begun = self.with_transaction(Transaction::begin);
        self.measure(Measured::BeginTransaction, started);
        begun
    }

    /// Commits offsets of a group with the transaction. They are those of the next records to read.
    ///
    /// # Errors
    /// A member that is no longer in its group, an error state, or not done within `max.block.ms`: then call it again, or abort.
    ///
    /// # Cancel safety
    /// They are sent all the same, and the transaction waits for that.
    pub async fn send_offsets_to_transaction(
        &self,
        offsets: BTreeMap<TopicPartition, OffsetAndMetadata>,
        group: GroupMetadata,
    ) -> Result<()> {
        if offsets.is_empty() {
            return self.with_transaction(|_| Ok(()));
        }
        let name = group.group_id.clone();
        let started = Instant::now();
        let answer = self.with_transaction(|transaction| transaction.add_offsets(offsets, group))?;
        let sent = self.answer(&answer, || format!("cannot send offsets of group {name} to the transaction")).await;
        self.measure(Measured::SendOffsets, started);
        sent
    }

    /// Sends what is pending, and makes the transaction visible.
    ///
    /// # Errors
    /// Of an error with [`requires_abort`](Error::requires_abort), nothing becomes visible, and an abort is due. After one with
    /// [`is_fatal`](Error::is_fatal) only closing the producer is left. Not done within `max.block.ms`: call it again, nothing else
    /// tells how it ended.
    ///
    /// # Cancel safety
    /// It goes on without the future; the next call gives its outcome.
    pub async fn commit_transaction(&self) -> Result<()> {
        self.complete(Call::Commit, "cannot commit the transaction").await
    }

    /// Takes back everything since [`begin_transaction`](Self::begin_transaction). Batches that were not sent yet end with an error.
    ///
    /// # Errors
    /// After one with [`is_fatal`](Error::is_fatal) only closing the producer is left. Not done within `max.block.ms`: call it again.
    ///
    /// # Cancel safety
    /// It goes on without the future; the next call gives its outcome.
    pub async fn abort_transaction(&self) -> Result<()> {
        self.complete(Call::Abort, "cannot abort the transaction").await
    }

    fn with_transaction<T>(&self, act: impl FnOnce(&mut Transaction) -> Result<T>) -> Result<T> {
        let mut accumulator = self.shared().lock();
        let closed = accumulator.is_closed();
        match &mut accumulator.transaction {
            Some(_) if closed => Err(Error::illegal("cannot use transactions", "the producer was closed")),
            Some(transaction) => act(transaction),
            None => Err(Error::illegal(
                "cannot use transactions",
                "the producer has no transactional.id; set one in its configuration",
            )),
        }
    }

    async fn complete(&self, call: Call, doing: &str) -> Result<()> {
        let started = Instant::now();
        let answer = self.with_transaction(|transaction| transaction.call(call))?;
        let done = self.answer(&answer, || doing.to_owned()).await;
        let measured = match call {
            Call::Init => Measured::InitTransactions,
            Call::Commit => Measured::CommitTransaction,
            Call::Abort => Measured::AbortTransaction,
        };
        self.measure(measured, started);
        done
    }

    fn measure(&self, call: Measured, started: Instant) {
        self.shared().cluster.metrics().called(call, started.elapsed());
    }

    async fn answer(&self, answer: &Arc<Answer>, doing: impl Fn() -> String) -> Result<()> {
        let shared = self.shared();
        shared.wake.notify_one();
        let deadline = Instant::now().checked_add(shared.config.max_block);
        loop {
            let progress = shared.progress.notified();
            tokio::pin!(progress);
            progress.as_mut().enable();
            if let Some(result) = answer.take() {
                return result;
            }
            if shared.has_ended() {
                return Err(Error::illegal(doing(), "the producer was closed"));
            }
            match deadline {
                None => progress.await,
                Some(deadline) => {
                    if tokio::time::timeout_at(deadline, progress).await.is_err() {
                        let limit = shared.config.max_block.as_millis();
                        return Err(Error::timeout(
                            doing(),
                            format!("not done within {limit} ms (max.block.ms); call it again"),
                        ));
                    }
                }
            }
        }
    }
}
