//! The consumer itself: one event per poll.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use milena_api::record::TopicPartition;
use tokio::time::Instant;

use super::batch::FetchedBatch;
use super::commit::{CommitFuture, Committer};
use super::committed::fetch_committed;
use super::fetching::Fetching;
use super::rebalance::{Group, next_event};
use super::subscription::{StartOffset, Subscription};
use super::wakeup::Wakeup;
use crate::config::ConsumerConfig;
use crate::error::{Error, Result};
use crate::group::{Change, Coordinator};
use crate::group_metadata::GroupMetadata;
use crate::metrics::{Metric, Readings, Told};
use crate::net::{Cluster, Metadata, TopicsWanted};
use crate::offset_and_metadata::OffsetAndMetadata;

/// What a poll brings.
#[derive(Debug)]
pub enum Polled {
    /// Records, `max.poll.records` at most over all batches. Their positions are passed.
    Records(Vec<FetchedBatch>),
    /// A rebalance is over, and has given this member these partitions on top of those that it has kept; their positions are known, all
    /// of them, and none of their records has been handed out before. What was kept is read on meanwhile. Without cooperative
    /// rebalancing nothing is kept, so these are all.
    Assigned(Vec<TopicPartition>),
    /// The group wants these partitions back. They are this member's until the next poll, and may be committed until then.
    Revoking(Vec<TopicPartition>),
    /// The group has taken these partitions away; nothing can be committed for them any more.
    Lost(Vec<TopicPartition>),
    /// Somebody called [`Wakeup::wakeup`].
    Woken,
    /// Nothing within the time given.
    Empty,
}

/// Reads records, alone or as a member of a group. Owned by one task.
///
/// A consumer that is dropped without [`close`](Consumer::close) leaves its group in the background.
pub struct Consumer {
    pub(super) config: Arc<ConsumerConfig>,
    cluster: Arc<Cluster>,
    pub(super) coordinator: Option<Arc<Coordinator>>,
    committer: Option<Committer>,
    pub(super) group: Option<Group>,
    subscription: Option<Subscription>,
    /// Topics that the group was told.
    matched: Option<Vec<Arc<str>>>,
    pub(super) assignment: BTreeSet<TopicPartition>,
    pub(super) fetching: Fetching,
    refresh: Option<BoxFuture<'static, Result<Arc<Metadata>>>>,
    pub(super) refresh_at: Instant,
    refresh_failures: u32,
    pub(super) failed: Option<Error>,
    auto_commit_at: Option<Instant>,
    /// When the last poll ended, and what the owner was told with it.
    last_poll: Option<(Instant, Option<Told>)>,
    wakeup: Wakeup,
}

impl Consumer {
    /// A consumer; does no I/O.
    ///
    /// # Errors
    /// None today; kept for what only shows when a consumer starts.
    pub fn new(config: ConsumerConfig) -> Result<Self> {
        let config = Arc::new(config);
        let cluster = Cluster::new(config.client.clone());
        let mut consumer = Self {
            fetching: Fetching::new(Arc::clone(&cluster), Arc::clone(&config)),
            auto_commit_at: None,
            last_poll: None,
            config,
            cluster,
            coordinator: None,
            committer: None,
            group: None,
            subscription: None,
            matched: None,
            assignment: BTreeSet::new(),
            refresh: None,
            refresh_at: Instant::now(),
            refresh_failures: 0,
            failed: None,
            wakeup: Wakeup::default(),
        };
        consumer.leave_group();
        Ok(consumer)
    }

    /// Begins with the group anew: whoever it was to it so far leaves in the background.
    fn leave_group(&mut self) {
        let (group, instance) = (self.config.group_id.as_deref(), self.config.group_instance_id.as_deref());
        self.group = None;
        self.coordinator = group.map(|group| Coordinator::new(Arc::clone(&self.cluster), group, instance));
        let committer = |of| Committer::new(Arc::clone(of), Arc::clone(&self.config));
        self.committer = self.coordinator.as_ref().map(committer);
        self.fetching.set_coordinator(self.coordinator.clone());
    }

