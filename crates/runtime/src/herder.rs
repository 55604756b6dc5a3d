//! `Herder`: what REST, the command line and tests may ask of a worker.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.Herder`. Two implementations: standalone and distributed. Every call returns
//! after its effect is durable, or with an error that says it is not known (invariant 7). Dropping a returned future does not undo
//! the request: it goes on in the herder.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use indexmap::IndexMap;
use milena_api::config::{ConfigInput, ConfigKeyInfo, ConfigMap};
use milena_api::data::Map;
use milena_api::plugin::PluginKind;

use crate::stage::Stage;
use crate::validation::ConfigInfos;

/// Result of a request to the herder.
pub type HerderResult<T> = Result<T, RequestError>;

/// A request in flight.
pub type Request<'a, T> = BoxFuture<'a, HerderResult<T>>;

/// Why a request failed, with the HTTP status that stands for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    /// HTTP status and `error_code`.
    pub status: u16,
    /// Java class of the exception, which some endpoints show.
    pub class: String,
    /// Text; `None` prints as JSON null.
    pub message: Option<String>,
}

impl RequestError {
    /// 400, `BadRequestException`.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "org.apache.kafka.connect.runtime.rest.errors.BadRequestException", message)
    }

    /// 404, `NotFoundException`.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "org.apache.kafka.connect.errors.NotFoundException", message)
    }

    /// 409, `AlreadyExistsException`.
    pub fn already_exists(message: impl Into<String>) -> Self {
        Self::new(409, "org.apache.kafka.connect.errors.AlreadyExistsException", message)
    }

    /// 500, `ConnectException`.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "org.apache.kafka.connect.errors.ConnectException", message)
    }

    /// Any other.
    pub fn new(status: u16, class: impl Into<String>, message: impl Into<String>) -> Self {
        RequestError { status, class: class.into(), message: Some(message.into()) }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message.as_deref().unwrap_or(&self.class))
    }
}

impl std::error::Error for RequestError {}

/// An error of a plug-in or store that no endpoint maps specially is a 500 with its message.
impl From<milena_api::Error> for RequestError {
    fn from(error: milena_api::Error) -> Self {
        RequestError { status: 500, class: error.java_class().to_owned(), message: error.message().map(str::to_owned) }
    }
}

/// One task of a connector. Prints as `connector-0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectorTaskId {
    /// Connector.
    pub connector: Arc<str>,
    /// Number, from 0.
    pub task: u32,
}

impl ConnectorTaskId {
    /// A task of a connector.
    pub fn new(connector: impl Into<Arc<str>>, task: u32) -> Self {
        ConnectorTaskId { connector: connector.into(), task }
    }
}

impl fmt::Display for ConnectorTaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.connector, self.task)
    }
}

/// Kind of a connector as REST shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectorType {
    /// `source`.
    Source,
    /// `sink`.
    Sink,
    /// `unknown`: no class, or none that this worker has.
    Unknown,
}

impl ConnectorType {
    /// The text seen in REST.
    pub const fn name(self) -> &'static str {
        match self {
            ConnectorType::Source => "source",
            ConnectorType::Sink => "sink",
            ConnectorType::Unknown => "unknown",
        }
    }
}

/// What users want a connector to do (KIP-52, KIP-875).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetState {
    /// Run.
    Started,
    /// Keep connector and tasks, do nothing.
    Paused,
    /// Keep the configuration only.
    Stopped,
}

/// State of a connector or task as statuses show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the status topic")]
pub enum State {
    Unassigned,
    Running,
    Paused,
    Failed,
    Restarting,
    Stopped,
    Destroyed,
}

impl State {
    /// The text of statuses.
    pub const fn name(self) -> &'static str {
        match self {
            State::Unassigned => "UNASSIGNED",
            State::Running => "RUNNING",
            State::Paused => "PAUSED",
            State::Failed => "FAILED",
            State::Restarting => "RESTARTING",
            State::Stopped => "STOPPED",
            State::Destroyed => "DESTROYED",
        }
    }
}

