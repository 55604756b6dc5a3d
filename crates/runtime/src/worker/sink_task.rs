//! `SinkTaskRunner`: the loop of a sink task.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.WorkerSinkTask`. The consumer gives one event at a time, rebalances among them, so
//! that the loop owns the task and its offsets and nothing is locked. Offsets are those of Kafka, before transforms.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use milena_api::config::ConfigMap;
use milena_api::converter::RawHeaders;
use milena_api::data::Str;
use milena_api::error::{Error, Result};
use milena_api::header::Headers;
use milena_api::record::{ConnectRecord, RawRecord, SinkRecord, TimestampType, TopicPartition};
use milena_api::sink::erased::DynSinkTask;
use milena_api::sink::{Offsets, SinkTaskContext};
use milena_kafka::consumer::{
    CommitFuture, Consumer, FetchedBatch, OffsetAndMetadata, Polled, RecordView, Subscription,
};
use tokio::time::Instant;

use super::converters::Converters;
use super::errors::from_kafka;
use super::sink_context::{ErrantReports, SinkHost};
use super::task::{TaskControl, TaskState, TaskStatusWriter};
use super::topic_tracker::TopicTracker;
use super::transformation_chain::TransformationChain;
use crate::errors::{Consumed, ErrorOperator, OriginalRecord, Stage, consumed_text};
use crate::herder::State;

/// Time for `stop` of the task.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// Everything a sink task runs with.
pub(crate) struct SinkTaskRunner {
    pub(super) task: Box<dyn DynSinkTask>,
    pub(super) config: ConfigMap,
    pub(super) host: Arc<SinkHost>,
    pub(super) control: TaskControl,
    pub(super) status: TaskStatusWriter,
    pub(super) chain: TransformationChain,
    pub(super) converters: Converters,
    pub(super) operator: Arc<ErrorOperator>,
    pub(super) reports: ErrantReports,
    pub(super) consumer: Option<Consumer>,
    pub(super) subscription: Option<Subscription>,
    pub(super) flush_interval: Duration,
    pub(super) flush_timeout: Duration,
    pub(super) tracker: TopicTracker,
}

/// The loop's own state.
struct Progress {
    /// Delivered to the task.
    current: Offsets,
    /// Committed in Kafka.
    committed: Offsets,
    /// Converted, not yet delivered.
    batch: Vec<SinkRecord>,
    /// Where `current` gets to with the batch.
    batch_offsets: Offsets,
    /// The task asked for the same batch again: nothing is fetched until it takes it.
    redelivering: bool,
    /// Running as wished; false while paused.
    paused: bool,
    next_commit: Instant,
    pending: Option<PendingCommit>,
}

/// A commit whose answer is awaited.
struct PendingCommit {
    future: CommitFuture,
    offsets: Offsets,
    since: Instant,
}

/// A record as it came from Kafka.
struct ConsumedRecord<'a> {
    batch: &'a FetchedBatch,
    view: &'a RecordView<'a>,
}

impl OriginalRecord for ConsumedRecord<'_> {
    fn position(&self) -> String {
        format!("topic {}, partition {}, offset {}", self.batch.topic, self.batch.partition, self.view.offset)
    }

    fn log_text(&self) -> String {
        let ty = timestamp_type(self.batch);
        consumed_text(&self.batch.topic, self.batch.partition, self.view.offset, self.view.timestamp, ty)
    }

    fn consumed(&self) -> Option<Consumed> {
        Some(Consumed {
            topic: Arc::clone(&self.batch.topic),
            partition: self.batch.partition,
            offset: self.view.offset,
            raw: raw_record(self.batch, self.view),
        })
    }
}

fn raw_record(batch: &FetchedBatch, view: &RecordView<'_>) -> RawRecord {
    RawRecord {
        key: view.key.map(|key| batch.slice(key)),
        value: view.value.map(|value| batch.slice(value)),
        headers: raw_headers(batch, view),
        timestamp: view.timestamp,
    }
}

fn raw_headers(batch: &FetchedBatch, view: &RecordView<'_>) -> RawHeaders {
    view.headers()
        .map(|(key, value)| (Str::from_utf8_lossy(batch.slice(key)), value.map(|value| batch.slice(value))))
        .collect()
}

fn timestamp_type(batch: &FetchedBatch) -> TimestampType {
    match batch.timestamp_type {
        milena_kafka::records::TimestampType::NoTimestampType => TimestampType::NoTimestampType,
        milena_kafka::records::TimestampType::CreateTime => TimestampType::CreateTime,
        milena_kafka::records::TimestampType::LogAppendTime => TimestampType::LogAppendTime,
    }
}