    /// Takes part in the group `group.id` for these topics; replaces what was read before.
    pub fn subscribe(&mut self, subscription: Subscription) {
        self.subscription = Some(subscription);
        self.matched = None;
        self.refresh_at = Instant::now();
        self.refresh = None;
        if self.group.is_none() {
            self.replace_partitions(Vec::new());
        }
    }

    /// Leaves the group in the background and reads nothing any more. What is to be committed is to be committed before.
    pub fn unsubscribe(&mut self) {
        self.assign(Vec::new());
    }

    /// Reads these partitions, outside any group; replaces what was read before. Positions are found by the next polls. With
    /// `group.id`, offsets can be committed as long as the group has no members.
    pub fn assign(&mut self, partitions: Vec<(TopicPartition, StartOffset)>) {
        self.subscription = None;
        self.matched = None;
        if self.group.is_some() {
            self.leave_group();
        }
        self.replace_partitions(partitions);
        self.refresh_at = Instant::now();
        self.refresh = None;
    }

    /// Joins the group again with the next poll, whether or not anything has changed.
    pub fn enforce_rebalance(&mut self, reason: &str) {
        if let Some(group) = &self.group {
            group.membership.rejoin(reason.to_owned());
        }
    }

    /// Who this consumer is in its group, for producers that commit its offsets; `None` without `group.id`.
    pub fn group_metadata(&self) -> Option<GroupMetadata> {
        self.coordinator.as_ref().map(|coordinator| coordinator.metadata())
    }

    /// What the group has committed for these partitions; those without are left out.
    ///
    /// # Errors
    /// Without `group.id`; what the coordinator refuses; [`Error::Timeout`] after `default.api.timeout.ms`.
    pub async fn committed(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>> {
        let doing = "cannot fetch committed offsets";
        let Some(coordinator) = &self.coordinator else { return Err(Error::illegal(doing, "group.id is not set")) };
        if partitions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let fetched =
            tokio::time::timeout(self.config.api_timeout, fetch_committed(coordinator, &self.config, partitions));
        let start = Instant::now();
        let outcome = fetched.await.unwrap_or_else(|_| {
            let reason =
                format!("no answer within {} ms (default.api.timeout.ms)", self.config.api_timeout.as_millis());
            Err(Error::timeout(format!("{doing} of group {}", coordinator.group), reason))
        });
        self.cluster.metrics().committed_waited(start.elapsed());
        outcome
    }

    fn replace_partitions(&mut self, partitions: Vec<(TopicPartition, StartOffset)>) {
        self.assignment = partitions.iter().map(|(at, _)| at.clone()).collect();
        self.fetching.replace(partitions);
    }

    /// Interrupts polls from elsewhere.
    pub fn wakeup_handle(&self) -> Wakeup {
        self.wakeup.clone()
    }

    /// The partitions that are read.
    pub fn assignment(&self) -> &BTreeSet<TopicPartition> {
        &self.assignment
    }

    /// Offset of the next record of a partition; `None` while it is not known, and for partitions that are not read.
    pub fn position(&self, partition: &TopicPartition) -> Option<i64> {
        self.fetching.position(partition)
    }

    /// Goes on reading a partition at `offset`. Partitions that are not read are left alone.
    pub fn seek(&mut self, partition: &TopicPartition, offset: i64) {
        self.fetching.seek(partition, offset);
    }

    /// Hands out nothing of these partitions until they are resumed; what has been fetched is kept.
    pub fn pause(&mut self, partitions: &[TopicPartition]) {
        self.fetching.set_paused(partitions, true);
    }

    /// Undoes [`pause`](Self::pause).
    pub fn resume(&mut self, partitions: &[TopicPartition]) {
        self.fetching.set_paused(partitions, false);
    }

    /// Waits for the next event, `timeout` at most. In a group, also says that the owner is alive and done with the last event.
    ///
    /// # Errors
    /// A batch that cannot be read (again with each poll, until its partition is sought elsewhere), a missing position without a
    /// reset policy, or what the group or a broker refuses for good. Interruptions that pass are waited out instead; only where they
    /// keep the position of a partition that the group has just assigned from being found for `default.api.timeout.ms`, that is an
    /// [`Error::Timeout`] which names it. It is looked for further: the next polls go on, and nothing is lost.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn poll(&mut self, timeout: Duration) -> Result<Polled> {
        let start = Instant::now();
        if let Some((ended, told)) = self.last_poll.take() {
            let rest = start - ended;
            if let Some(told) = told {
                self.cluster.metrics().took(told, start, rest);
            }
            if let Some(group) = &mut self.group {
                // Positions are looked for while the owner polls, and only that time counts.
                group.rested(rest);
            }
        }
        self.cluster.metrics().poll_started(start);
        let polled = self.poll_until(start, start.checked_add(timeout)).await;
        let now = Instant::now();
        self.cluster.metrics().poll_ended(now);
        let told = match &polled {
            Ok(Polled::Records(batches)) => {
                self.fetching.measure(batches, now);
                None
            }
            Ok(Polled::Assigned(_)) => Some(Told::Assigned),
            Ok(Polled::Revoking(_)) => Some(Told::Revoked),
            Ok(Polled::Lost(_)) => Some(Told::Lost),
            _ => None,
        };
        self.last_poll = Some((now, told));
        polled
    }

