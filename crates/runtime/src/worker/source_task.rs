//! `SourceTaskRunner`: the loop of a source task, at-least-once.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.{AbstractWorkerSourceTask, WorkerSourceTask}`. The loop owns all of the task's state:
//! records go through it batch by batch, acknowledgements come back to it, and offsets are stored from it, so nothing is locked.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use milena_api::config::ConfigMap;
use milena_api::converter::RawHeaders;
use milena_api::error::{Error, ErrorKind, Result};
use milena_api::record::{RecordMetadata, SourceMap, SourceRecord, TopicPartition};
use milena_api::source::SourceTaskContext;
use milena_api::source::erased::DynSourceTask;
use milena_kafka::producer::{Append, Completion, Completions, Producer, ProducerRecord};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::converters::Converters;
use super::errors::from_kafka;
use super::submitted_records::{SourceOffsets, SubmittedRecords};
use super::task::{TaskControl, TaskState, TaskStatusWriter};
use super::topic_creation::TopicCreation;
use super::topic_tracker::TopicTracker;
use super::transformation_chain::TransformationChain;
use crate::errors::{ErrorOperator, OriginalRecord, Stage};
use crate::herder::State;
use crate::storage::ConnectorOffsets;

/// Pause before a batch is sent again after a retriable failure.
const SEND_RETRY_BACKOFF: Duration = Duration::from_millis(100);
/// Class that reports of failed sends give.
const SOURCE_TASK: &str = "org.apache.kafka.connect.runtime.WorkerSourceTask";
/// Time for the producer to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Everything a source task runs with.
pub(crate) struct SourceTaskRunner {
    pub(super) task: Box<dyn DynSourceTask>,
    pub(super) config: ConfigMap,
    pub(super) context: SourceTaskContext,
    pub(super) control: TaskControl,
    pub(super) status: TaskStatusWriter,
    pub(super) chain: TransformationChain,
    pub(super) converters: Converters,
    pub(super) operator: Arc<ErrorOperator>,
    pub(super) producer: Producer,
    pub(super) completions: Completions,
    pub(super) topics: TopicCreation,
    pub(super) offsets: ConnectorOffsets,
    pub(super) flush_interval: Duration,
    pub(super) flush_timeout: Duration,
    pub(super) tracker: TopicTracker,
}

/// A record ready to be sent.
struct Encoded {
    topic: Arc<str>,
    partition: Option<i32>,
    timestamp: Option<i64>,
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: RawHeaders,
    position: Position,
    keep: Option<Box<SourceRecord>>,
}

/// Where a record stands in its source; enough to report it without keeping the record.
struct Position {
    topic: Arc<str>,
    partition: Option<Arc<SourceMap>>,
    offset: Option<Arc<SourceMap>>,
    /// The whole record, if its text may be logged.
    record: Option<Box<SourceRecord>>,
}

impl OriginalRecord for Position {
    fn position(&self) -> String {
        let text = |map: &Option<Arc<SourceMap>>| map.as_ref().map_or_else(|| "null".to_owned(), ToString::to_string);
        let (partition, offset) = (text(&self.partition), text(&self.offset));
        format!("record for topic {}, source partition {partition}, source offset {offset}", self.topic)
    }

    fn log_text(&self) -> String {
        self.record.as_ref().map(|record| record.log_text()).unwrap_or_default()
    }
}

/// What is in flight between the task and Kafka.
struct InFlight {
    submitted: SubmittedRecords,
    /// Ready to be stored.
    committable: SourceOffsets,
    /// Acknowledged records whose `commit_record` is due.
    acknowledged: VecDeque<(Box<SourceRecord>, Option<RecordMetadata>)>,
    /// The first send that failed for good.
    failed: Option<Error>,
    /// `commit` of the task is due.
    commit_due: bool,
    tolerate: bool,
}

