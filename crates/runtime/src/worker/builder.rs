//! `TaskBuilder`: makes connectors and tasks from configurations: plug-ins, converters, transformations, clients.
//!
//! Counterpart: the builders inside `org.apache.kafka.connect.runtime.Worker`.

use std::sync::{Arc, OnceLock};

use milena_api::config::ConfigMap;
use milena_api::connector::TaskConfigs;
use milena_api::converter::ConverterRole;
use milena_api::error::{Error, Result};
use milena_api::metrics::PluginMetrics;
use milena_api::plugin::{Factory, PluginKind};
use milena_api::sink::ErrantRecordReporter;
use milena_api::source::{OffsetReader, SourceTaskContext};
use milena_kafka::admin::Admin;
use milena_kafka::config::{AdminConfig, ConsumerConfig, ProducerConfig};
use milena_kafka::consumer::{Consumer, Subscription, Wakeup};
use milena_kafka::producer::Producer;

use super::connector::AnyConnector;
use super::converters::Converters;
use super::errors::from_kafka;
use super::sink_context::{ErrantHost, ErrantReports, SinkHost};
use super::sink_task::SinkTaskRunner;
use super::source_context::SourceHost;
use super::source_task::SourceTaskRunner;
use super::task::TaskStatusWriter;
use super::topic_creation::TopicCreation;
use super::topic_tracker::TopicTracker;
use super::transformation_chain::TransformationChain;
use crate::config::{
    ClientConfigs, ConnectorConfig, Side, SinkTopics, TopicCreationGroups, Transformed, WorkerConfig, with_prefix,
};
use crate::errors::{DeadLetterQueue, ErrorConfig, ErrorMetrics, ErrorOperator, LogReporter, Reporters};
use crate::herder::{ConnectorTaskId, ConnectorType};
use crate::logging::LogContext;
use crate::plugins::{PluginRegistry, VersionRange};
use crate::storage::{ConnectorOffsets, FileOffsetStore, OffsetCodec, StatusStore};
use crate::tasks::Spawner;

/// What a worker makes things of.
pub struct WorkerParts {
    /// Configuration of the worker.
    pub config: Arc<WorkerConfig>,
    /// Plug-ins.
    pub registry: Arc<PluginRegistry>,
    /// Id of the Kafka cluster, once it is known.
    pub kafka_cluster_id: Arc<OnceLock<String>>,
    /// Source offsets.
    pub offsets: Arc<FileOffsetStore>,
    /// Their form.
    pub codec: Arc<OffsetCodec>,
    /// Statuses, and the topics connectors use.
    pub statuses: Arc<StatusStore>,
    /// Where work runs.
    pub spawner: Spawner,
}

/// Makes connectors and tasks.
pub struct TaskBuilder(WorkerParts);

/// A task ready to run.
pub(crate) enum BuiltTask {
    /// Of a source.
    Source(Box<SourceTaskRunner>),
    /// Of a sink.
    Sink(Box<SinkTaskRunner>, Wakeup),
}

impl BuiltTask {
    /// What interrupts the task's wait for records.
    pub fn wakeup(&self) -> Option<Wakeup> {
        match self {
            BuiltTask::Source(_) => None,
            BuiltTask::Sink(_, wakeup) => Some(wakeup.clone()),
        }
    }

    /// Runs the task to its end.
    pub async fn run(self) {
        match self {
            BuiltTask::Source(task) => task.run().await,
            BuiltTask::Sink(task, _) => task.run().await,
        }
    }
}

impl TaskBuilder {
    /// A builder from these parts.
    pub fn new(parts: WorkerParts) -> Self {
        TaskBuilder(parts)
    }

    /// The plug-ins.
    pub fn registry(&self) -> &PluginRegistry {
        &self.0.registry
    }

