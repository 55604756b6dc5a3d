//! The transactional ids of a broker: runs their requests under one lock, writes markers, and ends what takes too long.
//!
//! Counterpart: org.apache.kafka.coordinator.transaction.{TransactionCoordinator, TransactionMarkerChannelManager}.
//!
//! Order of locks: this one before those of logs and groups.

use super::state::{End, NO_PRODUCER, Phase, Transaction, Version, is_exhausted};
use crate::alarm::Alarm;
use crate::broker::Shared;
use crate::config::DevBrokerConfig;
use crate::journal::{Entry, Journal};
use crate::log::Marker;
use crate::sync::{lock, now_ms};
use kafka_protocol::ResponseError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{error, info};

/// Epoch of the only coordinator there is.
const COORDINATOR_EPOCH: i32 = 0;

/// Who asks: a producer, by what it was given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub transactional_id: &'a str,
    pub producer_id: i64,
    pub epoch: i16,
    pub version: Version,
}

type Known = BTreeMap<String, Transaction>;

/// All transactional ids.
#[derive(Debug)]
pub(crate) struct Transactions {
    known: Mutex<Known>,
    config: Arc<DevBrokerConfig>,
    journal: Arc<Journal>,
    /// Wakes the timer task.
    alarm: Alarm,
}

impl Transactions {
    /// The transactional ids that a journal has.
    pub fn new(config: Arc<DevBrokerConfig>, journal: Arc<Journal>, kept: Known) -> Self {
        // What was open or ending is looked at when the timer starts.
        let busy = kept.values().any(|one| one.phase == Phase::Ongoing || one.phase.is_ending());
        let alarm = Alarm::default();
        if busy {
            alarm.set(Instant::now());
        }
        Self { known: Mutex::new(kept), config, journal, alarm }
    }

    /// Gives a producer its id and epoch; ends what an earlier one with the same transactional id has left open.
    pub fn init(
        &self,
        shared: &Shared,
        id: &str,
        timeout_ms: i32,
        expected: Option<(i64, i16)>,
    ) -> Result<(i64, i16), ResponseError> {
        if id.is_empty() {
            return Err(ResponseError::InvalidRequest);
        }
        if timeout_ms <= 0
            || Duration::from_millis(timeout_ms.unsigned_abs().into()) > self.config.max_transaction_timeout
        {
            return Err(ResponseError::InvalidTransactionTimeout);
        }
        let new_id = || shared.next_producer_id().map_err(|_| ResponseError::CoordinatorNotAvailable);
        let mut known = lock(&self.known);
        let now = now_ms();
        let mut transaction = match known.get(id) {
            Some(transaction) => transaction.clone(),
            None => Transaction::new(new_id()?, timeout_ms, now),
        };
        if !transaction.accepts_init(expected) {
            return Err(ResponseError::ProducerFenced);
        }
        match transaction.phase {
            Phase::PrepareCommit | Phase::PrepareAbort => return Err(ResponseError::ConcurrentTransactions),
            Phase::Ongoing => {
                info!(
                    transactional_id = id,
                    "a new producer takes over, the open transaction of the old one is aborted"
                );
                self.abort(shared, &mut known, id)?;
                return Err(ResponseError::ConcurrentTransactions);
            }
            _ if transaction.needs_new_id(expected) => transaction.rotate(new_id()?, expected, timeout_ms, now),
            _ => transaction.bump(expected, timeout_ms, now)?,
        }
        let given = (transaction.producer_id, transaction.epoch);
        self.keep(&mut known, id, transaction)?;
        Ok(given)
    }

    /// Adds partitions to the producer's transaction, which begins with the first.
    pub fn add_partitions(&self, ask: Ask<'_>, partitions: &[(String, i32)]) -> Result<(), ResponseError> {
        let mut known = lock(&self.known);
        self.add(&mut known, ask, |transaction| {
            let before = transaction.partitions.len();
            transaction.partitions.extend(partitions.iter().cloned());
            transaction.partitions.len() > before
        })
    }

    /// Adds a group's offsets to the producer's transaction.
    pub fn add_group(&self, ask: Ask<'_>, group: &str) -> Result<(), ResponseError> {
        let mut known = lock(&self.known);
        self.add(&mut known, ask, |transaction| transaction.groups.insert(group.to_owned()))
    }

