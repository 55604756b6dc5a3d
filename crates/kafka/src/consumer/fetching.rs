//! Which partitions are fetched from whom, and what has come.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.AbstractFetch, FetchCollector, OffsetFetcherUtils. While the owner works
//! on what one request brought, the next one is under way; not more, so that memory stays bounded by what two requests bring.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use milena_api::record::TopicPartition;
use tokio::time::Instant;

use super::batch::FetchedBatch;
use super::broker::{Brokers, Replicas, Wanted};
use super::buffer::{Place, Rules};
use super::fetch::{Answer, Fetched, Means, Outcome, end};
use super::partition::{Lookup, Partition, State, Why};
use super::positions::{self, Answers, Checked, Committed, LookedUp, Question};
use super::session::{Asked, is_of_session};
use super::subscription::StartOffset;
use crate::config::{ConsumerConfig, IsolationLevel, OffsetReset};
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::group::Coordinator;
use crate::metrics::HandedOut;
use crate::net::Cluster;
use crate::offset_and_metadata::OffsetAndMetadata;

/// What has ended of what was asked.
pub(super) enum Done {
    Committed(Committed),
    LookedUp(LookedUp),
    Checked(Checked),
    Fetched(Fetched),
}

pub(super) struct Fetching {
    pub(super) means: Means,
    pub(super) coordinator: Option<Arc<Coordinator>>,
    pub(super) partitions: BTreeMap<TopicPartition, Partition>,
    /// Partitions that have records, in the order in which those came.
    ready: VecDeque<TopicPartition>,
    /// Questions and fetches under way.
    pub underway: FuturesUnordered<BoxFuture<'static, Done>>,
    brokers: Brokers,
    replicas: Replicas,
    pub(super) jumps: u64,
    /// Something has changed since requests were planned last.
    changed: bool,
    pub(super) stale: bool,
    /// Some partition may have no position yet.
    pub(super) searching: bool,
    pub(super) retry_at: Option<Instant>,
    errors: VecDeque<Error>,
}

impl Fetching {
    pub(super) fn new(cluster: Arc<Cluster>, config: Arc<ConsumerConfig>) -> Self {
        let memory = config.memory.clone();
        Self {
            means: Means { cluster, config, memory },
            coordinator: None,
            partitions: BTreeMap::new(),
            ready: VecDeque::new(),
            underway: FuturesUnordered::new(),
            brokers: Brokers::default(),
            replicas: Replicas::default(),
            jumps: 0,
            changed: false,
            stale: false,
            searching: false,
            retry_at: None,
            errors: VecDeque::new(),
        }
    }

    /// Who knows what the group has committed.
    pub(super) fn set_coordinator(&mut self, coordinator: Option<Arc<Coordinator>>) {
        self.coordinator = coordinator;
    }

    fn config(&self) -> &ConsumerConfig {
        &self.means.config
    }

    fn jump(&mut self) -> u64 {
        self.changed = true;
        self.searching = true;
        self.jumps += 1;
        self.jumps
    }

    /// Reads these and nothing else. Requests under way are left to end: their answers are recognized as old.
    pub(super) fn replace(&mut self, partitions: Vec<(TopicPartition, StartOffset)>) {
        self.partitions.clear();
        self.ready.clear();
        self.errors.clear();
        self.add(partitions);
        self.forget_metrics();
    }

    /// What is not read any more is not measured either.
    fn forget_metrics(&self) {
        let partitions = &self.partitions;
        let read =
            |topic: &str, partition| partitions.keys().any(|at| at.partition == partition && &*at.topic == topic);
        self.means.cluster.metrics().retain_partitions(read);
    }

    /// Reads these too; partitions that are read already are left alone.
    pub(super) fn add(&mut self, partitions: Vec<(TopicPartition, StartOffset)>) {
        let jump = self.jump();
        for (at, start) in partitions {
            let new = Partition::new(&at, start, jump);
            self.partitions.entry(at).or_insert(new);
        }
    }

    /// Reads these no more; the others are not disturbed, and what was fetched for them is kept.
    pub(super) fn remove(&mut self, partitions: &[TopicPartition]) {
        for at in partitions {
            self.partitions.remove(at);
        }
        self.forget_metrics();
        self.changed = true;
    }

    pub(super) fn position(&self, at: &TopicPartition) -> Option<i64> {
        self.partitions.get(at)?.position().map(|place| place.offset)
    }

