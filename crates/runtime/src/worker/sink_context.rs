//! What a sink task may ask of the worker, and what it has asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use milena_api::config::ConfigMap;
use milena_api::error::{Error, Result};
use milena_api::metrics::PluginMetrics;
use milena_api::record::{SinkRecord, TopicPartition};
use milena_api::sink::{ErrantRecordHost, ErrantRecordReporter, Offsets, SinkTaskHost};
use tokio::sync::{mpsc, oneshot};

use crate::errors::{Consumed, ErrorOperator, OriginalRecord, Stage, consumed_text};
use crate::logging::LogContext;
use crate::tasks::{Kind, Spawner};

/// The worker's side of one sink task's context. The task's loop takes the requests out once per turn.
pub(super) struct SinkHost {
    config: ConfigMap,
    metrics: PluginMetrics,
    reporter: Option<ErrantRecordReporter>,
    requests: Mutex<Requests>,
    wakeup: milena_kafka::consumer::Wakeup,
}

/// What the task has asked for.
#[derive(Default)]
pub(super) struct Requests {
    pub(super) rewind: Offsets,
    pub(super) timeout: Option<Duration>,
    pub(super) commit: bool,
    pub(super) assignment: BTreeSet<TopicPartition>,
    /// Paused by the task itself.
    pub(super) paused: BTreeSet<TopicPartition>,
    /// Changes of `paused` that are to reach the consumer.
    pub(super) changed: bool,
}

impl SinkHost {
    pub(super) fn new(
        config: ConfigMap,
        metrics: PluginMetrics,
        reporter: Option<ErrantRecordReporter>,
        wakeup: milena_kafka::consumer::Wakeup,
    ) -> Self {
        SinkHost { config, metrics, reporter, requests: Mutex::default(), wakeup }
    }

    pub(super) fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_paused(&self, partitions: &[TopicPartition], verb: &str, pause: bool) -> Result<()> {
        let mut requests = self.requests();
        if let Some(unknown) = partitions.iter().find(|p| !requests.assignment.contains(*p)) {
            return Err(Error::fatal(format!(
                "SinkTasks may not {verb} partitions that are not currently assigned to them: {unknown}"
            ))
            .with_class("org.apache.kafka.connect.errors.IllegalWorkerStateException"));
        }
        for partition in partitions {
            if pause {
                requests.paused.insert(partition.clone());
            } else {
                requests.paused.remove(partition);
            }
        }
        requests.changed = true;
        Ok(())
    }
}

impl SinkTaskHost for SinkHost {
    fn configs(&self) -> ConfigMap {
        self.config.clone()
    }

    fn rewind(&self, offsets: Offsets) {
        self.requests().rewind.extend(offsets);
    }

    fn timeout(&self, timeout: Duration) {
        self.requests().timeout = Some(timeout);
    }

    fn assignment(&self) -> Vec<TopicPartition> {
        self.requests().assignment.iter().cloned().collect()
    }

    fn pause(&self, partitions: &[TopicPartition]) -> Result<()> {
        self.change_paused(partitions, "pause", true)
    }

    fn resume(&self, partitions: &[TopicPartition]) -> Result<()> {
        self.change_paused(partitions, "resume", false)
    }

    fn request_commit(&self) {
        self.requests().commit = true;
        self.wakeup.wakeup();
    }

    fn errant_record_reporter(&self) -> Option<ErrantRecordReporter> {
        self.reporter.clone()
    }

    fn metrics(&self) -> PluginMetrics {
        self.metrics.clone()
    }
}

/// Reports that are under way, by the partition of their record.
#[derive(Clone, Default)]
pub(super) struct ErrantReports(Arc<Mutex<Pending>>);

#[derive(Default)]
struct Pending {
    running: BTreeMap<TopicPartition, Vec<oneshot::Receiver<Result<()>>>>,
    /// The first report that was not tolerated; the task fails even if it took no notice.
    failed: Option<Error>,
}

