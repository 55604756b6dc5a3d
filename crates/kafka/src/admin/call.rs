//! Calls that are made again until they succeed, fail for good, or `default.api.timeout.ms` is over: as a whole, or for each of several things.
//!
//! Counterpart: org.apache.kafka.clients.admin.internals.AdminApiDriver.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::Admin;
use crate::TopicPartition;
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::net::{Metadata, TopicsWanted};

/// What several things came to.
pub(super) type Outcomes<K, V> = Vec<(K, Result<V>)>;

/// The leader of a partition, as the metadata has it.
pub(super) fn leader(metadata: &Metadata, partition: &TopicPartition) -> Result<i32> {
    let doing = || format!("finding the leader of {partition}");
    if let Some(code) = metadata.errors.get(&partition.topic) {
        return Err(Error::broker(doing(), *code, None));
    }
    match metadata.leader(&partition.topic, partition.partition) {
        Some(leader) => Ok(leader),
        None if metadata.partition(&partition.topic, partition.partition).is_none() => {
            Err(Error::broker(doing(), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None))
        }
        None => Err(Error::broker(doing(), ErrorCode::LEADER_NOT_AVAILABLE, None)),
    }
}

/// A coordinator's refusal that another attempt may cure. Java's admin takes all others for final, although some count as retriable elsewhere: a
/// topic that is not there is the caller's mistake.
pub(super) fn coordinator_error_passes(error: &Error) -> bool {
    match error.code() {
        Some(code) => {
            code.is_coordinator_moved()
                || matches!(
                    code,
                    ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
                        | ErrorCode::REBALANCE_IN_PROGRESS
                        | ErrorCode::UNSTABLE_OFFSET_COMMIT
                        | ErrorCode::CONCURRENT_TRANSACTIONS
                )
        }
        None => error.is_retriable(),
    }
}

/// A controller's refusal that another attempt may cure; all others are final, as with Java's admin.
pub(super) fn controller_error_passes(error: &Error) -> bool {
    match error.code() {
        Some(code) => matches!(code, ErrorCode::NOT_CONTROLLER | ErrorCode::THROTTLING_QUOTA_EXCEEDED),
        None => error.is_retriable(),
    }
}

/// Counts attempts and time of one call.
struct Attempts<'a> {
    admin: &'a Admin,
    doing: &'a str,
    deadline: Instant,
    failures: u32,
}

impl<'a> Attempts<'a> {
    fn new(admin: &'a Admin, doing: &'a str) -> Self {
        Self { admin, doing, deadline: Instant::now() + admin.config.api_timeout, failures: 0 }
    }

    /// Out of time; says what was in the way last.
    fn over(&self, last: Option<&Error>) -> Error {
        let limit = self.admin.config.api_timeout.as_millis();
        let last = last.map_or_else(|| "no answer".to_owned(), |last| format!("the last attempt: {last}"));
        Error::timeout(self.doing, format!("not done within default.api.timeout.ms, which is {limit} ms; {last}"))
    }

    /// Waits before the next attempt; else says why there is none.
    async fn next(&mut self, last: &Error) -> Result<()> {
        self.failures += 1;
        if self.failures > self.admin.config.retries {
            return Err(last.clone());
        }
        let next = Instant::now() + self.admin.config.client.retry_backoff.after(self.failures);
        if next >= self.deadline {
            return Err(self.over(Some(last)));
        }
        tracing::debug!(error = %last, "asking again");
        tokio::time::sleep_until(next).await;
        Ok(())
    }
}

impl Admin {
    /// Calls until it succeeds, fails for good, or the time is over.
    pub(super) async fn until_done<T, F>(&self, doing: &str, attempt: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.until(doing, Error::is_retriable, attempt).await
    }

    /// As [`until_done`](Self::until_done), where `passes` tells which errors are worth another attempt.
    pub(super) async fn until<T, F>(
        &self,
        doing: &str,
        passes: impl Fn(&Error) -> bool,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut attempts = Attempts::new(self, doing);
        let mut last = None;
        loop {
            match tokio::time::timeout_at(attempts.deadline, attempt()).await {
                Ok(Err(error)) if passes(&error) => {
                    attempts.next(&error).await?;
                    last = Some(error);
                }
                Ok(done) => return done,
                Err(_) => return Err(attempts.over(last.as_ref())),
            }
        }
    }