impl SourceTaskRunner {
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
        if self.control.state() == TaskState::Stop {
            self.close().await;
            return Ok(());
        }
        let mut flight = InFlight {
            submitted: SubmittedRecords::default(),
            committable: SourceOffsets::default(),
            acknowledged: VecDeque::new(),
            failed: None,
            commit_due: false,
            tolerate: self.operator.config().tolerate_all,
        };
        // A task that is given up drops whatever it waits for, however long that may take (`max.block.ms` is infinite).
        let cancelled = self.control.cancelled().clone();
        let result = tokio::select! {
            biased;
            () = cancelled.cancelled() => Ok(()),
            result = self.start_and_work(&mut flight) => result,
        };
        // Neither does it store offsets any more: another instance may have gone on from them (invariant 5).
        let drained = tokio::select! {
            biased;
            () = cancelled.cancelled() => Ok(()),
            drained = self.drain(&mut flight) => drained,
        };
        match tokio::time::timeout(CLOSE_TIMEOUT, self.task.stop()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.status.warn("could not stop the source task", error),
            Err(_) => tracing::warn!("the source task did not stop in time"),
        }
        self.close().await;
        result.and(drained)
    }

    async fn start_and_work(&mut self, flight: &mut InFlight) -> Result<()> {
        self.start().await?;
        self.status.put(State::Running);
        self.work(flight).await
    }

    async fn start(&mut self) -> Result<()> {
        self.task.initialize(self.context.clone()).await?;
        self.task.start(self.config.clone()).await
    }

    async fn work(&mut self, flight: &mut InFlight) -> Result<()> {
        let first = Instant::now() + self.flush_interval;
        let mut flush = interval_at(first, self.flush_interval.max(Duration::from_millis(1)));
        flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.take_completions(flight).await?;
            self.report_to_task(flight).await;
            match self.control.state() {
                TaskState::Stop => return Ok(()),
                TaskState::Pause => {
                    self.status.put(State::Paused);
                    self.wait_while_paused(flight, &mut flush).await?;
                    if self.control.state() == TaskState::Run {
                        self.status.put(State::Running);
                    }
                    continue;
                }
                TaskState::Run => {}
            }
            let Some(batch) = self.poll(flight, &mut flush).await? else {
                // A task that returns at once must not starve its neighbours.
                tokio::task::yield_now().await;
                continue;
            };
            self.send(batch, flight, &mut flush).await?;
        }
    }

    /// Calls `poll`, and meanwhile takes acknowledgements and stores offsets.
    async fn poll(
        &mut self,
        flight: &mut InFlight,
        flush: &mut tokio::time::Interval,
    ) -> Result<Option<Vec<SourceRecord>>> {
        let attention = self.control.attention().clone();
        attention.clear();
        if self.control.state() != TaskState::Run {
            return Ok(None);
        }
        let wants_commits = self.task.wants_commit_record();
        let poll = self.task.poll();
        tokio::pin!(poll);
        let polled = loop {
            tokio::select! {
                polled = &mut poll => break polled,
                Some(completion) = self.completions.next() => {
                    flight.completed(completion, &mut self.tracker, &self.operator).await?;
                    if flight.failed.is_some() || (wants_commits && !flight.acknowledged.is_empty()) {
                        attention.request();
                    }
                }
                _ = flush.tick() => {
                    if flight.store_offsets(&self.offsets, self.flush_timeout).await {
                        attention.request();
                    }
                }
            }
        };
        match polled {
            Err(error) if error.kind() == ErrorKind::Retriable => {
                self.status.warn("poll failed and will be called again", error);
                Ok(None)
            }
            polled => polled,
        }
    }

    async fn wait_while_paused(&mut self, flight: &mut InFlight, flush: &mut tokio::time::Interval) -> Result<()> {
        loop {
            tokio::select! {
                state = self.control.while_paused() => {
                    if state != TaskState::Pause {
                        return Ok(());
                    }
                }
                Some(completion) = self.completions.next() => {
                    flight.completed(completion, &mut self.tracker, &self.operator).await?;
                }
                _ = flush.tick() => {
                    flight.store_offsets(&self.offsets, self.flush_timeout).await;
                }
            }
            self.report_to_task(flight).await;
        }
    }

    /// Transforms, converts and sends one batch; what could not be sent for now is sent again.
    async fn send(
        &mut self,
        batch: Vec<SourceRecord>,
        flight: &mut InFlight,
        flush: &mut tokio::time::Interval,
    ) -> Result<()> {
        let mut ready = Vec::with_capacity(batch.len());
        let mut encoded = Ok(());
        for record in batch {
            match self.encode(record, flight).await {
                Ok(record) => ready.extend(record),
                // The records before go out all the same, as they do where records are sent one by one.
                Err(error) => {
                    encoded = Err(error);
                    break;
                }
            }
        }
        let mut next = 0;
        while next < ready.len() {
            self.take_completions(flight).await?;
            match self.append(&mut ready, &mut next, flight).await {
                Ok(()) => {}
                Err(error) if error.is_retriable() => {
                    tracing::warn!(%error, "could not send records for now; trying again");
                    tokio::time::sleep(SEND_RETRY_BACKOFF).await;
                    if self.control.state() == TaskState::Stop {
                        // Nothing of the rest has been submitted: it is read again after a restart.
                        return encoded;
                    }
                }
                Err(error) => return Err(error),
            }
            if futures_util::FutureExt::now_or_never(flush.tick()).is_some() {
                flight.store_offsets(&self.offsets, self.flush_timeout).await;
            }
        }
        encoded
    }

    async fn encode(&mut self, record: SourceRecord, flight: &mut InFlight) -> Result<Option<Encoded>> {
        let wants = self.task.wants_commit_record();
        let errors = self.operator.config();
        let logs = errors.log && errors.log_messages;
        // Failed sends that are tolerated are reported with their records.
        let keep = (wants || (logs && errors.tolerate_all)).then(|| Box::new(record.clone()));
        let position = Position {
            topic: Arc::clone(&record.topic),
            partition: record.source_partition.clone(),
            offset: record.source_offset.clone(),
            record: logs.then(|| Box::new(record.clone())),
        };
        let transformed = if self.chain.is_empty() {
            Some(record)
        } else {
            self.chain.apply(record, &position, &self.operator).await?
        };
        let encoded = match transformed {
            None => None,
            Some(record) => self.convert(record, position).await?,
        };
        match encoded {
            Some(mut encoded) => {
                encoded.keep = keep;
                Ok(Some(encoded))
            }
            None => {
                // Filtered or tolerated (invariant 3): the task hears of it, its offset is not stored for itself.
                flight.acknowledged.extend(keep.map(|record| (record, None)));
                Ok(None)
            }
        }
    }

    async fn convert(&mut self, record: SourceRecord, position: Position) -> Result<Option<Encoded>> {
        let (operator, converters) = (&*self.operator, &mut self.converters);
        let topic = Arc::clone(&record.topic);
        let mut headers = RawHeaders::new();
        if !record.headers.is_empty() {
            let class = converters.header_class.clone();
            let step = || converters.from_connect_headers(&topic, &record.headers);
            match operator.execute(Stage::HeaderConverter, &class, &position, step).await? {
                Some(raw) => headers = raw,
                None => return Ok(None),
            }
        }
        let (key_converter, value_converter) = (&mut converters.key, &mut converters.value);
        let step = || {
            key_converter.from_connect_data_with_headers(&topic, &mut headers, record.key_schema.as_ref(), &record.key)
        };
        let Some(key) = operator.execute(Stage::KeyConverter, &converters.key_class, &position, step).await? else {
            return Ok(None);
        };
        let step = || {
            let schema = record.value_schema.as_ref();
            value_converter.from_connect_data_with_headers(&topic, &mut headers, schema, &record.value)
        };
        let Some(value) = operator.execute(Stage::ValueConverter, &converters.value_class, &position, step).await?
        else {
            return Ok(None);
        };
        let timestamp = match record.timestamp {
            Some(-1) | None => None,
            Some(negative) if negative < 0 => {
                return Err(Error::data(format!("Invalid record timestamp {negative}"))
                    .with_class("org.apache.kafka.connect.errors.InvalidRecordException"));
            }
            timestamp => timestamp,
        };
        let partition = record.kafka_partition;
        Ok(Some(Encoded { topic, partition, timestamp, key, value, headers, position, keep: None }))
    }

    /// Hands records to the producer, under one lock, until one needs something else first.
    async fn append(&mut self, ready: &mut [Encoded], next: &mut usize, flight: &mut InFlight) -> Result<()> {
        self.topics.ensure(&ready[*next].topic).await?;
        let mut unknown = None;
        let mut refused = None;
        {
            let mut appender = self.producer.begin().await.map_err(from_kafka)?;
            while let Some(encoded) = ready.get_mut(*next) {
                if !self.topics.is_known(&encoded.topic) {
                    break;
                }
                let keep = encoded.keep.take();
                let position = &encoded.position;
                let tag = flight.submitted.submit(position.partition.as_ref(), position.offset.clone(), keep);
                let headers: Vec<(&str, Option<&[u8]>)> =
                    encoded.headers.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
                let record = ProducerRecord {
                    topic: &encoded.topic,
                    partition: encoded.partition,
                    timestamp: encoded.timestamp,
                    key: encoded.key.as_deref(),
                    value: encoded.value.as_deref(),
                    headers: &headers,
                };
                match appender.append(&record, tag) {
                    Ok(Append::Appended) => *next += 1,
                    Ok(Append::Full) => {
                        encoded.keep = flight.submitted.withdraw(tag);
                        break;
                    }
                    Ok(Append::UnknownTopic) => {
                        encoded.keep = flight.submitted.withdraw(tag);
                        unknown = Some(Arc::clone(&encoded.topic));
                        break;
                    }
                    Err(error) => {
                        encoded.keep = flight.submitted.withdraw(tag);
                        refused = Some(from_kafka(error));
                        break;
                    }
                }
            }
        }
        if let Some(topic) = unknown {
            self.producer.ensure_topic(&topic).await.map_err(from_kafka)?;
        }
        if let Some(error) = refused {
            return self.refused(ready, next, flight, error).await;
        }
        Ok(())
    }

    /// The producer would not take a record at all, because it is too large for instance.
    async fn refused(
        &mut self,
        ready: &mut [Encoded],
        next: &mut usize,
        flight: &mut InFlight,
        error: Error,
    ) -> Result<()> {
        if error.is_retriable() {
            return Err(error);
        }
        let Some(encoded) = ready.get_mut(*next) else { return Ok(()) };
        if !self.operator.config().tolerate_all {
            let place = format!("at stage KAFKA_PRODUCE, {}", encoded.position.position());
            return Err(unrecoverable_send(error.with_frame(place)));
        }
        self.operator.execute_failed(Stage::KafkaProduce, SOURCE_TASK, &encoded.position, error).await?;
        flight.acknowledged.extend(encoded.keep.take().map(|record| (record, None)));
        *next += 1;
        Ok(())
    }

    async fn take_completions(&mut self, flight: &mut InFlight) -> Result<()> {
        while let Some(completion) = self.completions.try_next() {
            flight.completed(completion, &mut self.tracker, &self.operator).await?;
        }
        // Each time round, not only when offsets are stored: what is acknowledged must not pile up for a flush interval.
        flight.submitted.committable(&mut flight.committable);
        match flight.failed.take() {
            Some(error) => Err(unrecoverable_send(error)),
            None => Ok(()),
        }
    }

    /// Calls of the task that are due between polls.
    async fn report_to_task(&mut self, flight: &mut InFlight) {
        while let Some((record, metadata)) = flight.acknowledged.pop_front() {
            if let Err(error) = self.task.commit_record(&record, metadata.as_ref()).await {
                self.status.warn("commitRecord failed; the record itself was delivered", error);
            }
        }
        if std::mem::take(&mut flight.commit_due)
            && let Err(error) = self.task.commit().await
        {
            self.status.warn("commit failed; the offsets themselves were stored", error);
        }
    }

    /// Waits for what is in flight and stores offsets a last time; also after a failure.
    async fn drain(&mut self, flight: &mut InFlight) -> Result<()> {
        let mut outcome = Ok(());
        let deadline = Instant::now() + self.flush_timeout;
        let flushed = tokio::time::timeout_at(deadline, self.producer.flush());
        if !matches!(flushed.await, Ok(Ok(()))) {
            tracing::warn!(outstanding = flight.submitted.unacknowledged(), "records are still not acknowledged");
        }
        while flight.submitted.unacknowledged() > 0 {
            match tokio::time::timeout_at(deadline, self.completions.next()).await {
                Ok(Some(completion)) => {
                    let noted = flight.completed(completion, &mut self.tracker, &self.operator).await;
                    outcome = outcome.and(noted);
                }
                _ => break,
            }
        }
        flight.store_offsets(&self.offsets, self.flush_timeout).await;
        self.report_to_task(flight).await;
        outcome
    }

    async fn close(&mut self) {
        let timeout = if self.control.is_cancelled() { Duration::ZERO } else { CLOSE_TIMEOUT };
        if let Err(error) = self.producer.shutdown(timeout).await {
            tracing::warn!(%error, "could not close the producer in time");
        }
        self.converters.close();
        self.chain.close();
    }
}

