//! Sink connectors and tasks: from Kafka into another system.
//!
//! Counterpart: `org.apache.kafka.connect.sink`.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::config::{ConfigDef, ConfigInput, ConfigMap, ConfigValue};
use crate::connector::{ConnectorContext, TaskConfigs};
use crate::error::{Error, Result};
use crate::metrics::PluginMetrics;
use crate::record::{SinkRecord, TopicPartition};

/// Offsets by topic partition: each is the offset of the record *after* the last one it covers.
pub type Offsets = BTreeMap<TopicPartition, i64>;

/// Consumer-group offsets to be altered; `None` resets that partition.
pub type SinkOffsetChanges = BTreeMap<TopicPartition, Option<i64>>;

/// A connector that splits the writing to another system into tasks. See [`crate::connector`] for its life; the calls are those of
/// [`crate::source::SourceConnector`].
pub trait SinkConnector: Default + Send + 'static {
    /// The tasks.
    type Task: SinkTask;

    /// Version of the connector.
    ///
    /// # Errors
    /// Logged; the version is then `undefined`.
    fn version(&self) -> Result<String>;

    /// The definition of the connector's own keys.
    ///
    /// # Errors
    /// Validation answers with it.
    fn config(&self) -> Result<ConfigDef>;

    /// Checks a whole configuration; by default each key against [`SinkConnector::config`].
    ///
    /// # Errors
    /// Only if validation itself was impossible.
    fn validate(&self, config: &ConfigInput) -> impl Future<Output = Result<Vec<ConfigValue>>> + Send {
        let values = self.config().map(|definition| definition.validate(config));
        async move { values }
    }

    /// Called once, first.
    ///
    /// # Errors
    /// The connector becomes FAILED.
    fn initialize(&mut self, context: ConnectorContext) -> impl Future<Output = Result<()>> + Send;

    /// Called instead of `initialize` where the configurations of tasks that ran before are known; by default they are ignored.
    ///
    /// # Errors
    /// The connector becomes FAILED.
    fn initialize_with_task_configs(
        &mut self,
        context: ConnectorContext,
        _task_configs: &[ConfigMap],
    ) -> impl Future<Output = Result<()>> + Send {
        self.initialize(context)
    }

    /// Called on the way to RUNNING, also when resumed.
    ///
    /// # Errors
    /// The connector becomes FAILED.
    fn start(&mut self, config: ConfigMap) -> impl Future<Output = Result<()>> + Send;

    /// A running connector gets another configuration; by default stop and start.
    ///
    /// # Errors
    /// The connector becomes FAILED.
    fn reconfigure(&mut self, config: ConfigMap) -> impl Future<Output = Result<()>> + Send {
        async move {
            self.stop().await?;
            self.start(config).await
        }
    }

    /// Java class name of the tasks.
    ///
    /// # Errors
    /// No tasks are started.
    fn task_class(&self) -> Result<String>;

    /// At most `max_tasks` configurations. `topics` and `topics.regex` are added by the runtime.
    ///
    /// # Errors
    /// Asked again later, with back-off.
    fn task_configs(&mut self, max_tasks: usize) -> impl Future<Output = Result<TaskConfigs>> + Send;

    /// Called on the way to PAUSED and STOPPED, and before the connector goes.
    ///
    /// # Errors
    /// Logged, or FAILED when pausing.
    fn stop(&mut self) -> impl Future<Output = Result<()>> + Send;

    /// Users alter or reset offsets over REST (KIP-875); see [`crate::source::SourceConnector::alter_offsets`].
    ///
    /// # Errors
    /// Nothing is altered; the text goes to the user.
    fn alter_offsets(
        &mut self,
        _config: &ConfigMap,
        _offsets: &SinkOffsetChanges,
    ) -> impl Future<Output = Result<bool>> + Send {
        async { Ok(false) }
    }
}