    fn add(
        &self,
        known: &mut MutexGuard<'_, Known>,
        ask: Ask<'_>,
        add: impl FnOnce(&mut Transaction) -> bool,
    ) -> Result<(), ResponseError> {
        let transaction = find(known, ask.transactional_id)?;
        transaction.check_add(ask.producer_id, ask.epoch)?;
        let mut changed = transaction.clone();
        let more = add(&mut changed);
        if !more && changed.phase == Phase::Ongoing {
            return Ok(());
        }
        changed.begin(ask.version, now_ms());
        self.keep(known, ask.transactional_id, changed)
    }

    /// Whether a partition is part of the producer's open transaction.
    pub fn verify(&self, ask: Ask<'_>, partition: &(String, i32)) -> Result<(), ResponseError> {
        verify(&mut lock(&self.known), ask, |transaction| transaction.partitions.contains(partition))
    }

    /// Appends to a partition whose part in the transaction was not known there: from version 2 on it becomes part, before it must be.
    /// No end of the transaction gets in between.
    pub fn append<T>(
        &self,
        ask: Ask<'_>,
        partition: (String, i32),
        append: impl FnOnce() -> T,
    ) -> Result<T, ResponseError> {
        let mut known = lock(&self.known);
        if ask.version == Version::Two {
            self.add(&mut known, ask, |transaction| transaction.partitions.insert(partition))?;
        } else {
            verify(&mut known, ask, |transaction| transaction.partitions.contains(&partition))?;
        }
        Ok(append())
    }

    /// Commits offsets of a group with the transaction, see [`Transactions::append`].
    pub fn commit_offsets<T>(&self, ask: Ask<'_>, group: &str, commit: impl FnOnce() -> T) -> Result<T, ResponseError> {
        let mut known = lock(&self.known);
        if ask.version == Version::Two {
            self.add(&mut known, ask, |transaction| transaction.groups.insert(group.to_owned()))?;
        } else {
            verify(&mut known, ask, |transaction| transaction.groups.contains(group))?;
        }
        Ok(commit())
    }

    /// Ends the producer's transaction; gives the id and epoch that it goes on with.
    pub fn end(&self, shared: &Shared, ask: Ask<'_>, commit: bool) -> Result<(i64, i16), ResponseError> {
        if ask.transactional_id.is_empty() {
            return Err(ResponseError::InvalidRequest);
        }
        let mut known = lock(&self.known);
        let transaction = find(&mut known, ask.transactional_id)?;
        match transaction.judge_end(ask.producer_id, ask.epoch, commit, ask.version)? {
            End::Done => Ok((transaction.producer_id, transaction.epoch)),
            End::Prepare { commit, empty } => {
                self.prepare(shared, &mut known, ask.transactional_id, commit, empty, ask.version, false)
            }
        }
    }

    /// Aborts the open transaction and takes the epoch away from its producer.
    fn abort(&self, shared: &Shared, known: &mut MutexGuard<'_, Known>, id: &str) -> Result<(), ResponseError> {
        let version = self.config.transaction_version();
        self.prepare(shared, known, id, false, false, version, true).map(|_| ())
    }

    #[expect(clippy::too_many_arguments, reason = "one place decides how a transaction ends, from three sides")]
    fn prepare(
        &self,
        shared: &Shared,
        known: &mut MutexGuard<'_, Known>,
        id: &str,
        commit: bool,
        empty: bool,
        version: Version,
        fence: bool,
    ) -> Result<(i64, i16), ResponseError> {
        let mut transaction = find(known, id)?.clone();
        let rotate = version == Version::Two && is_exhausted(transaction.epoch);
        let next_id = match rotate {
            true => Some(shared.next_producer_id().map_err(|_| ResponseError::CoordinatorNotAvailable)?),
            false => None,
        };
        if fence && version == Version::One {
            transaction.fence();
        }
        transaction.prepare(commit, empty, version, next_id, now_ms());
        let given = transaction.after_completion();
        self.keep(known, id, transaction)?;
        let delay = self.config.transaction_marker_delay;
        if delay.is_zero() {
            self.complete(shared, known, id);
        } else {
            self.alarm.set(Instant::now() + delay);
        }
        Ok(given)
    }