impl InFlight {
    /// Notes what became of a batch; failures that are tolerated are reported, record by record.
    ///
    /// # Errors
    /// A report failed.
    async fn completed(
        &mut self,
        completion: Completion,
        tracker: &mut TopicTracker,
        operator: &ErrorOperator,
    ) -> Result<()> {
        let Completion { topic, partition, tags, result, .. } = completion;
        match result {
            Ok(ack) => {
                tracker.saw(&topic);
                for (index, tag) in tags.iter().enumerate() {
                    if let Some(record) = self.submitted.acknowledge(tag) {
                        let metadata = RecordMetadata {
                            topic_partition: TopicPartition::new(Arc::clone(&topic), partition),
                            offset: (ack.base_offset >= 0).then_some(ack.base_offset + index as i64),
                            timestamp: ack.log_append_time.or(record.timestamp),
                        };
                        self.acknowledged.push_back((record, Some(metadata)));
                    }
                }
                Ok(())
            }
            Err(error) => {
                let place = format!("at stage KAFKA_PRODUCE, topic {topic}, partition {partition}");
                let error = from_kafka(error).with_frame(place);
                if !self.tolerate {
                    self.failed.get_or_insert(error);
                    return Ok(());
                }
                let mut reported = Ok(());
                for tag in tags.iter() {
                    let (partition, offset) = self.submitted.place(tag);
                    let record = self.submitted.acknowledge(tag);
                    let position = Position { topic: Arc::clone(&topic), partition, offset, record };
                    let report =
                        operator.execute_failed(Stage::KafkaProduce, SOURCE_TASK, &position, error.duplicate()).await;
                    reported = reported.and(report);
                    self.acknowledged.extend(position.record.map(|record| (record, None)));
                }
                reported
            }
        }
    }

    /// Stores what may be stored (invariant 2). A failure never fails the task: it is tried again next time. True if `commit` is due.
    async fn store_offsets(&mut self, offsets: &ConnectorOffsets, timeout: Duration) -> bool {
        self.submitted.committable(&mut self.committable);
        if !self.committable.is_empty() {
            match tokio::time::timeout(timeout, offsets.put_all(&self.committable)).await {
                Ok(Ok(())) => self.committable.clear(),
                Ok(Err(error)) => {
                    tracing::error!(error = %error.trace().trim_end(), "could not store source offsets; trying again at the next flush");
                    return false;
                }
                Err(_) => {
                    tracing::error!(
                        timeout_ms = timeout.as_millis() as u64,
                        "storing source offsets timed out; trying again at the next flush"
                    );
                    return false;
                }
            }
        }
        self.commit_due = true;
        true
    }
}

fn unrecoverable_send(cause: Error) -> Error {
    Error::fatal("Unrecoverable exception from producer send callback").with_source(cause)
}