/// A task that writes to another system. The runtime owns it and makes one call at a time.
///
/// Life: `initialize`, `start`, `open` with the first partitions, then `put` and, now and then, `pre_commit`; `open` and `close` whenever
/// partitions come and go; `stop`.
pub trait SinkTask: Default + Send + 'static {
    /// Version of the task.
    ///
    /// # Errors
    /// The task fails.
    fn version(&self) -> Result<String>;

    /// Called once, first.
    ///
    /// # Errors
    /// The task fails.
    fn initialize(&mut self, context: SinkTaskContext) -> impl Future<Output = Result<()>> + Send;

    /// Called once, before the group is joined. Open connections here.
    ///
    /// # Errors
    /// The task fails.
    fn start(&mut self, config: ConfigMap) -> impl Future<Output = Result<()>> + Send;

    /// These partitions were assigned in addition.
    ///
    /// # Errors
    /// The task fails.
    fn open(&mut self, _partitions: &[TopicPartition]) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Records in order of each partition; may be empty, which is the time to write out what is due. Waiting here pauses fetching;
    /// it must not take longer than `max.poll.interval.ms`.
    ///
    /// # Errors
    /// A retriable error gets the same batch again; any other fails the task.
    ///
    /// # Cancel safety
    /// Not needed: the runtime drops the future only when the time to stop is over.
    fn put(&mut self, records: &[SinkRecord]) -> impl Future<Output = Result<()>> + Send;

    /// Writes out everything below `offsets`.
    ///
    /// # Errors
    /// Nothing is committed; records from the last committed offset on come again.
    fn flush(&mut self, _offsets: &Offsets) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// What may be committed, given what was delivered; by default `flush` and then all of it. A partition left out is not committed.
    ///
    /// # Errors
    /// As `flush`.
    fn pre_commit(&mut self, offsets: &Offsets) -> impl Future<Output = Result<Offsets>> + Send {
        async move {
            self.flush(offsets).await?;
            Ok(offsets.clone())
        }
    }

    /// These partitions are taken away; offsets are committed right after (unless the partitions were lost).
    ///
    /// # Errors
    /// The task fails.
    fn close(&mut self, _partitions: &[TopicPartition]) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Called once, last; also after a failure.
    ///
    /// # Errors
    /// Logged, otherwise without effect.
    fn stop(&mut self) -> impl Future<Output = Result<()>> + Send;
}

/// Takes records that a sink task could not write (KIP-610).
pub trait ErrantRecordHost: Send + Sync {
    /// Reports a record; resolves when it is written to the dead-letter queue and log.
    fn report(&self, record: SinkRecord, error: Error) -> BoxFuture<'static, Result<()>>;
}

/// Reports records that cannot be written; usable from any thread. Counterpart: `ErrantRecordReporter`.
#[derive(Clone)]
pub struct ErrantRecordReporter(Arc<dyn ErrantRecordHost>);

impl ErrantRecordReporter {
    /// A reporter backed by `host`.
    pub fn new(host: Arc<dyn ErrantRecordHost>) -> Self {
        ErrantRecordReporter(host)
    }

    /// Reports `record`. The report is made by this call; the future only tells when it is durable, and need not be awaited:
    /// the runtime waits for all of them before it commits offsets.
    ///
    /// # Errors
    /// (From the future) errors are not tolerated by `errors.tolerance`, or the dead letter could not be written: the task fails.
    pub fn report(&self, record: SinkRecord, error: Error) -> BoxFuture<'static, Result<()>> {
        self.0.report(record, error)
    }
}

/// The runtime's side of [`SinkTaskContext`].
pub trait SinkTaskHost: Send + Sync {
    /// The task's configuration as it is now, references to config providers resolved.
    fn configs(&self) -> ConfigMap;
    /// Rewinds partitions before the next `put`.
    fn rewind(&self, offsets: Offsets);
    /// Bounds the wait for the next `put`.
    fn timeout(&self, timeout: Duration);
    /// Partitions assigned now.
    fn assignment(&self) -> Vec<TopicPartition>;
    /// Stops fetching.
    ///
    /// # Errors
    /// A partition that is not assigned.
    fn pause(&self, partitions: &[TopicPartition]) -> Result<()>;
    /// Goes on fetching.
    ///
    /// # Errors
    /// A partition that is not assigned.
    fn resume(&self, partitions: &[TopicPartition]) -> Result<()>;
    /// Asks for an offset commit soon.
    fn request_commit(&self);
    /// Present if a dead-letter queue or error log is configured.
    fn errant_record_reporter(&self) -> Option<ErrantRecordReporter>;
    /// Metrics of this task.
    fn metrics(&self) -> PluginMetrics;
}

