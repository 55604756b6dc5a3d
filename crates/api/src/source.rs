//! Source connectors and tasks: from another system into Kafka.
//!
//! Counterpart: `org.apache.kafka.connect.source`.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::config::{ConfigDef, ConfigInput, ConfigMap, ConfigValue};
use crate::connector::{ConnectorContext, OffsetChanges, TaskConfigs};
use crate::error::Result;
use crate::metrics::PluginMetrics;
use crate::record::{RecordMetadata, SourceMap, SourceRecord};

/// Can a source connector deliver each record exactly once (KIP-618)?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExactlyOnceSupport {
    /// Yes, with this configuration.
    Supported,
    /// No.
    Unsupported,
}

/// Can a source connector define the transactions that its records are written in (KIP-618)?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectorTransactionBoundaries {
    /// Yes, with this configuration.
    Supported,
    /// No.
    Unsupported,
}

/// A connector that splits the reading of a source system into tasks. See [`crate::connector`] for its life.
pub trait SourceConnector: Default + Send + 'static {
    /// The tasks.
    type Task: SourceTask;

    /// Version of the connector, shown in `/connector-plugins` and statuses.
    ///
    /// # Errors
    /// Logged; the version is then `undefined`.
    fn version(&self) -> Result<String>;

    /// The definition of the connector's own keys.
    ///
    /// # Errors
    /// Validation answers with it.
    fn config(&self) -> Result<ConfigDef>;

    /// Checks a whole configuration; by default each key against [`SourceConnector::config`]. May contact the source system.
    ///
    /// # Errors
    /// Only if validation itself was impossible; findings belong into the values.
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

    /// At most `max_tasks` configurations. A task sees nothing of the connector's configuration but what is put in here.
    ///
    /// # Errors
    /// Asked again later, with back-off.
    fn task_configs(&mut self, max_tasks: usize) -> impl Future<Output = Result<TaskConfigs>> + Send;

    /// Called on the way to PAUSED and STOPPED, and before the connector goes.
    ///
    /// # Errors
    /// Logged, or FAILED when pausing.
    fn stop(&mut self) -> impl Future<Output = Result<()>> + Send;

    /// Exactly-once with this configuration? `None` if the connector does not say.
    ///
    /// # Errors
    /// Validation answers with it.
    fn exactly_once_support(&self, _config: &ConfigMap) -> Result<Option<ExactlyOnceSupport>> {
        Ok(None)
    }

    /// Own transaction boundaries with this configuration?
    ///
    /// # Errors
    /// Validation answers with it.
    fn can_define_transaction_boundaries(&self, _config: &ConfigMap) -> Result<Option<ConnectorTransactionBoundaries>> {
        Ok(Some(ConnectorTransactionBoundaries::Unsupported))
    }

    /// Users alter or reset offsets over REST (KIP-875); called before they are stored. True: the connector took note of them
    /// itself; false (the default): it may keep offsets elsewhere that are to be altered by hand.
    ///
    /// # Errors
    /// Nothing is stored; the text goes to the user. An unsupported error says that offsets cannot be altered at all.
    fn alter_offsets(
        &mut self,
        _config: &ConfigMap,
        _offsets: &OffsetChanges,
    ) -> impl Future<Output = Result<bool>> + Send {
        async { Ok(false) }
    }
}

/// A task that reads from a source system. The runtime owns it and makes one call at a time.
///
/// Life: `initialize`, `start`, then `poll` again and again, with `commit_record` and `commit` between polls, then `stop`.
pub trait SourceTask: Default + Send + 'static {
    /// If false (the default), `commit_record` is never called and no record is kept for it.
    const WANTS_COMMIT_RECORD: bool = false;

    /// Version of the task.
    ///
    /// # Errors
    /// The task fails.
    fn version(&self) -> Result<String>;

    /// Called once, first.
    ///
    /// # Errors
    /// The task fails.
    fn initialize(&mut self, context: SourceTaskContext) -> impl Future<Output = Result<()>> + Send;

    /// Called once. Open connections here.
    ///
    /// # Errors
    /// The task fails.
    fn start(&mut self, config: ConfigMap) -> impl Future<Output = Result<()>> + Send;

    /// The next records in order, or `None` if there are none now. May wait as long as it likes **if** it also waits for
    /// [`SourceTaskContext::wakeup`] and returns then: the runtime wants to stop, pause or report commits. Without that it should return
    /// within a second or so, as acknowledgements are only reported between polls.
    ///
    /// # Errors
    /// A retriable error counts as `None`; any other fails the task.
    ///
    /// # Cancel safety
    /// Not needed: the runtime drops the future only when the time to stop is over.
    fn poll(&mut self) -> impl Future<Output = Result<Option<Vec<SourceRecord>>>> + Send;

    /// Source offsets were stored. Everything that is behind them may be let go in the source system.
    ///
    /// # Errors
    /// Logged, otherwise without effect.
    fn commit(&mut self) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Kafka has acknowledged the record, as it was before transforms; or it was filtered or tolerated: then without metadata.
    /// Called for each record, in the order of acknowledgement, if [`SourceTask::WANTS_COMMIT_RECORD`].
    ///
    /// # Errors
    /// Logged, otherwise without effect.
    fn commit_record(
        &mut self,
        _record: &SourceRecord,
        _metadata: Option<&RecordMetadata>,
    ) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Called once, last, after the last poll has returned; also after a failure.
    ///
    /// # Errors
    /// Logged, otherwise without effect.
    fn stop(&mut self) -> impl Future<Output = Result<()>> + Send;
}