    async fn poll_until(&mut self, start: Instant, deadline: Option<Instant>) -> Result<Polled> {
        let mut polling = self.group.as_ref().map(|group| group.membership.polling());
        self.settle_last_event(start).await;
        self.nudge(start);
        loop {
            // The membership may begin with this poll.
            if polling.is_none() {
                polling = self.group.as_ref().map(|group| group.membership.polling());
            }
            if self.wakeup.take() {
                return Ok(Polled::Woken);
            }
            if let Some(error) = &self.failed {
                return Err(error.clone());
            }
            let event = self.group.as_mut().and_then(|group| group.events.try_recv().ok());
            if let Some(event) = event {
                match self.take_event(event) {
                    Some(polled) => return polled,
                    None => continue,
                }
            }
            if let Some(told) = self.tell_assigned() {
                return told;
            }
            // What the owner has not heard of it gets nothing of.
            let untold = self.group.as_ref().and_then(|group| group.untold.as_ref());
            if let Some(batches) = self.fetching.take_records(untold)? {
                // What comes next is asked for before the owner is busy with these.
                self.fetching.send();
                return Ok(Polled::Records(batches));
            }
            if let Some(error) = self.fetching.take_error() {
                return Err(error);
            }
            let next = self.start_work();
            let positions_by = self.group.as_ref().and_then(Group::positions_by);
            let wake = deadline.into_iter().chain(next).chain(positions_by).min();
            let expired = async {
                match wake {
                    Some(wake) => tokio::time::sleep_until(wake).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.wakeup.called() => {}
                event = next_event(&mut self.group) => if let Some(polled) = self.take_event(event) {
                    return polled;
                },
                refreshed = ready_or_pending(&mut self.refresh) => self.refreshed(refreshed),
                Some(done) = self.fetching.underway.next() => self.fetching.absorb(done),
                () = expired => if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    return Ok(Polled::Empty);
                },
            }
        }
    }

    /// Work in the background goes on also where records are always there already, so that nobody ever waits.
    fn nudge(&mut self, now: Instant) {
        while let Some(Some(done)) = self.fetching.underway.next().now_or_never() {
            self.fetching.absorb(done);
        }
        let idle = self.fetching.nothing_to_find() && !self.fetching.is_stale();
        if idle && self.refresh.is_none() && now < self.refresh_at {
            return;
        }
        self.start_work();
        if let Some(refreshed) = self.refresh.as_mut().and_then(FutureExt::now_or_never) {
            self.refreshed(refreshed);
        }
    }

    /// The owner has polled again, so it is done with what it was told last.
    async fn settle_last_event(&mut self, now: Instant) {
        if let Some(interval) = self.config.auto_commit
            && now >= *self.auto_commit_at.get_or_insert(now + interval)
        {
            self.auto_commit_at = Some(now + interval);
            drop(self.commit_positions(None));
        }
        if self.group.as_ref().is_some_and(|group| group.giving_up.is_some()) {
            if self.config.auto_commit.is_some()
                && let Some(committed) = self.commit_positions(Some(self.config.api_timeout))
                && let Err(error) = committed.await
            {
                tracing::warn!(%error, "could not commit before partitions were given up");
            }
            self.given_up();
        }
    }