/// What a sink task may ask of the runtime.
#[derive(Clone)]
pub struct SinkTaskContext(Arc<dyn SinkTaskHost>);

impl SinkTaskContext {
    /// A context backed by `host`.
    pub fn new(host: Arc<dyn SinkTaskHost>) -> Self {
        SinkTaskContext(host)
    }

    /// The task's configuration as it is now.
    pub fn configs(&self) -> ConfigMap {
        self.0.configs()
    }

    /// Has the partitions read from these offsets on, before the next `put`: for tasks that keep their own offsets.
    pub fn offset(&self, offsets: Offsets) {
        self.0.rewind(offsets);
    }

    /// Have the next `put` called after `timeout` at the latest, even without records; also how long a retriable error waits.
    pub fn timeout(&self, timeout: Duration) {
        self.0.timeout(timeout);
    }

    /// Partitions assigned now.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.0.assignment()
    }

    /// Stops fetching from partitions.
    ///
    /// # Errors
    /// A partition that is not assigned.
    pub fn pause(&self, partitions: &[TopicPartition]) -> Result<()> {
        self.0.pause(partitions)
    }

    /// Goes on fetching from partitions.
    ///
    /// # Errors
    /// A partition that is not assigned.
    pub fn resume(&self, partitions: &[TopicPartition]) -> Result<()> {
        self.0.resume(partitions)
    }

    /// Asks for an offset commit at the next turn.
    pub fn request_commit(&self) {
        self.0.request_commit();
    }

    /// Present if a dead-letter queue is configured or errors are logged.
    pub fn errant_record_reporter(&self) -> Option<ErrantRecordReporter> {
        self.0.errant_record_reporter()
    }

    /// Metrics of this task.
    pub fn metrics(&self) -> PluginMetrics {
        self.0.metrics()
    }
}

/// The traits as the runtime sees them: boxed futures, no associated types. Authors never meet them.
pub mod erased {
    use super::*;