/// A connector, its configuration as given, and its tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorInfo {
    /// Name.
    pub name: String,
    /// Configuration, references to config providers unresolved.
    pub config: ConfigMap,
    /// Tasks, sorted.
    pub tasks: Vec<ConnectorTaskId>,
    /// Kind.
    pub ty: ConnectorType,
}

/// Status of a connector or task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// State.
    pub state: State,
    /// `host:port` of the worker it is on.
    pub worker_id: String,
    /// Why it failed.
    pub trace: Option<String>,
    /// Version of the plug-in: `None` if the status has none, `undefined` if the plug-in has none.
    pub version: Option<String>,
}

/// Status of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskStatus {
    /// Number.
    pub id: u32,
    /// Status.
    pub status: Status,
}

/// Status of a connector and its tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorStateInfo {
    /// Name.
    pub name: String,
    /// The connector's.
    pub connector: Status,
    /// The tasks', sorted by number.
    pub tasks: Vec<TaskStatus>,
    /// Kind.
    pub ty: ConnectorType,
}

/// Configuration of a task, as the connector made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskInfo {
    /// Which.
    pub id: ConnectorTaskId,
    /// Configuration, references to config providers unresolved.
    pub config: ConfigMap,
}

/// `POST /connectors/{name}/restart` (KIP-745).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartRequest {
    /// Only what has failed.
    pub only_failed: bool,
    /// Tasks too.
    pub include_tasks: bool,
}

impl RestartRequest {
    /// True for the form from before KIP-745: restart the connector alone, and answer when it is done.
    pub fn is_legacy(self) -> bool {
        !self.only_failed && !self.include_tasks
    }
}

/// Result of `PUT /connectors/{name}/config` and `POST /connectors`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// False if it replaced another configuration.
    pub created: bool,
    /// The connector as it is now.
    pub info: ConnectorInfo,
}

/// A stored offset: partition and offset maps. Sinks have `kafka_topic`, `kafka_partition` and `kafka_offset` in them.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectorOffset {
    /// Partition.
    pub partition: Option<Map>,
    /// Offset; `None` (in a request) resets the partition.
    pub offset: Option<Map>,
}

/// Message of a request that altered or reset offsets.
pub type Message = String;

/// A plug-in as `GET /connector-plugins` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginInfo {
    /// Full Java class name.
    pub class: String,
    /// Kind.
    pub kind: PluginKind,
    /// Version; `undefined` is left out of the listing.
    pub version: String,
}

/// A logger's level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggerLevel {
    /// `TRACE` … `OFF`.
    pub level: String,
    /// When it was changed over REST, milliseconds since the epoch.
    pub last_modified: Option<i64>,
}