    /// Starts whatever is due, and says when to look again.
    fn start_work(&mut self) -> Option<Instant> {
        let now = Instant::now();
        self.start_membership();
        self.fetching.send();
        let mut next = self.fetching.retry_at(now);
        if self.refresh.is_none() {
            if self.fetching.take_stale() {
                let pause = self.config.client.retry_backoff.after(self.refresh_failures.max(1));
                self.refresh_at = self.refresh_at.min(now + pause);
            }
            if now >= self.refresh_at {
                self.start_refresh();
            } else {
                next = Some(next.map_or(self.refresh_at, |next| next.min(self.refresh_at)));
            }
        }
        next
    }

    fn start_membership(&mut self) {
        let (Some(subscription), None) = (&self.subscription, &self.matched) else { return };
        let Some(coordinator) = &self.coordinator else {
            let reason = "group.id is not set; set it, or assign partitions instead";
            self.failed = Some(Error::illegal("cannot subscribe", reason));
            return;
        };
        let group = self.group.get_or_insert_with(|| Group::start(coordinator, &self.config));
        if let Subscription::Topics(topics) = subscription {
            let mut topics: Vec<Arc<str>> = topics.iter().map(|topic| Arc::from(topic.as_str())).collect();
            topics.sort();
            topics.dedup();
            group.membership.change(Change::Topics(topics.clone()));
            self.matched = Some(topics);
        }
    }

    fn start_refresh(&mut self) {
        let wanted = match &self.subscription {
            Some(Subscription::Pattern(_)) => TopicsWanted::All,
            Some(Subscription::Topics(_)) => {
                let mut topics = self.matched.clone().unwrap_or_default();
                topics.extend(self.group.iter().flat_map(|group| &group.watch).cloned());
                topics.sort();
                topics.dedup();
                TopicsWanted::These(topics)
            }
            None => {
                let mut topics: Vec<Arc<str>> = self.assignment.iter().map(|at| Arc::clone(&at.topic)).collect();
                topics.dedup();
                TopicsWanted::These(topics)
            }
        };
        let auto_create = self.config.allow_auto_create && !matches!(wanted, TopicsWanted::All);
        let cluster = Arc::clone(&self.cluster);
        self.refresh = Some(Box::pin(async move { cluster.refresh(&wanted, auto_create).await }));
    }

    fn refreshed(&mut self, refreshed: Result<Arc<Metadata>>) {
        self.refresh = None;
        let now = Instant::now();
        let metadata = match refreshed {
            Ok(metadata) => metadata,
            Err(error) if error.is_retriable() => {
                self.refresh_failures += 1;
                self.refresh_at = now + self.config.client.retry_backoff.after(self.refresh_failures);
                return;
            }
            Err(error) => {
                self.failed = Some(error);
                return;
            }
        };
        let missing = match &self.subscription {
            Some(Subscription::Topics(topics)) => topics
                .iter()
                .any(|topic| metadata.topics.get(topic.as_str()).is_none_or(|found| found.partitions.is_empty())),
            _ => false,
        };
        // A topic may be made by its first record, after its reader has subscribed: asked for as often as Java asks.
        self.refresh_failures = if missing { self.refresh_failures + 1 } else { 0 };
        self.refresh_at = now
            + if missing {
                self.config.client.retry_backoff.after(self.refresh_failures)
            } else {
                self.config.client.metadata_max_age
            };
        self.fetching.look_again();
        let Some(Subscription::Pattern(matches)) = &self.subscription else {
            self.tell(Change::Metadata);
            return;
        };
        let hidden =
            |name: &str| metadata.topics.get(name).is_some_and(|topic| topic.internal) && self.config.exclude_internal;
        let names = metadata.topics.keys().filter(|name| matches(name) && !hidden(name));
        let mut topics: Vec<Arc<str>> = names.cloned().collect();
        topics.sort();
        if self.matched.as_ref() == Some(&topics) {
            self.tell(Change::Metadata);
        } else {
            self.tell(Change::Topics(topics.clone()));
            self.matched = Some(topics);
        }
    }

