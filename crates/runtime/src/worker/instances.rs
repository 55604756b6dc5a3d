//! `Worker`: the connectors and tasks that run in this process.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.Worker`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use milena_api::config::ConfigMap;
use milena_api::error::{Error, Result};
use milena_api::source::OffsetReader;
use tokio::time::Instant;

use super::builder::TaskBuilder;
use super::connector::{AnyConnector, ConnectorStart, WorkerConnector};
use super::task::{TaskControl, TaskState, TaskStatusWriter};
use crate::herder::{ConnectorTaskId, ConnectorType, State, TargetState};
use crate::logging::LogContext;
use crate::plugins::PluginRegistry;
use crate::storage::{ConnectorOffsets, StatusStore};
use crate::tasks::{Handle, Kind, Spawner};

/// Runs connectors and tasks.
pub struct Worker {
    builder: TaskBuilder,
    spawner: Spawner,
    statuses: Arc<StatusStore>,
    /// `task.shutdown.graceful.timeout.ms`, for all tasks stopped together.
    task_stop_timeout: Duration,
    connectors: Mutex<HashMap<String, WorkerConnector>>,
    tasks: Mutex<HashMap<ConnectorTaskId, RunningTask>>,
}

struct RunningTask {
    control: TaskControl,
    work: Handle<()>,
    /// Interrupts a sink's poll.
    wakeup: Option<milena_kafka::consumer::Wakeup>,
}

/// Task configurations that a connector made.
pub struct MadeTaskConfigs {
    /// The connector's configuration, resolved, that they were made from.
    pub applied: ConfigMap,
    /// One per task, with references to config providers put back.
    pub tasks: Vec<ConfigMap>,
}

impl Worker {
    /// A worker without connectors.
    pub fn new(
        builder: TaskBuilder,
        spawner: Spawner,
        statuses: Arc<StatusStore>,
        task_stop_timeout: Duration,
    ) -> Self {
        let (connectors, tasks) = (Mutex::default(), Mutex::default());
        Worker { builder, spawner, statuses, task_stop_timeout, connectors, tasks }
    }

    /// The plug-ins.
    pub fn registry(&self) -> &PluginRegistry {
        self.builder.registry()
    }

    /// Kind of the connector that a configuration names.
    pub fn connector_type(&self, config: &ConfigMap) -> ConnectorType {
        self.builder.connector_type(config)
    }

    /// What builds tasks, and knows stores and clients.
    pub(crate) fn builder(&self) -> &TaskBuilder {
        &self.builder
    }