/// What REST, the command line and tests may ask of a worker.
pub trait Herder: Send + Sync + 'static {
    /// Id of the Kafka cluster.
    fn kafka_cluster_id(&self) -> String;

    /// True once start-up is complete, which in standalone mode includes the connectors of the command line.
    fn is_ready(&self) -> bool;

    /// What the herder does now or did last, for the text of a time-out.
    fn stage(&self) -> Option<Stage>;

    /// Resolves when the herder is able to serve requests.
    fn health_check(&self) -> Request<'_, ()>;

    /// Names of all connectors.
    fn connectors(&self) -> Request<'_, Vec<String>>;

    /// A connector.
    fn connector_info<'a>(&'a self, name: &'a str) -> Request<'a, ConnectorInfo>;

    /// A connector's configuration, unresolved.
    fn connector_config<'a>(&'a self, name: &'a str) -> Request<'a, ConfigMap>;

    /// Creates or replaces a connector; validates first.
    fn put_connector_config<'a>(
        &'a self,
        name: &'a str,
        config: ConfigInput,
        target_state: Option<TargetState>,
        allow_replace: bool,
    ) -> Request<'a, Created>;

    /// Changes some keys of a connector's configuration; `None` removes a key (KIP-477).
    fn patch_connector_config<'a>(&'a self, name: &'a str, patch: ConfigInput) -> Request<'a, Created>;

    /// Removes a connector. Its offsets stay.
    fn delete_connector<'a>(&'a self, name: &'a str) -> Request<'a, ()>;

    /// Status of a connector and its tasks.
    fn connector_status<'a>(&'a self, name: &'a str) -> Request<'a, ConnectorStateInfo>;

    /// Status of a task.
    fn task_status<'a>(&'a self, name: &'a str, task: u32) -> Request<'a, TaskStatus>;

    /// Configurations of a connector's tasks.
    fn task_configs<'a>(&'a self, name: &'a str) -> Request<'a, Vec<TaskInfo>>;

    /// Restarts the connector alone; resolves when it is done.
    fn restart_connector<'a>(&'a self, name: &'a str) -> Request<'a, ()>;

    /// Restarts connector and tasks as asked; gives the statuses with RESTARTING where that is to happen.
    fn restart_connector_and_tasks<'a>(
        &'a self,
        name: &'a str,
        request: RestartRequest,
    ) -> Request<'a, ConnectorStateInfo>;

    /// Restarts a task.
    fn restart_task<'a>(&'a self, name: &'a str, task: u32) -> Request<'a, ()>;

    /// Target state PAUSED.
    fn pause_connector<'a>(&'a self, name: &'a str) -> Request<'a, ()>;

    /// Target state STARTED.
    fn resume_connector<'a>(&'a self, name: &'a str) -> Request<'a, ()>;

    /// Target state STOPPED: removes the tasks (KIP-875).
    fn stop_connector<'a>(&'a self, name: &'a str) -> Request<'a, ()>;

    /// Topics that the connector has used since its creation or the last reset (KIP-558). 403 where tracking is off.
    fn connector_active_topics<'a>(&'a self, name: &'a str) -> Request<'a, Vec<String>>;

    /// Forgets the topics used.
    fn reset_connector_active_topics<'a>(&'a self, name: &'a str) -> Request<'a, ()>;

    /// Stored offsets.
    fn connector_offsets<'a>(&'a self, name: &'a str) -> Request<'a, Vec<ConnectorOffset>>;

    /// Alters stored offsets of a stopped connector.
    fn alter_connector_offsets<'a>(&'a self, name: &'a str, offsets: Vec<ConnectorOffset>) -> Request<'a, Message>;

    /// Resets all stored offsets of a stopped connector.
    fn reset_connector_offsets<'a>(&'a self, name: &'a str) -> Request<'a, Message>;

    /// All plug-ins that listings show, in their order.
    fn plugins(&self) -> Vec<PluginInfo>;

    /// Definitions of a plug-in's keys.
    fn plugin_config<'a>(&'a self, plugin: &'a str, version: Option<&'a str>) -> Request<'a, Vec<ConfigKeyInfo>>;

    /// Validates a connector configuration.
    fn validate_connector_config(&self, config: ConfigInput) -> Request<'_, ConfigInfos>;

    /// All loggers and their levels, sorted by name.
    fn all_logger_levels(&self) -> IndexMap<String, LoggerLevel>;

    /// Level of a logger.
    fn logger_level(&self, logger: &str) -> Option<LoggerLevel>;

    /// Sets the level of a logger and of those below it on this worker; gives those that changed. `level` is one of Java's.
    fn set_worker_logger_level(&self, logger: &str, level: &str) -> Vec<String>;

    /// Sets the level of a logger on all workers.
    fn set_cluster_logger_level<'a>(&'a self, logger: &'a str, level: &'a str) -> Request<'a, ()>;

    /// Stops connectors and tasks, flushes offsets, closes stores; within `deadline`.
    fn shutdown(&self, deadline: Duration) -> BoxFuture<'_, ()>;
}