impl SinkTaskRunner {
    /// Runs the task to its end and notes its last status.
    pub(super) async fn run(mut self) {
        let outcome = self.execute().await;
        self.status.ended(outcome);
    }

    async fn execute(&mut self) -> Result<()> {
        if self.control.state() == TaskState::Pause {
            self.status.put(State::Paused);
            self.control.while_paused().await;
        }
        let consumer = if self.control.state() == TaskState::Stop { None } else { self.consumer.take() };
        let Some(mut consumer) = consumer else {
            self.close().await;
            return Ok(());
        };
        let mut progress = Progress {
            current: Offsets::new(),
            committed: Offsets::new(),
            batch: Vec::new(),
            batch_offsets: Offsets::new(),
            redelivering: false,
            paused: false,
            next_commit: Instant::now() + self.flush_interval,
            pending: None,
        };
        // A task that is given up drops whatever it waits for, and commits nothing any more (invariant 5).
        let cancelled = self.control.cancelled().clone();
        let result = tokio::select! {
            biased;
            () = cancelled.cancelled() => Ok(()),
            result = self.run_to_close(&mut consumer, &mut progress) => result,
        };
        match tokio::time::timeout(STOP_TIMEOUT, self.task.stop()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.status.warn("could not stop the sink task", error),
            Err(_) => tracing::warn!("the sink task did not stop in time"),
        }
        let timeout = if self.control.is_cancelled() { Duration::ZERO } else { self.flush_timeout };
        consumer.close(timeout).await;
        self.operator.reporters().close(timeout).await;
        self.close().await;
        result
    }

    async fn run_to_close(&mut self, consumer: &mut Consumer, progress: &mut Progress) -> Result<()> {
        self.start(consumer).await?;
        self.status.put(State::Running);
        let result = self.work(consumer, progress).await;
        // What was delivered is committed also after a failure: a failed batch was never counted as delivered.
        let all: Vec<TopicPartition> = progress.current.keys().cloned().collect();
        let closed = self.commit_and_close(consumer, progress, &all).await;
        result.and(closed)
    }

    async fn start(&mut self, consumer: &mut Consumer) -> Result<()> {
        self.operator.reporters().open().await?;
        if let Some(subscription) = self.subscription.take() {
            consumer.subscribe(subscription);
        }
        self.task.initialize(SinkTaskContext::new(Arc::clone(&self.host) as _)).await?;
        self.task.start(self.config.clone()).await
    }

    async fn work(&mut self, consumer: &mut Consumer, progress: &mut Progress) -> Result<()> {
        loop {
            match self.control.state() {
                TaskState::Stop => return Ok(()),
                TaskState::Pause if !progress.paused => {
                    progress.paused = true;
                    pause_all(consumer);
                    self.status.put(State::Paused);
                    self.host.requests().commit = true;
                }
                TaskState::Run if progress.paused => {
                    progress.paused = false;
                    self.apply_pauses(consumer, progress);
                    self.status.put(State::Running);
                }
                _ => {}
            }
            self.settle_commit(progress);
            // A request waits for the commit under way to end.
            if progress.pending.is_none() {
                let requested = std::mem::take(&mut self.host.requests().commit);
                if requested || Instant::now() >= progress.next_commit {
                    self.commit(consumer, progress).await?;
                    progress.next_commit = Instant::now() + self.flush_interval;
                }
            }
            self.turn(consumer, progress).await?;
        }
    }