    /// Starts a connector; resolves when it is in `state`. A failure is noted in its status too.
    pub fn start_connector(
        &self,
        name: &str,
        config: &ConfigMap,
        state: TargetState,
        reconfigure: Arc<dyn Fn() + Send + Sync>,
    ) -> BoxFuture<'static, Result<TargetState>> {
        if self.connectors().contains_key(name) {
            let error = Error::fatal(format!("Connector with name {name} already exists"));
            return Box::pin(async move { Err(error) });
        }
        tracing::info!(target: "org.apache.kafka.connect.runtime.Worker", "Creating connector {name}");
        let start = self.builder.connector(config).map(|(connector, version, resolved)| ConnectorStart {
            name: Arc::from(name),
            offsets: (!connector.is_sink()).then(|| OffsetReader::new(Arc::new(self.builder.offsets(name)))),
            connector,
            version,
            config: resolved,
            statuses: Arc::clone(&self.statuses),
            reconfigure,
        });
        match start {
            Ok(start) => {
                let connector = WorkerConnector::spawn(start, &self.spawner);
                let reached = connector.transition(state);
                self.connectors().insert(name.to_owned(), connector);
                Box::pin(async move { reached.await.unwrap_or_else(|_| Err(gone())) })
            }
            Err(error) => {
                tracing::error!(connector = name, "failed to start the connector\n{}", error.trace().trim_end());
                self.statuses.put_connector(name, State::Failed, Some(error.trace()), None);
                Box::pin(async move { Err(error) })
            }
        }
    }

    /// Stops a connector's instance; nothing happens if there is none.
    pub async fn stop_connector(&self, name: &str) {
        let connector = self.connectors().remove(name);
        if let Some(connector) = connector {
            connector.shutdown().await;
            tracing::info!(target: "org.apache.kafka.connect.runtime.Worker", "Stopped connector {name}");
        }
    }

    /// True if the connector is started.
    pub fn is_running(&self, name: &str) -> bool {
        self.connectors().get(name).is_some_and(WorkerConnector::is_running)
    }

    /// Asks a running connector for its task configurations.
    ///
    /// # Errors
    /// The connector's, or more tasks than `tasks.max` allows.
    pub async fn connector_task_configs(&self, name: &str, config: &ConfigMap) -> Result<MadeTaskConfigs> {
        let resolved = self.builder.resolve(config)?;
        let max_tasks = self.builder.max_tasks(&resolved)?;
        let answer = {
            let connectors = self.connectors();
            let Some(connector) = connectors.get(name) else {
                return Err(Error::fatal(format!("Connector {name} not found in this worker.")));
            };
            connector.task_configs(max_tasks)
        };
        let (class, made) = answer.await.unwrap_or_else(|_| Err(gone()))?;
        let tasks = self.builder.finish_task_configs(name, config, max_tasks, &class, made)?;
        Ok(MadeTaskConfigs { applied: resolved, tasks })
    }

    /// Starts a task; false if it could not even be built, which its status then tells.
    pub fn start_task(
        &self,
        id: &ConnectorTaskId,
        connector: &ConfigMap,
        task: &ConfigMap,
        state: TargetState,
    ) -> bool {
        tracing::info!(target: "org.apache.kafka.connect.runtime.Worker", "Creating task {id}");
        let control = TaskControl::new(match state {
            TargetState::Started => TaskState::Run,
            TargetState::Paused => TaskState::Pause,
            TargetState::Stopped => TaskState::Stop,
        });
        let status = TaskStatusWriter {
            id: id.clone(),
            statuses: Arc::clone(&self.statuses),
            control: control.clone(),
            version: None,
            secrets: Arc::new(match self.builder.transform(connector) {
                Ok(secrets) => secrets,
                Err(error) => {
                    tracing::error!(%error, task = %id, "could not resolve the configuration");
                    self.statuses.put_task(id, State::Failed, Some(error.trace()), None);
                    return false;
                }
            }),
        };
        let built = {
            // Clients start tasks of their own, which belong where the task runs.
            let _data = self.spawner.enter(Kind::Data);
            self.builder.task(id, connector, task, status.clone())
        };
        match built {
            Ok(built) => {
                let wakeup = built.wakeup();
                let log = LogContext::task(&id.connector, id.task);
                let (panic_status, work) = (status, built.run());
                let mut inner = self.spawner.spawn(Kind::Data, &log, work);
                // A panic becomes the task's failure; the outer task only waits.
                let work = self.spawner.spawn(Kind::Control, &log, async move {
                    if let Err(panic) = inner.join().await {
                        panic_status.ended(Err(Error::fatal(format!("the task panicked: {panic}"))));
                    }
                });
                self.tasks().insert(id.clone(), RunningTask { control, work, wakeup });
                true
            }
            Err(error) => {
                status.failed(&error);
                false
            }
        }
    }

    /// Stops tasks: all are told first, then waited for under one deadline; those that do not stop are given up.
    pub async fn stop_tasks(&self, ids: &[ConnectorTaskId]) {
        let mut stopping: Vec<(ConnectorTaskId, RunningTask)> = {
            let mut tasks = self.tasks();
            ids.iter().filter_map(|id| tasks.remove(id).map(|task| (id.clone(), task))).collect()
        };
        for (_, task) in &stopping {
            task.set(TaskState::Stop);
        }
        let deadline = Instant::now() + self.task_stop_timeout;
        for (id, task) in &mut stopping {
            let left = deadline.saturating_duration_since(Instant::now());
            if task.work.join_within(left).await.is_none() {
                tracing::error!(target: "org.apache.kafka.connect.runtime.Worker", "Graceful stop of task {id} failed.");
                self.statuses.put_task(id, State::Unassigned, None, None);
                task.control.cancel();
                if let Some(wakeup) = &task.wakeup {
                    wakeup.wakeup();
                }
            }
        }
    }

    /// Tells a connector and its tasks of a new target state; resolves when the connector is there.
    pub fn set_target_state(
        &self,
        name: &str,
        ids: &[ConnectorTaskId],
        state: TargetState,
    ) -> BoxFuture<'static, Result<TargetState>> {
        let wanted = match state {
            TargetState::Started => TaskState::Run,
            TargetState::Paused => TaskState::Pause,
            TargetState::Stopped => TaskState::Stop,
        };
        {
            let tasks = self.tasks();
            for task in ids.iter().filter_map(|id| tasks.get(id)) {
                task.set(wanted);
            }
        }
        let reached = self.connectors().get(name).map(|connector| connector.transition(state));
        let name = name.to_owned();
        Box::pin(async move {
            match reached {
                Some(reached) => reached.await.unwrap_or_else(|_| Err(gone())),
                None => Err(Error::fatal(format!("Connector {name} is not running on this worker"))),
            }
        })
    }

    /// Stored offsets of a source connector.
    pub fn source_offsets(&self, name: &str) -> ConnectorOffsets {
        self.builder.offsets(name)
    }

    /// A connector object that is not started, for calls that need none that runs.
    ///
    /// # Errors
    /// The class is unknown or cannot be made.
    pub fn idle_connector(&self, config: &ConfigMap) -> Result<(AnyConnector, ConfigMap)> {
        self.builder.connector(config).map(|(connector, _, resolved)| (connector, resolved.to_map()))
    }

    /// Where work runs.
    pub(crate) fn spawner(&self) -> &Spawner {
        &self.spawner
    }

    fn connectors(&self) -> MutexGuard<'_, HashMap<String, WorkerConnector>> {
        self.connectors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, HashMap<ConnectorTaskId, RunningTask>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunningTask {
    fn set(&self, state: TaskState) {
        self.control.set(state);
        if let Some(wakeup) = &self.wakeup {
            wakeup.wakeup();
        }
    }
}

fn gone() -> Error {
    Error::fatal("the connector has been stopped")
}