    /// The position as it is committed, with the epoch of the leader that wrote the record before it.
    pub(super) fn committable(&self, at: &TopicPartition) -> Option<OffsetAndMetadata> {
        self.partitions.get(at)?.committable()
    }

    pub(super) fn seek(&mut self, at: &TopicPartition, offset: i64) {
        let jump = self.jump();
        if let Some(partition) = self.partitions.get_mut(at) {
            partition.jump_to(Place { offset, epoch: -1 }, jump);
        }
    }

    pub(super) fn set_paused(&mut self, partitions: &[TopicPartition], paused: bool) {
        for at in partitions {
            if let Some(partition) = self.partitions.get_mut(at) {
                self.changed |= partition.paused != paused;
                partition.paused = paused;
            }
        }
        // Others wait for memory already, and the owner may not poll for long.
        if paused && self.means.memory.is_exhausted() {
            self.give_back_paused();
        }
    }

    pub(super) fn nothing_to_find(&self) -> bool {
        !self.searching || self.partitions.values().all(|partition| partition.position().is_some())
    }

    /// Metadata is new: leaders may be known that were not.
    pub(super) fn look_again(&mut self) {
        self.changed = true;
    }

    /// Whether metadata turned out to be out of date.
    pub(super) fn is_stale(&self) -> bool {
        self.stale
    }

    /// Whether metadata turned out to be out of date since the last call.
    pub(super) fn take_stale(&mut self) -> bool {
        std::mem::take(&mut self.stale)
    }

    /// An error that has come, or that of a partition that waits for another position.
    pub(super) fn take_error(&mut self) -> Option<Error> {
        self.errors.pop_front().or_else(|| {
            self.partitions.values().find_map(|partition| match &partition.state {
                State::Stuck(error) => Some((**error).clone()),
                _ => None,
            })
        })
    }

    /// When a partition that failed is to be tried again.
    pub(super) fn retry_at(&self, now: Instant) -> Option<Instant> {
        self.retry_at.map(|at| at.max(now))
    }

    /// Records that are there, `max.poll.records` at most; none of partitions that are held back.
    pub(super) fn take_records(
        &mut self,
        held_back: Option<&BTreeSet<TopicPartition>>,
    ) -> Result<Option<Vec<FetchedBatch>>> {
        let limit = self.config().max_poll_records;
        let rules = Rules {
            check_crcs: self.config().check_crcs,
            skip_aborted: self.config().isolation == IsolationLevel::ReadCommitted,
        };
        let refill = self.refill_below();
        let mut batches = Vec::new();
        let (mut taken, mut passed) = (0, 0);
        while taken < limit && passed < self.ready.len() {
            let Some(at) = self.ready.front() else { break };
            let Some(partition) = self.partitions.get_mut(at).filter(|partition| partition.has_records()) else {
                self.ready.pop_front();
                continue;
            };
            if partition.paused || held_back.is_some_and(|held_back| held_back.contains(at)) {
                self.ready.rotate_left(1);
                passed += 1;
                continue;
            }
            let before = partition.buffered();
            match partition.take(limit - taken, rules, &mut batches) {
                Ok(count) => taken += count,
                Err(_) if taken > 0 => break,
                Err(error) => return Err(error),
            }
            self.changed |= before > refill && partition.buffered() <= refill;
            if taken >= limit {
                // The others come first next time, so that none waits for the end of another's backlog.
                self.ready.rotate_left(1);
            }
        }
        Ok((taken > 0).then_some(batches))
    }

    /// Tells the metrics what the owner gets.
    pub(super) fn measure(&self, batches: &[FetchedBatch], now: Instant) {
        let parts = batches.chunk_by(|a, b| a.partition == b.partition && a.topic == b.topic);
        let parts = parts.filter_map(|part| {
            let first = part.first()?;
            let at = TopicPartition::new(Arc::clone(&first.topic), first.partition);
            let partition = self.partitions.get(&at);
            let (start, end) = partition.map_or((-1, -1), |partition| partition.bounds);
            let position = partition.and_then(|partition| partition.position()).map(|place| place.offset);
            let between = |from: i64, to: i64| (from >= 0 && to >= 0).then(|| (to - from).max(0));
            let replica = partition.and_then(|partition| partition.preferred).filter(|(_, until)| *until > now);
            Some(HandedOut {
                topic: &first.topic,
                partition: first.partition,
                records: part.iter().map(|batch| batch.count as u64).sum(),
                bytes: part.iter().map(|batch| batch.bytes as u64).sum(),
                lag: position.and_then(|position| between(position, end)),
                lead: position.and_then(|position| between(start, position)),
                replica: replica.map(|(node, _)| node),
            })
        });
        self.means.cluster.metrics().handed_out(now, parts);
    }