    /// Commits offsets and waits until that is done, `default.api.timeout.ms` at most; earlier commits go first.
    ///
    /// # Errors
    /// [`Error::CommitFailed`] if the group has moved on, and the coordinator's refusals.
    ///
    /// # Cancel safety
    /// The commit goes on; only its outcome is not heard of.
    pub async fn commit_sync(&mut self, offsets: &BTreeMap<TopicPartition, OffsetAndMetadata>) -> Result<()> {
        let limit = self.config.api_timeout;
        let committed = self.commit(offsets.clone(), Some(limit))?;
        let start = Instant::now();
        // Commits that were ordered before may take some of the time.
        let outcome = tokio::time::timeout(limit, committed).await.unwrap_or_else(|_| {
            let reason = format!("not done within {} ms (default.api.timeout.ms)", limit.as_millis());
            Err(Error::timeout("cannot commit offsets", reason))
        });
        self.cluster.metrics().commit_waited(start.elapsed());
        outcome
    }

    /// Commits offsets in the background. It is tried once: the next commit says the same and more.
    pub fn commit_async(&mut self, offsets: &BTreeMap<TopicPartition, OffsetAndMetadata>) -> CommitFuture {
        match self.commit(offsets.clone(), None) {
            Ok(future) => future,
            Err(error) => CommitFuture::failed(error),
        }
    }

    fn commit(
        &mut self,
        offsets: BTreeMap<TopicPartition, OffsetAndMetadata>,
        within: Option<Duration>,
    ) -> Result<CommitFuture> {
        let (Some(committer), Some(coordinator)) = (&mut self.committer, &self.coordinator) else {
            return Err(Error::illegal("cannot commit offsets", "group.id is not set"));
        };
        // Without a generation the coordinator would take the commit for one from outside the group (invariant 5).
        if self.subscription.is_some() && coordinator.identity().generation < 0 {
            let reason = "this consumer is not a member of the group any more".to_owned();
            return Err(Error::CommitFailed { group: coordinator.group.to_string(), reason });
        }
        Ok(committer.commit(offsets, within))
    }

    fn commit_positions(&mut self, within: Option<Duration>) -> Option<CommitFuture> {
        let untold = self.group.as_ref().and_then(|group| group.untold.as_ref());
        let told = self.assignment.iter().filter(|at| !untold.is_some_and(|untold| untold.contains(*at)));
        let positions = told.filter_map(|at| Some((at.clone(), self.fetching.committable(at)?)));
        let positions: BTreeMap<_, _> = positions.collect();
        if positions.is_empty() {
            return None;
        }
        self.commit(positions, within).ok()
    }

    /// What this client measures, as it is now, under the names of Java's `Consumer.metrics()`.
    pub fn metrics(&self) -> Vec<Metric> {
        let assigned = if self.group.is_some() { self.assignment.len() } else { 0 };
        let readings = Readings { assigned, ..Readings::default() };
        self.cluster.metrics().snapshot(&self.config.client.client_id, readings)
    }

    /// Waits for commits, leaves the group and closes all connections, within `timeout`.
    pub async fn close(mut self, timeout: Duration) {
        let ending = async {
            if self.config.auto_commit.is_some()
                && let Some(committed) = self.commit_positions(Some(timeout))
                && let Err(error) = committed.await
            {
                tracing::warn!(%error, "could not commit before closing");
            }
            if let Some(committer) = &mut self.committer {
                committer.finish().await;
            }
            self.fetching.close().await;
            if let Some(group) = &self.group {
                group.membership.leave().await;
            }
        };
        if tokio::time::timeout(timeout, ending).await.is_err() {
            tracing::debug!(
                group = self.config.group_id.as_deref(),
                "closed before the group was left; that goes on by itself"
            );
            return;
        }
        self.cluster.close();
    }
}

async fn ready_or_pending<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