impl ErrantReports {
    /// The first failure, once.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.lock().failed.take()
    }

    /// Waits for the reports of these partitions (invariant 1: no offset is committed over one).
    pub(super) async fn settle<'a>(&self, partitions: impl IntoIterator<Item = &'a TopicPartition>) -> Result<()> {
        let running: Vec<_> = {
            let mut pending = self.lock();
            partitions.into_iter().filter_map(|partition| pending.running.remove(partition)).flatten().collect()
        };
        for report in running {
            report.await.unwrap_or_else(|_| Err(Error::fatal("a report of an errant record was abandoned")))?;
        }
        Ok(())
    }

    /// Forgets the reports of partitions that were lost.
    pub(super) fn abandon(&self, partitions: &[TopicPartition]) {
        let mut pending = self.lock();
        for partition in partitions {
            pending.running.remove(partition);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The worker's side of the errant-record reporter (KIP-610). One piece of work sees to all reports of a task: they are begun in the
/// order in which the task makes them, so dead letters stand in that order too, and several may be under way.
pub(super) struct ErrantHost {
    reports: ErrantReports,
    begun: mpsc::UnboundedSender<Report>,
}

struct Report {
    record: SinkRecord,
    error: Error,
    /// For the commit that waits for it.
    done: oneshot::Sender<Result<()>>,
    /// For the task, which need not wait.
    told: oneshot::Sender<Result<()>>,
}

impl ErrantHost {
    pub(super) fn new(
        operator: Arc<ErrorOperator>,
        reports: ErrantReports,
        spawner: &Spawner,
        log: &LogContext,
    ) -> Self {
        // Not bounded, as `report` cannot wait; a task that makes many waits for its futures, and each commit for all of them.
        let (begun, mut queue) = mpsc::unbounded_channel();
        let failures = reports.clone();
        spawner.spawn(Kind::Data, log, async move {
            let mut running = FuturesUnordered::new();
            loop {
                tokio::select! {
                    biased;
                    // Unconstrained, as a report that spent its turn would be overtaken by those behind it.
                    Some(report) = queue.recv() => {
                        running.push(tokio::task::unconstrained(see_to(&operator, &failures, report)));
                    }
                    Some(()) = running.next() => {}
                    // The task is gone, and all it reported is settled.
                    else => return,
                }
            }
        });
        ErrantHost { reports, begun }
    }
}

async fn see_to(operator: &ErrorOperator, reports: &ErrantReports, report: Report) {
    let Report { record, error, done, told } = report;
    let class = "org.apache.kafka.connect.sink.SinkTask";
    let result = operator.execute_failed(Stage::TaskPut, class, &Errant(&record), error).await;
    if let Err(error) = &result {
        reports.lock().failed.get_or_insert_with(|| error.duplicate());
    }
    // Either receiver may be gone: the task need not wait, and lost partitions are abandoned.
    _ = told.send(result.as_ref().copied().map_err(Error::duplicate));
    _ = done.send(result);
}

impl ErrantRecordHost for ErrantHost {
    fn report(&self, record: SinkRecord, error: Error) -> BoxFuture<'static, Result<()>> {
        let partition = TopicPartition::new(Arc::clone(&record.original.topic), record.original.partition);
        let (done, settled) = oneshot::channel();
        let (told, answer) = oneshot::channel();
        self.reports.lock().running.entry(partition).or_default().push(settled);
        // Nobody takes it once the runtime is shut down; then the answer says so.
        _ = self.begun.send(Report { record, error, done, told });
        async move { answer.await.unwrap_or_else(|_| Err(Error::fatal("the worker is stopping"))) }.boxed()
    }
}

/// A record that a task reports.
struct Errant<'a>(&'a SinkRecord);

impl OriginalRecord for Errant<'_> {
    fn position(&self) -> String {
        let original = &self.0.original;
        format!("topic {}, partition {}, offset {}", original.topic, original.partition, original.offset)
    }

    fn log_text(&self) -> String {
        let original = &self.0.original;
        let (timestamp, ty) = (self.0.timestamp, self.0.timestamp_type);
        consumed_text(&original.topic, original.partition, original.offset, timestamp, ty)
    }

    fn consumed(&self) -> Option<Consumed> {
        let original = &self.0.original;
        let raw = self.0.raw.as_deref()?.clone();
        Some(Consumed {
            topic: Arc::clone(&original.topic),
            partition: original.partition,
            offset: original.offset,
            raw,
        })
    }
}