    /// Object-safe twin of [`super::SinkConnector`].
    #[expect(missing_docs, reason = "each method is the one of the same name in the typed trait")]
    pub trait DynSinkConnector: Send {
        fn version(&self) -> Result<String>;
        fn config(&self) -> Result<ConfigDef>;
        fn validate<'a>(&'a self, config: &'a ConfigInput) -> BoxFuture<'a, Result<Vec<ConfigValue>>>;
        fn initialize(&mut self, context: ConnectorContext) -> BoxFuture<'_, Result<()>>;
        fn initialize_with_task_configs<'a>(
            &'a mut self,
            context: ConnectorContext,
            task_configs: &'a [ConfigMap],
        ) -> BoxFuture<'a, Result<()>>;
        fn start(&mut self, config: ConfigMap) -> BoxFuture<'_, Result<()>>;
        fn reconfigure(&mut self, config: ConfigMap) -> BoxFuture<'_, Result<()>>;
        fn task_class(&self) -> Result<String>;
        fn task_configs(&mut self, max_tasks: usize) -> BoxFuture<'_, Result<TaskConfigs>>;
        fn stop(&mut self) -> BoxFuture<'_, Result<()>>;
        fn alter_offsets<'a>(
            &'a mut self,
            config: &'a ConfigMap,
            offsets: &'a SinkOffsetChanges,
        ) -> BoxFuture<'a, Result<bool>>;
    }

    impl<C: SinkConnector + Sync> DynSinkConnector for C {
        fn version(&self) -> Result<String> {
            SinkConnector::version(self)
        }

        fn config(&self) -> Result<ConfigDef> {
            SinkConnector::config(self)
        }

        fn validate<'a>(&'a self, config: &'a ConfigInput) -> BoxFuture<'a, Result<Vec<ConfigValue>>> {
            Box::pin(SinkConnector::validate(self, config))
        }

        fn initialize(&mut self, context: ConnectorContext) -> BoxFuture<'_, Result<()>> {
            Box::pin(SinkConnector::initialize(self, context))
        }

        fn initialize_with_task_configs<'a>(
            &'a mut self,
            context: ConnectorContext,
            task_configs: &'a [ConfigMap],
        ) -> BoxFuture<'a, Result<()>> {
            Box::pin(SinkConnector::initialize_with_task_configs(self, context, task_configs))
        }

        fn start(&mut self, config: ConfigMap) -> BoxFuture<'_, Result<()>> {
            Box::pin(SinkConnector::start(self, config))
        }

        fn reconfigure(&mut self, config: ConfigMap) -> BoxFuture<'_, Result<()>> {
            Box::pin(SinkConnector::reconfigure(self, config))
        }

        fn task_class(&self) -> Result<String> {
            SinkConnector::task_class(self)
        }

        fn task_configs(&mut self, max_tasks: usize) -> BoxFuture<'_, Result<TaskConfigs>> {
            Box::pin(SinkConnector::task_configs(self, max_tasks))
        }

        fn stop(&mut self) -> BoxFuture<'_, Result<()>> {
            Box::pin(SinkConnector::stop(self))
        }

        fn alter_offsets<'a>(
            &'a mut self,
            config: &'a ConfigMap,
            offsets: &'a SinkOffsetChanges,
        ) -> BoxFuture<'a, Result<bool>> {
            Box::pin(SinkConnector::alter_offsets(self, config, offsets))
        }
    }

    /// Object-safe twin of [`super::SinkTask`].
    #[expect(missing_docs, reason = "each method is the one of the same name in the typed trait")]
    pub trait DynSinkTask: Send {
        fn version(&self) -> Result<String>;
        fn initialize(&mut self, context: SinkTaskContext) -> BoxFuture<'_, Result<()>>;
        fn start(&mut self, config: ConfigMap) -> BoxFuture<'_, Result<()>>;
        fn open<'a>(&'a mut self, partitions: &'a [TopicPartition]) -> BoxFuture<'a, Result<()>>;
        fn put<'a>(&'a mut self, records: &'a [SinkRecord]) -> BoxFuture<'a, Result<()>>;
        fn pre_commit<'a>(&'a mut self, offsets: &'a Offsets) -> BoxFuture<'a, Result<Offsets>>;
        fn close<'a>(&'a mut self, partitions: &'a [TopicPartition]) -> BoxFuture<'a, Result<()>>;
        fn stop(&mut self) -> BoxFuture<'_, Result<()>>;
    }

    impl<T: SinkTask> DynSinkTask for T {
        fn version(&self) -> Result<String> {
            SinkTask::version(self)
        }

        fn initialize(&mut self, context: SinkTaskContext) -> BoxFuture<'_, Result<()>> {
            Box::pin(SinkTask::initialize(self, context))
        }

        fn start(&mut self, config: ConfigMap) -> BoxFuture<'_, Result<()>> {
            Box::pin(SinkTask::start(self, config))
        }

        fn open<'a>(&'a mut self, partitions: &'a [TopicPartition]) -> BoxFuture<'a, Result<()>> {
            Box::pin(SinkTask::open(self, partitions))
        }

        fn put<'a>(&'a mut self, records: &'a [SinkRecord]) -> BoxFuture<'a, Result<()>> {
            Box::pin(SinkTask::put(self, records))
        }

        fn pre_commit<'a>(&'a mut self, offsets: &'a Offsets) -> BoxFuture<'a, Result<Offsets>> {
            Box::pin(SinkTask::pre_commit(self, offsets))
        }

        fn close<'a>(&'a mut self, partitions: &'a [TopicPartition]) -> BoxFuture<'a, Result<()>> {
            Box::pin(SinkTask::close(self, partitions))
        }

        fn stop(&mut self) -> BoxFuture<'_, Result<()>> {
            Box::pin(SinkTask::stop(self))
        }
    }
}