    /// Kind of the connector that a configuration names.
    pub fn connector_type(&self, config: &ConfigMap) -> ConnectorType {
        let range = match version_range(config, "connector.plugin.version") {
            Ok(range) => range,
            Err(_) => return ConnectorType::Unknown,
        };
        match config.get("connector.class").and_then(|class| self.0.registry.connector(class, range.as_ref()).ok()) {
            Some(plugin) if plugin.kind() == PluginKind::Source => ConnectorType::Source,
            Some(_) => ConnectorType::Sink,
            None => ConnectorType::Unknown,
        }
    }

    /// Source offsets of a connector.
    pub fn offsets(&self, connector: &str) -> ConnectorOffsets {
        ConnectorOffsets::new(connector, Arc::clone(&self.0.offsets), Arc::clone(&self.0.codec))
    }

    /// A configuration with references to config providers resolved.
    ///
    /// # Errors
    /// A provider's.
    pub fn resolve(&self, config: &ConfigMap) -> Result<ConfigMap> {
        Ok(self.transform(config)?.to_map())
    }

    /// A configuration with references resolved, and what is secret in it.
    ///
    /// # Errors
    /// A provider's.
    pub fn transform(&self, config: &ConfigMap) -> Result<Transformed> {
        self.0.config.transformer().transform_map(config)
    }

    /// `tasks.max`.
    ///
    /// # Errors
    /// The configuration is not valid.
    pub fn max_tasks(&self, resolved: &ConfigMap) -> Result<usize> {
        Ok(self.parse(resolved)?.tasks_max())
    }

    fn parse(&self, resolved: &ConfigMap) -> Result<ConnectorConfig> {
        let side = if self.connector_type(resolved) == ConnectorType::Source { Side::Source } else { Side::Sink };
        ConnectorConfig::parse(resolved.clone(), side, &self.0.registry)
    }