/// Reads the offsets that were stored for a connector.
pub trait OffsetStore: Send + Sync {
    /// The stored offset of each partition, in the order asked for.
    ///
    /// # Errors
    /// The store cannot be read.
    fn offsets<'a>(&'a self, partitions: &'a [SourceMap]) -> BoxFuture<'a, Result<Vec<Option<SourceMap>>>>;
}

/// Handle on the stored offsets of one connector. Counterpart: `OffsetStorageReader`.
#[derive(Clone)]
pub struct OffsetReader(Arc<dyn OffsetStore>);

impl OffsetReader {
    /// A reader of `store`.
    pub fn new(store: Arc<dyn OffsetStore>) -> Self {
        OffsetReader(store)
    }

    /// The stored offset of a source partition. Numbers come back as `I64` and `F64`, whatever they were stored from.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn offset(&self, partition: &SourceMap) -> Result<Option<SourceMap>> {
        let mut found = self.0.offsets(std::slice::from_ref(partition)).await?;
        Ok(found.pop().flatten())
    }

    /// The stored offsets of several source partitions, in the order asked for.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn offsets(&self, partitions: &[SourceMap]) -> Result<Vec<Option<SourceMap>>> {
        self.0.offsets(partitions).await
    }
}

/// The runtime's side of [`TransactionContext`].
pub trait TransactionHost: Send + Sync {
    /// Commit after the batch that the running poll returns.
    fn commit_batch(&self);
    /// Abort after the batch that the running poll returns.
    fn abort_batch(&self);
}

/// Defines transactions by the batch; by the record it is [`SourceRecord::transaction`]. Counterpart: `TransactionContext` (KIP-618).
#[derive(Clone)]
pub struct TransactionContext(Arc<dyn TransactionHost>);

impl TransactionContext {
    /// A context backed by `host`.
    pub fn new(host: Arc<dyn TransactionHost>) -> Self {
        TransactionContext(host)
    }

    /// Commits after the batch that the running poll returns.
    pub fn commit_transaction(&self) {
        self.0.commit_batch();
    }

    /// Aborts after the batch that the running poll returns.
    pub fn abort_transaction(&self) {
        self.0.abort_batch();
    }
}

/// The runtime's side of [`SourceTaskContext`].
pub trait SourceTaskHost: Send + Sync {
    /// The task's configuration as it is now, references to config providers resolved.
    fn configs(&self) -> ConfigMap;
    /// Stored offsets of the connector.
    fn offset_reader(&self) -> OffsetReader;
    /// Present if the connector defines transaction boundaries.
    fn transaction_context(&self) -> Option<TransactionContext>;
    /// Metrics of this task.
    fn metrics(&self) -> PluginMetrics;
    /// Resolves when the runtime wants control back.
    fn wakeup(&self) -> BoxFuture<'_, ()>;
}

/// What a source task may ask of the runtime.
#[derive(Clone)]
pub struct SourceTaskContext(Arc<dyn SourceTaskHost>);

impl SourceTaskContext {
    /// A context backed by `host`.
    pub fn new(host: Arc<dyn SourceTaskHost>) -> Self {
        SourceTaskContext(host)
    }

    /// The task's configuration as it is now.
    pub fn configs(&self) -> ConfigMap {
        self.0.configs()
    }

    /// Stored offsets of the connector.
    pub fn offset_reader(&self) -> OffsetReader {
        self.0.offset_reader()
    }

    /// Present if `transaction.boundary=connector`.
    pub fn transaction_context(&self) -> Option<TransactionContext> {
        self.0.transaction_context()
    }

    /// Metrics of this task.
    pub fn metrics(&self) -> PluginMetrics {
        self.0.metrics()
    }

    /// Resolves when the runtime wants `poll` to return: to stop, to pause, or to report commits. At once if it already does.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn wakeup(&self) {
        self.0.wakeup().await;
    }
}

/// The traits as the runtime sees them: boxed futures, no associated types. Authors never meet them.
pub mod erased {
    use super::*;