    /// One event of the consumer, and one call of `put`.
    async fn turn(&mut self, consumer: &mut Consumer, progress: &mut Progress) -> Result<()> {
        self.rewind(consumer, progress);
        // Nothing is committed before the commit under way has ended, so until then its due time would make this loop spin.
        let until =
            progress.pending.as_ref().map_or(progress.next_commit, |pending| pending.since + self.flush_timeout);
        let mut timeout = until.saturating_duration_since(Instant::now());
        {
            let mut requests = self.host.requests();
            if let Some(wanted) = requests.timeout.take().filter(|wanted| !wanted.is_zero()) {
                timeout = timeout.min(wanted);
            }
            if std::mem::take(&mut requests.changed) {
                drop(requests);
                self.apply_pauses(consumer, progress);
            }
        }
        let polled = tokio::select! {
            biased;
            outcome = outcome_of(&mut progress.pending) => {
                settled(outcome, progress);
                return Ok(());
            }
            polled = consumer.poll(timeout) => polled.map_err(from_kafka)?,
        };
        match polled {
            Polled::Records(batches) => self.convert(&batches, progress).await?,
            Polled::Assigned(partitions) => return self.assigned(consumer, progress, &partitions).await,
            Polled::Revoking(partitions) => return self.revoked(consumer, progress, &partitions).await,
            Polled::Lost(partitions) => return self.lost(consumer, progress, &partitions).await,
            Polled::Woken if self.control.state() != TaskState::Run && !progress.paused => return Ok(()),
            Polled::Woken | Polled::Empty => {}
        }
        if self.control.state() == TaskState::Stop {
            return Ok(());
        }
        self.deliver(consumer, progress).await
    }

    async fn convert(&mut self, batches: &[FetchedBatch], progress: &mut Progress) -> Result<()> {
        let keep_raw = !self.operator.reporters().is_empty();
        progress.batch.reserve(batches.iter().map(FetchedBatch::count).sum());
        for batch in batches {
            let mut last = None;
            for view in batch.records() {
                last = Some(view.offset);
                if let Some(record) = self.convert_record(batch, &view, keep_raw).await? {
                    progress.batch.push(record);
                }
            }
            // Tolerated and filtered records count as delivered (invariant 3).
            if let Some(last) = last {
                progress.batch_offsets.insert(TopicPartition::new(Arc::clone(&batch.topic), batch.partition), last + 1);
            }
            self.tracker.saw(&batch.topic);
        }
        Ok(())
    }

    async fn convert_record(
        &mut self,
        batch: &FetchedBatch,
        view: &RecordView<'_>,
        keep_raw: bool,
    ) -> Result<Option<SinkRecord>> {
        let original = ConsumedRecord { batch, view };
        let (operator, converters, topic) = (&*self.operator, &mut self.converters, &*batch.topic);
        let raw = if view.has_headers() { raw_headers(batch, view) } else { RawHeaders::new() };
        let key_converter = &mut converters.key;
        let step = || key_converter.to_connect_data_with_headers(topic, &raw, view.key.map(|key| batch.slice(key)));
        let Some(key) = operator.execute(Stage::KeyConverter, &converters.key_class, &original, step).await? else {
            return Ok(None);
        };
        let value_converter = &mut converters.value;
        let step =
            || value_converter.to_connect_data_with_headers(topic, &raw, view.value.map(|value| batch.slice(value)));
        let Some(value) = operator.execute(Stage::ValueConverter, &converters.value_class, &original, step).await?
        else {
            return Ok(None);
        };
        let headers = if raw.is_empty() {
            Headers::new()
        } else {
            let class = converters.header_class.clone();
            let step = || converters.to_connect_headers(topic, &raw);
            match operator.execute(Stage::HeaderConverter, &class, &original, step).await? {
                Some(headers) => headers,
                None => return Ok(None),
            }
        };
        let record = ConnectRecord {
            topic: Arc::clone(&batch.topic),
            kafka_partition: Some(batch.partition),
            key_schema: key.schema,
            key: key.value,
            value_schema: value.schema,
            value: value.value,
            timestamp: view.timestamp,
            headers,
        };
        let mut record = SinkRecord::new(record, batch.partition, view.offset, timestamp_type(batch));
        if keep_raw {
            record.raw = Some(Arc::new(raw_record(batch, view)));
        }
        if self.chain.is_empty() { Ok(Some(record)) } else { self.chain.apply(record, &original, operator).await }
    }

    async fn deliver(&mut self, consumer: &mut Consumer, progress: &mut Progress) -> Result<()> {
        let put = self.task.put(&progress.batch).await;
        if let Some(error) = self.reports.take_failure() {
            return Err(error);
        }
        match put {
            Ok(()) => {
                progress.current.append(&mut progress.batch_offsets);
                progress.batch.clear();
                if std::mem::take(&mut progress.redelivering) && !progress.paused {
                    self.apply_pauses(consumer, progress);
                }
                Ok(())
            }
            Err(error) if error.is_retriable() => {
                let records = progress.batch.len();
                self.status.warn(&format!("the task asked for the same {records} records again"), error);
                if !std::mem::replace(&mut progress.redelivering, true) {
                    pause_all(consumer);
                }
                Ok(())
            }
            Err(error) => {
                Err(Error::fatal("Exiting WorkerSinkTask due to unrecoverable exception.").with_source(error))
            }
        }
    }