    fn clients<'a>(&'a self, connector: &'a str, config: &'a ConfigMap) -> ClientConfigs<'a> {
        let cluster = self.0.kafka_cluster_id.get().map(String::as_str).unwrap_or_default();
        ClientConfigs::new(&self.0.config, connector, config, cluster)
    }

    /// A connector object that is not started, its version and its configuration with references resolved.
    ///
    /// # Errors
    /// The class is unknown or cannot be made.
    pub fn connector(&self, config: &ConfigMap) -> Result<(AnyConnector, Option<String>, Arc<Transformed>)> {
        let transformed = Arc::new(self.transform(config)?);
        let resolved = transformed.to_map();
        let class = resolved.get("connector.class").map(String::as_str).unwrap_or_default();
        let range = version_range(&resolved, "connector.plugin.version")?;
        let plugin = self.0.registry.connector(class, range.as_ref())?;
        let connector = match &plugin.factory {
            Factory::Source { connector, .. } => AnyConnector::Source(connector()?),
            Factory::Sink { connector, .. } => AnyConnector::Sink(connector()?),
            _ => return Err(Error::fatal(format!("{class} is not a connector"))),
        };
        if !connector.is_sink() && self.0.config.topic_creation {
            // Told here, where the user still listens, and not by each task.
            TopicCreationGroups::parse(&self.parse(&resolved)?)?;
        }
        Ok((connector, Some(plugin.version.clone()), transformed))
    }

    /// Adds to a connector's task configurations what the framework puts there, and puts references back.
    ///
    /// # Errors
    /// More tasks than `tasks.max`, which `tasks.max.enforce` forbids.
    pub fn finish_task_configs(
        &self,
        name: &str,
        config: &ConfigMap,
        max_tasks: usize,
        class: &str,
        made: TaskConfigs,
    ) -> Result<Vec<ConfigMap>> {
        let transformed = self.transform(config)?;
        let resolved = transformed.to_map();
        if made.len() > max_tasks {
            let text = format!(
                "The connector {name} has generated {} tasks, which is greater than {max_tasks}, the maximum number of tasks it is configured \
                 to create. ",
                made.len()
            );
            if self.parse(&resolved)?.enforces_tasks_max() {
                return Err(Error::fatal(format!(
                    "{text}This behaviour should be considered a bug and is disallowed. If necessary, it can be permitted by reconfiguring the \
                     connector with 'tasks.max.enforce' set to false; however, this option will be removed in a future release of Kafka Connect."
                ))
                .with_class("org.apache.kafka.connect.runtime.TooManyTasksException"));
            }
            tracing::warn!(
                "{text}This behaviour should be considered a bug and will be disallowed in future releases of Kafka Connect."
            );
        }
        let finish = |mut task: ConfigMap| {
            task.insert("task.class".to_owned(), class.to_owned());
            for key in ["topics", "topics.regex"] {
                if let Some(value) = resolved.get(key) {
                    task.insert(key.to_owned(), value.clone());
                }
            }
            transformed.reverse(&mut task);
            task
        };
        Ok(made.into_iter().map(finish).collect())
    }

    /// Builds a task.
    ///
    /// # Errors
    /// Whatever of its parts cannot be made; the text says which.
    pub(crate) fn task(
        &self,
        id: &ConnectorTaskId,
        connector: &ConfigMap,
        task: &ConfigMap,
        status: TaskStatusWriter,
    ) -> Result<BuiltTask> {
        let connector = self.transform(connector)?;
        let built = self.build(id, &connector.to_map(), task, status);
        built.map_err(|error| connector.mask_error(error))
    }

    fn build(
        &self,
        id: &ConnectorTaskId,
        connector_config: &ConfigMap,
        task: &ConfigMap,
        mut status: TaskStatusWriter,
    ) -> Result<BuiltTask> {
        let task_config = self.resolve(task)?;
        let config = self.parse(connector_config)?;
        let class = connector_config.get("connector.class").map(String::as_str).unwrap_or_default();
        let range = version_range(connector_config, "connector.plugin.version")?;
        let plugin = self.0.registry.connector(class, range.as_ref())?;
        status.version = Some(plugin.version.clone());
        let converters = self.converters(connector_config)?;
        let chain = TransformationChain::build(&self.0.registry, connector_config, &config)?;
        let clients = self.clients(&id.connector, connector_config);
        match &plugin.factory {
            Factory::Source { task, .. } => {
                let task = task()?;
                status.version = Some(task.version()?);
                let parts = TaskParts { id, config: &config, task_config, converters, chain, clients, status };
                Ok(BuiltTask::Source(Box::new(self.source(task, parts)?)))
            }
            Factory::Sink { task, .. } => {
                let task = task()?;
                status.version = Some(task.version()?);
                let parts = TaskParts { id, config: &config, task_config, converters, chain, clients, status };
                let (runner, wakeup) = self.sink(task, parts)?;
                Ok(BuiltTask::Sink(Box::new(runner), wakeup))
            }
            _ => Err(Error::fatal(format!(
                "Failed to start task {id} since it is not a recognizable type (source or sink)"
            ))),
        }
    }

    fn source(
        &self,
        task: Box<dyn milena_api::source::erased::DynSourceTask>,
        parts: TaskParts<'_>,
    ) -> Result<SourceTaskRunner> {
        let TaskParts { id, config, task_config, converters, chain, clients, status } = parts;
        let offsets = self.offsets(&id.connector);
        let control = status.control.clone();
        let host = SourceHost {
            config: task_config.clone(),
            offsets: OffsetReader::new(Arc::new(offsets.clone())),
            metrics: PluginMetrics::discard(),
            attention: control.attention().clone(),
        };
        let errors = error_config(config);
        let log = errors.log.then(|| LogReporter::new(id.clone(), errors.log_messages));
        let operator = ErrorOperator::new(
            errors,
            Arc::new(ErrorMetrics::default()),
            Reporters::new(log, None),
            control.cancelled().clone(),
            Arc::clone(&status.secrets),
        );
        let groups = if self.0.config.topic_creation { TopicCreationGroups::parse(config)? } else { None };
        let creation = match groups {
            Some(groups) => {
                let admin = clients.admin(&format!("connector-adminclient-{id}"))?;
                let admin = AdminConfig::from_properties(&admin).map_err(from_kafka)?;
                Some((Admin::new(admin).map_err(from_kafka)?, groups))
            }
            None => None,
        };
        let producer = clients.producer(&format!("connector-producer-{id}"))?;
        let producer = ProducerConfig::from_properties(&producer).map_err(from_kafka)?;
        let (producer, completions) = Producer::new(producer).map_err(from_kafka)?;
        Ok(SourceTaskRunner {
            task,
            config: task_config,
            context: SourceTaskContext::new(Arc::new(host)),
            control,
            status,
            chain,
            converters,
            operator: Arc::new(operator),
            producer,
            completions,
            topics: TopicCreation::new(creation),
            offsets,
            flush_interval: self.0.config.offset_flush_interval,
            flush_timeout: self.0.config.offset_flush_timeout,
            tracker: self.tracker(id),
        })
    }

    fn sink(
        &self,
        task: Box<dyn milena_api::sink::erased::DynSinkTask>,
        parts: TaskParts<'_>,
    ) -> Result<(SinkTaskRunner, Wakeup)> {
        let TaskParts { id, config, task_config, converters, chain, clients, status } = parts;
        let control = status.control.clone();
        let errors = error_config(config);
        let log_reporter = errors.log.then(|| LogReporter::new(id.clone(), errors.log_messages));
        let dead_letters = match config.dead_letter_queue() {
            Some(queue) => Some(DeadLetterQueue::new(
                id.clone(),
                &queue.topic,
                queue.replication_factor,
                queue.context_headers,
                clients.admin(&format!("connector-dlq-adminclient-{id}"))?,
                clients.producer(&format!("connector-dlq-producer-{id}"))?,
            )),
            None => None,
        };
        let reporters = Reporters::new(log_reporter, dead_letters);
        let reports_somewhere = !reporters.is_empty();
        let metrics = Arc::new(ErrorMetrics::default());
        let (cancelled, secrets) = (control.cancelled().clone(), Arc::clone(&status.secrets));
        let operator = Arc::new(ErrorOperator::new(errors, metrics, reporters, cancelled, secrets));
        let reports = ErrantReports::default();
        let reporter = reports_somewhere.then(|| {
            let log = LogContext::task(&id.connector, id.task);
            let host = ErrantHost::new(Arc::clone(&operator), reports.clone(), &self.0.spawner, &log);
            ErrantRecordReporter::new(Arc::new(host))
        });
        let consumer = clients.sink_consumer(&format!("connector-consumer-{id}"))?;
        let consumer = ConsumerConfig::from_properties(&consumer).map_err(from_kafka)?;
        let consumer = Consumer::new(consumer).map_err(from_kafka)?;
        let wakeup = consumer.wakeup_handle();
        let host = SinkHost::new(task_config.clone(), PluginMetrics::discard(), reporter, wakeup.clone());
        let runner = SinkTaskRunner {
            task,
            config: task_config,
            host: Arc::new(host),
            control,
            status,
            chain,
            converters,
            operator,
            reports,
            consumer: Some(consumer),
            subscription: Some(subscription(config)?),
            flush_interval: self.0.config.offset_flush_interval,
            flush_timeout: self.0.config.offset_flush_timeout,
            tracker: self.tracker(id),
        };
        Ok((runner, wakeup))
    }

    /// Admin client and consumer group of a sink connector, for its offsets.
    ///
    /// # Errors
    /// A client setting that cannot be used.
    pub fn sink_group(&self, name: &str, config: &ConfigMap) -> Result<(Admin, String)> {
        let resolved = self.resolve(config)?;
        let clients = self.clients(name, &resolved);
        let group = clients.sink_group()?;
        let admin = clients.admin(&format!("connector-worker-adminclient-{name}"))?;
        let admin = AdminConfig::from_properties(&admin).map_err(from_kafka)?;
        Ok((Admin::new(admin).map_err(from_kafka)?, group))
    }

    fn tracker(&self, id: &ConnectorTaskId) -> TopicTracker {
        let store = self.0.config.topic_tracking.then(|| Arc::clone(&self.0.statuses));
        TopicTracker::new(Arc::clone(&id.connector), store)
    }

    /// The connector's own converters where it names them, else the worker's with the worker's settings.
    fn converters(&self, connector: &ConfigMap) -> Result<Converters> {
        let (key, key_class) = self.converter(connector, ConverterRole::Key)?;
        let (value, value_class) = self.converter(connector, ConverterRole::Value)?;
        let (class, config) = self.converter_config(connector, ConverterRole::Header);
        let range = version_range(&config, "plugin.version")?;
        let plugin = self.plugin(PluginKind::HeaderConverter, &class, range.as_ref())?;
        let Factory::HeaderConverter(make) = &plugin.factory else {
            return Err(Error::fatal(format!("{class} is not a header converter")));
        };
        let mut header = make()?;
        header.configure(&config)?;
        Ok(Converters { key, key_class, value, value_class, header, header_class: plugin.class.clone() })
    }

    fn converter(
        &self,
        connector: &ConfigMap,
        role: ConverterRole,
    ) -> Result<(Box<dyn milena_api::converter::Converter>, String)> {
        let (class, config) = self.converter_config(connector, role);
        let range = version_range(&config, "plugin.version")?;
        let plugin = self.plugin(PluginKind::Converter, &class, range.as_ref())?;
        let Factory::Converter(make) = &plugin.factory else {
            return Err(Error::fatal(format!("{class} is not a converter")));
        };
        let mut converter = make()?;
        converter.configure(&config, role)?;
        Ok((converter, plugin.class.clone()))
    }

    fn converter_config(&self, connector: &ConfigMap, role: ConverterRole) -> (String, ConfigMap) {
        let key = format!("{}.converter", role.name());
        let (class, from) = match connector.get(&key) {
            Some(class) => (class.clone(), connector),
            None => (self.0.config.converter_class(role).to_owned(), self.0.config.originals()),
        };
        let mut config = with_prefix(from, &format!("{key}."));
        config.insert("converter.type".to_owned(), role.name().to_owned());
        (class, config)
    }

    fn plugin(
        &self,
        kind: PluginKind,
        class: &str,
        range: Option<&VersionRange>,
    ) -> Result<Arc<milena_api::plugin::Plugin>> {
        let found = self.0.registry.plugin(kind, class, range)?;
        Ok(Arc::clone(found))
    }
}