    /// A broker is asked for more when none of its partitions has more than this waiting.
    pub(super) fn refill_below(&self) -> usize {
        usize::try_from(self.config().max_partition_fetch_bytes).unwrap_or(0)
    }

    /// Asks everyone who is due.
    pub(super) fn send(&mut self) {
        if self.means.memory.is_exhausted() {
            self.give_back_paused();
        }
        let now = Instant::now();
        let retry_due = self.retry_at.is_some_and(|at| now >= at);
        if !std::mem::take(&mut self.changed) && !retry_due {
            return;
        }
        let metadata = self.means.cluster.metadata();
        let plan = self.plan(&metadata, now);
        if !plan.committed.is_empty()
            && let Some(coordinator) = &self.coordinator
        {
            let asking = positions::committed(Arc::clone(coordinator), Arc::clone(&self.means.config), plan.committed);
            self.underway.push(Box::pin(async { Done::Committed(asking.await) }));
        }
        for (node, asked) in plan.lookups {
            let Means { cluster, config, .. } = self.means.clone();
            let asking = positions::look_up(cluster, config, node, asked);
            self.underway.push(Box::pin(async { Done::LookedUp(asking.await) }));
        }
        for (node, asked) in plan.checks {
            let asking = positions::check(Arc::clone(&self.means.cluster), node, asked);
            self.underway.push(Box::pin(async { Done::Checked(asking.await) }));
        }
        for (node, wanted) in plan.fetches {
            if plan.full.contains(&node) {
                continue;
            }
            if !self.brokers.is_free(node) {
                if plan.news.contains(&node) {
                    self.brokers.cut(&self.means, node, now);
                }
                continue;
            }
            for asked in &wanted {
                if let Some(partition) = self.partitions.get_mut(&asked.at) {
                    partition.fetching = Some((node, asked.offset));
                }
            }
            let rack = !self.replicas.are_avoided_at(now);
            let asking =
                self.brokers.fetch(&self.means, Wanted { node, partitions: wanted, rack, quiet: plan.quiet }, now);
            self.underway.push(Box::pin(async { Done::Fetched(asking.await) }));
        }
    }

    /// Others wait for memory that paused partitions hold.
    fn give_back_paused(&mut self) {
        for partition in self.partitions.values_mut().filter(|partition| partition.paused && partition.has_records()) {
            self.jumps += 1;
            partition.give_back(self.jumps);
        }
    }

    /// Takes over what has come.
    pub(super) fn absorb(&mut self, done: Done) {
        self.changed = true;
        let now = Instant::now();
        match done {
            Done::Committed(answers) => self.absorb_answers(answers, now, |this, question, place| {
                let jump = this.jump();
                let Some(partition) = this.current(question) else { return };
                match place {
                    Some(place) => partition.jump_to(place, jump),
                    None => partition.forget(State::Lookup(Lookup::Policy(Why::NothingCommitted)), jump),
                }
            }),
            Done::LookedUp(answers) => self.absorb_answers(answers, now, |this, question, offset| {
                let jump = this.jump();
                let Some(partition) = this.current(question) else { return };
                if offset >= 0 {
                    partition.jump_to(Place { offset, epoch: -1 }, jump);
                } else {
                    // No record is that young: the end.
                    partition.forget(State::Lookup(Lookup::Latest), jump);
                }
            }),
            Done::Checked(answers) if matches!(answers.result, Err(Error::Unsupported { .. })) => {
                // A broker before 2.0 cannot tell; Java believes it then.
                for question in &answers.asked {
                    if let Some(partition) = self.current(question) {
                        partition.validated();
                    }
                }
            }
            Done::Checked(answers) => self.absorb_answers(answers, now, |this, question, end| {
                this.absorb_check(question, end);
            }),
            Done::Fetched(fetched) => self.absorb_fetched(fetched, now),
        }
    }

    /// The partition that a question was about, unless it has gone on elsewhere since.
    fn current<T>(&mut self, question: &Question<T>) -> Option<&mut Partition> {
        let partition = self.partitions.get_mut(&question.at).filter(|partition| partition.jump == question.jump)?;
        partition.asking = false;
        Some(partition)
    }