    /// Offsets the task wants to read from again.
    fn rewind(&mut self, consumer: &mut Consumer, progress: &mut Progress) {
        let rewind = std::mem::take(&mut self.host.requests().rewind);
        for (partition, offset) in rewind {
            if !progress.committed.contains_key(&partition) {
                tracing::warn!(%partition, offset, "cannot rewind a partition that is not assigned");
                continue;
            }
            consumer.seek(&partition, offset);
            // The answer to a commit under way must not undo this.
            if let Some(pending) = &mut progress.pending {
                pending.offsets.remove(&partition);
            }
            progress.committed.insert(partition.clone(), offset);
            progress.current.insert(partition, offset);
        }
    }

    /// Asks the task what may be committed, and commits it without waiting.
    async fn commit(&mut self, consumer: &mut Consumer, progress: &mut Progress) -> Result<()> {
        let partitions: Vec<TopicPartition> = progress.current.keys().cloned().collect();
        self.reports.settle(&partitions).await?;
        if progress.current.is_empty() {
            return Ok(());
        }
        let provided = match self.task.pre_commit(&progress.current).await {
            Ok(provided) => provided,
            Err(error) => {
                self.status.warn("offset commit failed, rewinding to the last committed offsets", error);
                self.rewind_to_committed(consumer, progress);
                return Ok(());
            }
        };
        let offsets = committable(provided, progress, &partitions);
        if !offsets.is_empty() {
            let future = consumer.commit_async(&with_metadata(&offsets));
            progress.pending = Some(PendingCommit { future, offsets, since: Instant::now() });
        }
        Ok(())
    }

    fn rewind_to_committed(&mut self, consumer: &mut Consumer, progress: &mut Progress) {
        for (partition, offset) in &progress.committed {
            consumer.seek(partition, *offset);
            progress.current.insert(partition.clone(), *offset);
        }
        // The batch is read again with the rest.
        progress.batch.clear();
        progress.batch_offsets.clear();
        if std::mem::take(&mut progress.redelivering) && !progress.paused {
            self.apply_pauses(consumer, progress);
        }
    }

    /// Takes note of a commit's answer, or stops waiting for it.
    fn settle_commit(&mut self, progress: &mut Progress) {
        let Some(pending) = &mut progress.pending else { return };
        match (&mut pending.future).now_or_never() {
            Some(outcome) => settled(outcome, progress),
            None if pending.since.elapsed() < self.flush_timeout => {}
            None => {
                tracing::warn!("commit of offsets timed out");
                progress.pending = None;
            }
        }
    }

    async fn assigned(
        &mut self,
        consumer: &mut Consumer,
        progress: &mut Progress,
        partitions: &[TopicPartition],
    ) -> Result<()> {
        for partition in partitions {
            let position = consumer.position(partition).unwrap_or(0);
            progress.current.insert(partition.clone(), position);
            progress.committed.insert(partition.clone(), position);
        }
        {
            let mut requests = self.host.requests();
            requests.assignment = consumer.assignment().iter().cloned().collect();
            let assignment = requests.assignment.clone();
            requests.paused.retain(|partition| assignment.contains(partition));
        }
        if progress.redelivering && progress.batch.is_empty() {
            progress.redelivering = false;
        }
        self.apply_pauses(consumer, progress);
        if !partitions.is_empty() {
            self.task.open(partitions).await?;
        }
        self.rewind(consumer, progress);
        Ok(())
    }

    async fn revoked(
        &mut self,
        consumer: &mut Consumer,
        progress: &mut Progress,
        partitions: &[TopicPartition],
    ) -> Result<()> {
        let closed = self.commit_and_close(consumer, progress, partitions).await;
        self.forget(progress, partitions);
        closed
    }

    async fn lost(
        &mut self,
        _consumer: &mut Consumer,
        progress: &mut Progress,
        partitions: &[TopicPartition],
    ) -> Result<()> {
        // What took too long to be given up is told as lost afterwards: it is closed already, and not closed again.
        let open = |at: &&TopicPartition| progress.current.contains_key(*at);
        let open: Vec<TopicPartition> = partitions.iter().filter(open).cloned().collect();
        if open.is_empty() {
            return Ok(());
        }
        // Another member may own them by now: nothing is committed (invariant 5).
        let closed = self.task.close(&open).await;
        self.reports.abandon(&open);
        progress.pending = None;
        self.forget(progress, &open);
        closed
    }