    /// Writes the markers of a transaction that is ending, and ends it.
    fn complete(&self, shared: &Shared, known: &mut MutexGuard<'_, Known>, id: &str) {
        let Some(transaction) = known.get(id).filter(|one| one.phase.is_ending()) else { return };
        let mut transaction = transaction.clone();
        let commit = transaction.phase == Phase::PrepareCommit;
        let marker = Marker {
            producer_id: transaction.producer_id,
            producer_epoch: transaction.epoch,
            coordinator_epoch: COORDINATOR_EPOCH,
            commit,
        };
        for (topic, index) in &transaction.partitions {
            // A topic that was deleted needs no marker.
            let partition = shared.topics.by_name(topic).and_then(|topic| topic.partition(*index));
            if let Some(partition) = partition
                && let Err(error) = partition.end_transaction(&marker)
            {
                error!(transactional_id = id, %topic, partition = index, %error, "cannot write a transaction marker");
            }
        }
        shared.groups.end_transaction(transaction.producer_id, commit);
        transaction.complete(now_ms());
        if self.keep(known, id, transaction).is_err() {
            error!(
                transactional_id = id,
                "cannot keep the end of a transaction; the next start writes its markers again"
            );
        }
    }

    fn keep(&self, known: &mut MutexGuard<'_, Known>, id: &str, transaction: Transaction) -> Result<(), ResponseError> {
        let entry = Entry::Transaction { id: id.to_owned(), transaction: Box::new(transaction.clone()) };
        self.journal.append(&[entry]).map_err(|_| ResponseError::CoordinatorNotAvailable)?;
        if transaction.phase == Phase::Ongoing {
            self.alarm.set(Instant::now() + until_timeout(&transaction, now_ms()));
        }
        known.insert(id.to_owned(), transaction);
        Ok(())
    }

    /// Ends transactions that take too long and writes markers that are due, until the broker stops.
    pub async fn run_timers(&self, shared: &Shared, mut stopping: watch::Receiver<bool>) {
        while self.alarm.rings(&mut stopping).await {
            if let Some(next) = self.tick(shared) {
                self.alarm.set(Instant::now() + next);
            }
        }
    }

    /// Acts on what is due and says how long nothing else will be.
    fn tick(&self, shared: &Shared) -> Option<Duration> {
        let mut known = lock(&self.known);
        let now = now_ms();
        let delay = self.config.transaction_marker_delay;
        let mut next = None::<Duration>;
        let busy: Vec<(String, Phase, Duration)> = known
            .iter()
            .filter_map(|(id, one)| {
                let left = match one.phase {
                    Phase::Ongoing => until_timeout(one, now),
                    phase if phase.is_ending() => delay.saturating_sub(elapsed(one.updated_ms, now)),
                    _ => return None,
                };
                Some((id.clone(), one.phase, left))
            })
            .collect();
        for (id, phase, left) in busy {
            if !left.is_zero() {
                next = Some(next.map_or(left, |other| other.min(left)));
            } else if phase.is_ending() {
                self.complete(shared, &mut known, &id);
            } else {
                info!(transactional_id = id, "transaction timed out, it is aborted");
                if let Err(error) = self.abort(shared, &mut known, &id) {
                    error!(transactional_id = id, %error, "cannot abort a transaction that timed out");
                }
            }
        }
        next
    }

    /// All transactional ids with their state.
    pub fn all(&self) -> Vec<(String, Transaction)> {
        lock(&self.known).iter().map(|(id, transaction)| (id.clone(), transaction.clone())).collect()
    }

    /// The state of one transactional id.
    pub fn get(&self, id: &str) -> Option<Transaction> {
        lock(&self.known).get(id).cloned()
    }
}

fn find<'a>(known: &'a mut MutexGuard<'_, Known>, id: &str) -> Result<&'a mut Transaction, ResponseError> {
    if id.is_empty() {
        return Err(ResponseError::InvalidRequest);
    }
    known.get_mut(id).filter(|one| one.producer_id != NO_PRODUCER).ok_or(ResponseError::InvalidProducerIdMapping)
}

fn verify(
    known: &mut MutexGuard<'_, Known>,
    ask: Ask<'_>,
    has: impl FnOnce(&Transaction) -> bool,
) -> Result<(), ResponseError> {
    let transaction = find(known, ask.transactional_id)?;
    transaction.check_add(ask.producer_id, ask.epoch)?;
    if transaction.phase == Phase::Ongoing && has(transaction) {
        Ok(())
    } else {
        Err(ResponseError::TransactionAbortable)
    }
}

fn elapsed(since_ms: i64, now: i64) -> Duration {
    Duration::from_millis(u64::try_from(now.saturating_sub(since_ms)).unwrap_or(0))
}

fn until_timeout(transaction: &Transaction, now: i64) -> Duration {
    Duration::from_millis(transaction.timeout_ms.unsigned_abs().into())
        .saturating_sub(elapsed(transaction.started_ms, now))
}