    fn absorb_answers<T, A>(
        &mut self,
        answers: Answers<T, A>,
        now: Instant,
        mut absorb: impl FnMut(&mut Self, &Question<T>, A),
    ) {
        let mut result = answers.result;
        for question in &answers.asked {
            let code = match &mut result {
                Ok(found) => match found.remove(&question.at) {
                    Some(Ok(answer)) => {
                        absorb(self, question, answer);
                        continue;
                    }
                    Some(Err(code)) => Some(code),
                    None => None,
                },
                Err(_) => None,
            };
            let backoff = self.config().client.retry_backoff;
            let Some(partition) = self.current(question) else { continue };
            partition.failures += 1;
            partition.retry_at = Some(now + backoff.after(partition.failures));
            match code {
                Some(code) if code.is_retriable() || code.is_stale_metadata() => {
                    self.stale |= code.is_stale_metadata();
                }
                Some(code) => {
                    let doing = format!("cannot find the position of {}", question.at);
                    self.errors.push_back(Error::broker(doing, code, None));
                }
                None => {}
            }
        }
        if let Err(error) = result {
            self.stale = true;
            if !error.is_retriable() {
                self.errors.push_back(error);
            }
        }
    }

    /// A leader has said where the epoch of a position ends in its log.
    fn absorb_check(&mut self, question: &Question<Place>, end: Place) {
        let jump = self.jump();
        let has_policy = self.config().reset != OffsetReset::None;
        let Some(partition) = self.current(question) else { return };
        let known = end.offset >= 0 && end.epoch >= 0;
        if known && end.offset >= question.what.offset {
            partition.validated();
            return;
        }
        let at = &question.at;
        let Place { offset, epoch } = question.what;
        if !has_policy {
            let diverges_at = known.then_some(end.offset);
            let topic = Arc::clone(&at.topic);
            let error = Error::LogTruncated { topic, partition: at.partition, offset, epoch, diverges_at };
            partition.stick(error, jump);
        } else if known {
            tracing::warn!(
                partition = %at, offset, epoch, diverges_at = end.offset,
                "the log was truncated; reading goes on at the first offset that may be another record now"
            );
            partition.jump_to(end, jump);
        } else {
            tracing::warn!(
                partition = %at, offset, epoch,
                "the log was truncated, and the leader does not know from where on; auto.offset.reset decides"
            );
            partition.forget(State::Lookup(Lookup::Policy(Why::Truncated)), jump);
        }
    }

    fn absorb_fetched(&mut self, fetched: Fetched, now: Instant) {
        let Fetched { node, session, unsent, outcome } = fetched;
        let all_asked = unsent.as_deref().unwrap_or_else(|| session.asked());
        for asked in all_asked {
            if let Some(partition) = self.partitions.get_mut(&asked.at) {
                partition.fetching = partition.fetching.filter(|(by, _)| *by != node);
            }
        }
        match outcome {
            Outcome::Answered(answers) => {
                if self.replicas.has_failed(node) && all_asked.iter().any(|asked| self.prefers(asked, node)) {
                    self.replicas.worked(node);
                }
                let records = answers.iter().any(|answer| !answer.arrived.records.is_empty());
                for answer in answers {
                    if let Some(asked) = all_asked.get(answer.asked) {
                        self.absorb_partition(asked, answer, now);
                    }
                }
                self.brokers.answered(node, session, records);
            }
            Outcome::Cut => self.brokers.failed(node, session),
            Outcome::Failed(error) => {
                self.absorb_failure(node, all_asked, error, now);
                self.brokers.failed(node, session);
            }
        }
    }

    /// Whether a partition is read from this broker because its leader would rather have it so.
    fn prefers(&self, asked: &Asked, node: i32) -> bool {
        let partition = self.partitions.get(&asked.at);
        partition.and_then(|partition| partition.preferred).is_some_and(|(preferred, _)| preferred == node)
    }

    fn absorb_failure(&mut self, node: i32, all_asked: &[Asked], error: Error, now: Instant) {
        if error.code().is_some_and(is_of_session) && self.brokers.may_renew(node) {
            return;
        }
        if error.code().is_some() {
            // Only what a broker says of a partition is final; Java tries again too.
            tracing::info!(%error, "a fetch was refused; trying again");
        } else if !error.is_retriable() {
            self.errors.push_back(error);
        }
        // The broker may be gone, and its partitions led by another.
        self.stale = true;
        if all_asked.iter().any(|asked| self.prefers(asked, node)) {
            self.replicas.failed(node, now, self.config().client.metadata_max_age);
        }
        for asked in all_asked {
            self.retry_later(asked, now);
            if let Some(partition) = self.partitions.get_mut(&asked.at) {
                partition.preferred = partition.preferred.filter(|(preferred, _)| *preferred != node);
            }
        }
    }