    fn forget(&mut self, progress: &mut Progress, partitions: &[TopicPartition]) {
        let gone = |topic: &Arc<str>, partition: i32| {
            partitions.iter().any(|tp| tp.partition == partition && *tp.topic == **topic)
        };
        progress.batch.retain(|record| !gone(&record.original.topic, record.original.partition));
        for partition in partitions {
            progress.current.remove(partition);
            progress.committed.remove(partition);
            progress.batch_offsets.remove(partition);
            let mut requests = self.host.requests();
            requests.assignment.remove(partition);
            requests.paused.remove(partition);
        }
    }

    /// `pre_commit`, `close`, and a commit that is waited for: when partitions go.
    async fn commit_and_close(
        &mut self,
        consumer: &mut Consumer,
        progress: &mut Progress,
        partitions: &[TopicPartition],
    ) -> Result<()> {
        self.reports.settle(partitions).await?;
        let current: Offsets =
            progress.current.iter().filter(|(tp, _)| partitions.contains(tp)).map(|(tp, o)| (tp.clone(), *o)).collect();
        if current.is_empty() {
            return Ok(());
        }
        let provided = self.task.pre_commit(&current).await;
        let closed = self.task.close(partitions).await;
        match provided {
            Err(error) => self.status.warn("offset commit failed during close", error),
            Ok(provided) => {
                progress.pending = None;
                let offsets = committable(provided, progress, partitions);
                if !offsets.is_empty() {
                    if let Err(error) = consumer.commit_sync(&with_metadata(&offsets)).await {
                        tracing::error!(%error, "commit of offsets failed during close");
                    } else {
                        progress.committed.extend(offsets);
                    }
                }
            }
        }
        closed
    }

    /// Makes the consumer's pauses those that task, redelivery and target state ask for.
    fn apply_pauses(&self, consumer: &mut Consumer, progress: &Progress) {
        let assigned: Vec<TopicPartition> = consumer.assignment().iter().cloned().collect();
        if progress.paused || progress.redelivering {
            consumer.pause(&assigned);
            return;
        }
        let paused = self.host.requests().paused.clone();
        let (pause, resume): (Vec<_>, Vec<_>) = assigned.into_iter().partition(|partition| paused.contains(partition));
        consumer.pause(&pause);
        consumer.resume(&resume);
    }

    async fn close(&mut self) {
        self.converters.close();
        self.chain.close();
    }
}

fn pause_all(consumer: &mut Consumer) {
    let all: Vec<TopicPartition> = consumer.assignment().iter().cloned().collect();
    consumer.pause(&all);
}

/// The answer to a commit under way; without one, it never comes.
async fn outcome_of(pending: &mut Option<PendingCommit>) -> milena_kafka::Result<()> {
    match pending {
        Some(pending) => (&mut pending.future).await,
        None => std::future::pending().await,
    }
}

/// Takes note of a commit's answer.
fn settled(outcome: milena_kafka::Result<()>, progress: &mut Progress) {
    let Some(pending) = progress.pending.take() else { return };
    match outcome {
        Ok(()) => {
            for (partition, offset) in pending.offsets {
                if let Some(committed) = progress.committed.get_mut(&partition) {
                    *committed = offset;
                }
            }
        }
        Err(error) => tracing::error!(%error, "commit of offsets failed"),
    }
}

/// What of the task's answer is to be committed: only what was asked for, delivered, and not committed yet (invariant 1).
fn committable(provided: Offsets, progress: &Progress, partitions: &[TopicPartition]) -> Offsets {
    let mut offsets = Offsets::new();
    for (partition, offset) in provided {
        let Some(current) = progress.current.get(&partition).filter(|_| partitions.contains(&partition)) else {
            tracing::warn!(%partition, offset, "ignoring an offset of a partition that is not assigned");
            continue;
        };
        if offset > *current {
            tracing::warn!(%partition, offset, current, "ignoring an offset beyond what was delivered");
            continue;
        }
        if progress.committed.get(&partition) != Some(&offset) {
            offsets.insert(partition, offset);
        }
    }
    offsets
}

fn with_metadata(offsets: &Offsets) -> BTreeMap<TopicPartition, OffsetAndMetadata> {
    offsets.iter().map(|(partition, offset)| (partition.clone(), OffsetAndMetadata::new(*offset))).collect()
}