/// What both kinds of tasks are built from.
struct TaskParts<'a> {
    id: &'a ConnectorTaskId,
    config: &'a ConnectorConfig,
    task_config: ConfigMap,
    converters: Converters,
    chain: TransformationChain,
    clients: ClientConfigs<'a>,
    status: TaskStatusWriter,
}

fn error_config(config: &ConnectorConfig) -> ErrorConfig {
    ErrorConfig {
        retry_timeout: config.errors_retry_timeout(),
        retry_delay_max: config.errors_retry_delay_max(),
        tolerate_all: config.tolerates_all_errors(),
        log: config.logs_errors(),
        log_messages: config.logs_error_messages(),
    }
}

/// What a sink consumes: `topics`, or what matches `topics.regex` from end to end.
fn subscription(config: &ConnectorConfig) -> Result<Subscription> {
    match config.sink_topics() {
        SinkTopics::Topics(topics) => Ok(Subscription::Topics(topics)),
        SinkTopics::Regex(regex) => {
            let whole = milena_api::config::compile_java_regex_whole(&regex).map_err(|error| {
                Error::config(format!("Invalid value {regex} for configuration topics.regex: Invalid regex: {error}"))
            })?;
            Ok(Subscription::Pattern(Arc::new(move |topic: &str| whole.is_match(topic).unwrap_or(false))))
        }
    }
}

/// The versions of a plug-in that a configuration asks for.
pub(super) fn version_range(config: &ConfigMap, key: &str) -> Result<Option<VersionRange>> {
    let range = VersionRange::required(config.get(key).map(String::as_str));
    range.map_err(|error| Error::config(format!("Invalid version range for {key}: {error}")))
}