    /// Calls for all of `items`, and again for those whose error passes. An attempt may fail as a whole; what it leaves out is an error.
    pub(super) async fn each<K, V, F>(
        &self,
        doing: &str,
        items: impl IntoIterator<Item = K>,
        passes: impl Fn(&Error) -> bool,
        mut attempt: impl FnMut(Vec<K>) -> F,
    ) -> BTreeMap<K, Result<V>>
    where
        K: Clone + Ord,
        F: Future<Output = Result<Outcomes<K, V>>>,
    {
        let mut attempts = Attempts::new(self, doing);
        let mut open: BTreeSet<K> = items.into_iter().collect();
        let mut done = BTreeMap::new();
        let mut last: Option<Error> = None;
        while !open.is_empty() {
            let attempted = attempt(open.iter().cloned().collect());
            let passing = match tokio::time::timeout_at(attempts.deadline, attempted).await {
                Err(_) => Err(attempts.over(last.as_ref())),
                Ok(Err(error)) if passes(&error) => Ok(Some(error)),
                Ok(Err(error)) => Err(error),
                Ok(Ok(outcomes)) => {
                    let mut passing = None;
                    let mut answered = BTreeSet::new();
                    for (item, outcome) in outcomes {
                        match outcome {
                            Err(error) if passes(&error) => passing = Some(error),
                            outcome if open.remove(&item) => drop(done.insert(item.clone(), outcome)),
                            // Nobody asked for it.
                            _ => continue,
                        }
                        answered.insert(item);
                    }
                    let missing: Vec<K> = open.difference(&answered).cloned().collect();
                    for item in missing {
                        open.remove(&item);
                        done.insert(item, Err(Error::protocol(doing, "the answer leaves it out")));
                    }
                    Ok(passing)
                }
            };
            let end = match passing {
                Ok(None) => continue,
                Ok(Some(error)) => {
                    let next = attempts.next(&error).await;
                    last = Some(error);
                    next
                }
                Err(error) => Err(error),
            };
            if let Err(error) = end {
                done.extend(std::mem::take(&mut open).into_iter().map(|item| (item, Err(error.clone()))));
            }
        }
        done
    }

    /// Asks the leaders of these partitions at the same time, each for its own.
    pub(super) async fn ask_leaders<V, F>(
        &self,
        partitions: Vec<TopicPartition>,
        ask: impl Fn(i32, Vec<TopicPartition>) -> F,
    ) -> Result<Outcomes<TopicPartition, V>>
    where
        F: Future<Output = Result<Outcomes<TopicPartition, V>>>,
    {
        let topics: BTreeSet<Arc<str>> = partitions.iter().map(|partition| Arc::clone(&partition.topic)).collect();
        let wanted = TopicsWanted::These(topics.into_iter().collect());
        let metadata = self.cluster.refresh(&wanted, false).await?;
        let mut outcomes = Vec::with_capacity(partitions.len());
        let mut by_leader: BTreeMap<i32, Vec<TopicPartition>> = BTreeMap::new();
        for partition in partitions {
            match leader(&metadata, &partition) {
                Ok(node) => by_leader.entry(node).or_default().push(partition),
                Err(error) => outcomes.push((partition, Err(error))),
            }
        }
        let ask = &ask;
        let asked = by_leader.into_iter().map(|(node, partitions)| async move {
            match ask(node, partitions.clone()).await {
                Ok(outcomes) => outcomes,
                // A broker that cannot be asked is no reason to forget what the others said.
                Err(error) => partitions.into_iter().map(|partition| (partition, Err(error.clone()))).collect(),
            }
        });
        outcomes.extend(join_all(asked).await.into_iter().flatten());
        Ok(outcomes)
    }
}

/// What a call about several things says as a whole: an error if nothing came of any because no broker could be asked.
pub(super) fn unless_all_unreachable<K, V>(outcomes: BTreeMap<K, Result<V>>) -> Result<BTreeMap<K, Result<V>>> {
    let unreachable = |outcome: &Result<V>| outcome.as_ref().is_err_and(|error| error.code().is_none());
    if !outcomes.is_empty()
        && outcomes.values().all(unreachable)
        && let Some(Err(error)) = outcomes.values().next()
    {
        return Err(error.clone());
    }
    Ok(outcomes)
}

/// The first error of several outcomes.
pub(super) fn all_done<K>(outcomes: BTreeMap<K, Result<()>>) -> Result<()> {
    outcomes.into_values().find(Result::is_err).unwrap_or(Ok(()))
}

/// An answer that says nothing of what was asked.
pub(super) fn unanswered(doing: &str) -> Error {
    Error::protocol(doing, "the broker did not answer for it")
}

/// A broker's refusal of one thing, if its code is one.
pub(super) fn refusal(
    doing: impl FnOnce() -> String,
    code: i16,
    message: Option<&kafka_protocol::protocol::StrBytes>,
) -> Result<()> {
    match ErrorCode::from_wire(code) {
        None => Ok(()),
        Some(code) => Err(Error::broker(doing(), code, message.map(|text| text.as_str().to_owned()))),
    }
}