    /// Object-safe twin of [`super::SourceConnector`].
    #[expect(missing_docs, reason = "each method is the one of the same name in the typed trait")]
    pub trait DynSourceConnector: Send {
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
        fn exactly_once_support(&self, config: &ConfigMap) -> Result<Option<ExactlyOnceSupport>>;
        fn can_define_transaction_boundaries(
            &self,
            config: &ConfigMap,
        ) -> Result<Option<ConnectorTransactionBoundaries>>;
        fn alter_offsets<'a>(
            &'a mut self,
            config: &'a ConfigMap,
            offsets: &'a OffsetChanges,
        ) -> BoxFuture<'a, Result<bool>>;
    }

    impl<C: SourceConnector + Sync> DynSourceConnector for C {
        fn version(&self) -> Result<String> {
            SourceConnector::version(self)
        }

        fn config(&self) -> Result<ConfigDef> {
            SourceConnector::config(self)
        }

        fn validate<'a>(&'a self, config: &'a ConfigInput) -> BoxFuture<'a, Result<Vec<ConfigValue>>> {
            Box::pin(SourceConnector::validate(self, config))
        }

        fn initialize(&mut self, context: ConnectorContext) -> BoxFuture<'_, Result<()>> {
            Box::pin(SourceConnector::initialize(self, context))
        }

        fn initialize_with_task_configs<'a>(
            &'a mut self,
            context: ConnectorContext,
            task_configs: &'a [ConfigMap],
        ) -> BoxFuture<'a, Result<()>> {
            Box::pin(SourceConnector::initialize_with_task_configs(self, context, task_configs))
        }

        fn start(&mut self, config: ConfigMap) -> BoxFuture<'_, Result<()>> {
            Box::pin(SourceConnector::start(self, config))
        }

        fn reconfigure(&mut self, config: ConfigMap) -> BoxFuture<'_, Result<()>> {
            Box::pin(SourceConnector::reconfigure(self, config))
        }

        fn task_class(&self) -> Result<String> {
            SourceConnector::task_class(self)
        }

        fn task_configs(&mut self, max_tasks: usize) -> BoxFuture<'_, Result<TaskConfigs>> {
            Box::pin(SourceConnector::task_configs(self, max_tasks))
        }

        fn stop(&mut self) -> BoxFuture<'_, Result<()>> {
            Box::pin(SourceConnector::stop(self))
        }

        fn exactly_once_support(&self, config: &ConfigMap) -> Result<Option<ExactlyOnceSupport>> {
            SourceConnector::exactly_once_support(self, config)
        }

        fn can_define_transaction_boundaries(
            &self,
            config: &ConfigMap,
        ) -> Result<Option<ConnectorTransactionBoundaries>> {
            SourceConnector::can_define_transaction_boundaries(self, config)
        }

        fn alter_offsets<'a>(
            &'a mut self,
            config: &'a ConfigMap,
            offsets: &'a OffsetChanges,
        ) -> BoxFuture<'a, Result<bool>> {
            Box::pin(SourceConnector::alter_offsets(self, config, offsets))
        }
    }

    /// Object-safe twin of [`super::SourceTask`].
    #[expect(missing_docs, reason = "each method is the one of the same name in the typed trait")]
    pub trait DynSourceTask: Send {
        fn wants_commit_record(&self) -> bool;
        fn version(&self) -> Result<String>;
        fn initialize(&mut self, context: SourceTaskContext) -> BoxFuture<'_, Result<()>>;
        fn start(&mut self, config: ConfigMap) -> BoxFuture<'_, Result<()>>;
        fn poll(&mut self) -> BoxFuture<'_, Result<Option<Vec<SourceRecord>>>>;
        fn commit(&mut self) -> BoxFuture<'_, Result<()>>;
        fn commit_record<'a>(
            &'a mut self,
            record: &'a SourceRecord,
            metadata: Option<&'a RecordMetadata>,
        ) -> BoxFuture<'a, Result<()>>;
        fn stop(&mut self) -> BoxFuture<'_, Result<()>>;
    }

    impl<T: SourceTask> DynSourceTask for T {
        fn wants_commit_record(&self) -> bool {
            T::WANTS_COMMIT_RECORD
        }

        fn version(&self) -> Result<String> {
            SourceTask::version(self)
        }

        fn initialize(&mut self, context: SourceTaskContext) -> BoxFuture<'_, Result<()>> {
            Box::pin(SourceTask::initialize(self, context))
        }

        fn start(&mut self, config: ConfigMap) -> BoxFuture<'_, Result<()>> {
            Box::pin(SourceTask::start(self, config))
        }

        fn poll(&mut self) -> BoxFuture<'_, Result<Option<Vec<SourceRecord>>>> {
            Box::pin(SourceTask::poll(self))
        }

        fn commit(&mut self) -> BoxFuture<'_, Result<()>> {
            Box::pin(SourceTask::commit(self))
        }

        fn commit_record<'a>(
            &'a mut self,
            record: &'a SourceRecord,
            metadata: Option<&'a RecordMetadata>,
        ) -> BoxFuture<'a, Result<()>> {
            Box::pin(SourceTask::commit_record(self, record, metadata))
        }

        fn stop(&mut self) -> BoxFuture<'_, Result<()>> {
            Box::pin(SourceTask::stop(self))
        }
    }
}