    fn retry_later(&mut self, asked: &Asked, now: Instant) {
        let backoff = self.config().client.retry_backoff;
        if let Some(partition) = self.partitions.get_mut(&asked.at).filter(|partition| partition.jump == asked.jump) {
            partition.failures += 1;
            partition.retry_at = Some(now + backoff.after(partition.failures));
        }
    }

    fn absorb_partition(&mut self, asked: &Asked, answer: Answer, now: Instant) {
        let max_age = self.config().client.metadata_max_age;
        // Two brokers can have been asked: what comes for an offset that is passed by now is of no use, and its aborted list neither.
        let current =
            |partition: &&mut Partition| partition.jump == asked.jump && partition.fetch_offset == asked.offset;
        let Some(partition) = self.partitions.get_mut(&asked.at).filter(current) else { return };
        if let Some(code) = answer.code {
            self.absorb_refusal(asked, code, now);
            return;
        }
        partition.failures = 0;
        partition.retry_at = None;
        if let Some(end) = answer.diverging {
            if let Some(what) = partition.position() {
                self.absorb_check(&Question { at: asked.at.clone(), jump: asked.jump, leader_epoch: -1, what }, end);
            }
            return;
        }
        if let Some(preferred) = answer.preferred {
            if !self.means.cluster.metadata().brokers.contains_key(&preferred) {
                // It has just come back, or is new; or it cannot be reached from here.
                self.stale = true;
                self.replicas.failed(preferred, now, max_age);
                self.retry_later(asked, now);
                return;
            }
            partition.preferred = Some((preferred, now + max_age));
        }
        partition.bounds = answer.bounds;
        match partition.absorb(answer.arrived) {
            Ok(()) if partition.has_records() && !self.ready.contains(&asked.at) => {
                self.ready.push_back(asked.at.clone());
            }
            Ok(()) => {}
            Err(error) => {
                self.errors.push_back(error);
                self.retry_later(asked, now);
            }
        }
    }

    fn absorb_refusal(&mut self, asked: &Asked, code: ErrorCode, now: Instant) {
        let jump = self.jump();
        let Some(partition) = self.partitions.get_mut(&asked.at) else { return };
        let preferred = partition.preferred.take();
        match code {
            ErrorCode::OFFSET_OUT_OF_RANGE if preferred.is_some() => {
                tracing::debug!(partition = %asked.at, offset = asked.offset, "a follower does not have the offset; the leader is asked");
            }
            // What came before is still good; the end of it is found out again.
            ErrorCode::OFFSET_OUT_OF_RANGE if partition.has_records() => self.retry_later(asked, now),
            ErrorCode::OFFSET_OUT_OF_RANGE => {
                tracing::info!(partition = %asked.at, offset = asked.offset, "the offset is out of range; auto.offset.reset decides");
                partition.recheck(State::Lookup(Lookup::Policy(Why::OutOfRange(asked.offset))), jump);
            }
            ErrorCode::UNKNOWN_SERVER_ERROR => {
                tracing::warn!(partition = %asked.at, offset = asked.offset, "the broker failed to read; trying again");
                self.retry_later(asked, now);
            }
            code if code.is_stale_metadata() => {
                // Unless the answer has named the new leader.
                let metadata = self.means.cluster.metadata();
                let known = metadata.partition(&asked.at.topic, asked.at.partition).map_or(-1, |known| known.epoch);
                if known <= asked.epoch {
                    self.stale = true;
                    self.retry_later(asked, now);
                }
            }
            code if code.is_retriable() || code == ErrorCode::OFFSET_NOT_AVAILABLE => {
                self.stale |= code == ErrorCode::OFFSET_NOT_AVAILABLE;
                self.retry_later(asked, now);
            }
            code => {
                let doing = format!("cannot read {} at offset {}", asked.at, asked.offset);
                self.errors.push_back(Error::broker(doing, code, None));
                self.retry_later(asked, now);
            }
        }
    }

    /// Ends the sessions with all brokers that are connected.
    pub(super) async fn close(&mut self) {
        let ending = self.brokers.sessions().map(|(node, id)| end(&self.means, node, id));
        for ended in futures_util::future::join_all(ending).await {
            if let Err(error) = ended {
                tracing::debug!(%error, "a fetch session was not ended; the broker forgets it");
            }
        }
    }
}
