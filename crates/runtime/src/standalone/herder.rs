//! `StandaloneHerder`: the herder of a worker without a cluster.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.standalone.StandaloneHerder`. Changes happen one at a time, in *turns*; what may block
//! (validation, starting a connector, asking it for task configurations) happens between turns. Reads never wait for a turn. A
//! request goes on to its end even if the one who asked has given up.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use indexmap::IndexMap;
use milena_api::config::{ConfigInput, ConfigKeyInfo, ConfigMap};

use crate::herder::{
    ConnectorInfo, ConnectorOffset, ConnectorStateInfo, ConnectorTaskId, ConnectorType, Created, Herder, HerderResult,
    LoggerLevel, Message, PluginInfo, Request, RequestError, RestartRequest, State, Status, TargetState, TaskInfo,
    TaskStatus,
};
use crate::logging::{JavaLevel, LogContext, Loggers};
use crate::stage::{Stage, StageGuard, Stages};
use crate::storage::{ConfigSnapshot, MemoryConfigStore, StatusStore};
use crate::tasks::{Kind, Spawner};
use crate::validation::{ConfigInfos, Validator};
use crate::worker::Worker;

/// Longest pause between two attempts to get task configurations.
const RECONFIGURE_BACKOFF_MAX: Duration = Duration::from_secs(60);

/// What a standalone herder is made of.
pub struct StandaloneParts {
    /// Runs connectors and tasks.
    pub worker: Arc<Worker>,
    /// Statuses.
    pub statuses: Arc<StatusStore>,
    /// Validates configurations.
    pub validator: Arc<Validator>,
    /// Log levels.
    pub loggers: Loggers,
    /// Where work runs.
    pub spawner: Spawner,
    /// Id of the Kafka cluster, once it is known.
    pub kafka_cluster_id: Arc<OnceLock<String>>,
    /// `topic.tracking.enable`.
    pub topic_tracking: bool,
    /// `topic.tracking.allow.reset`.
    pub topic_tracking_reset: bool,
}

/// Herder of a standalone worker. Cheap to clone.
#[derive(Clone)]
pub struct StandaloneHerder(Arc<Inner>);

pub(super) struct Inner {
    pub(super) parts: StandaloneParts,
    configs: Mutex<MemoryConfigStore>,
    /// Held by the one change that is being made.
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
    stages: Stages,
    ready: AtomicBool,
    /// No connector or task is started any more.
    stopping: AtomicBool,
    /// By connector, the number of its latest request for other tasks: only the latest is tried again and again.
    reconfigurations: Mutex<HashMap<String, u64>>,
}

/// Lets changes happen again when dropped.
#[expect(dead_code, reason = "held for their drop")]
pub struct Hold {
    turn: tokio::sync::OwnedMutexGuard<()>,
    stage: StageGuard,
}

impl StandaloneHerder {
    /// A herder without connectors.
    pub fn new(parts: StandaloneParts) -> Self {
        StandaloneHerder(Arc::new(Inner {
            parts,
            configs: Mutex::default(),
            turn: Arc::default(),
            stages: Stages::default(),
            ready: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            reconfigurations: Mutex::default(),
        }))
    }

    /// Holds up all changes, and with them `/health`, while the worker is not able to make any; `stage` says why.
    pub async fn hold(&self, stage: &str) -> Hold {
        let turn = Arc::clone(&self.0.turn).lock_owned().await;
        Hold { turn, stage: self.0.stages.enter(stage) }
    }

    /// Start-up is complete: `/health` says so from now on.
    pub fn set_ready(&self) {
        self.0.ready.store(true, Ordering::Release);
        tracing::info!(target: "org.apache.kafka.connect.runtime.standalone.StandaloneHerder", "Herder started");
    }

    /// Runs a request to its end, whatever becomes of the one who asked.
    fn request<T, F>(&self, work: impl FnOnce(Arc<Inner>) -> F) -> Request<'static, T>
    where
        T: Send + 'static,
        F: Future<Output = HerderResult<T>> + Send + 'static,
    {
        let work = work(Arc::clone(&self.0));
        let mut running = self.0.parts.spawner.spawn(Kind::Control, &LogContext::worker(), work);
        Box::pin(async move {
            let joined = running.join().await;
            joined.unwrap_or_else(|panic| Err(RequestError::internal(format!("the request failed: {panic}"))))
        })
    }
}

impl Inner {
    fn configs(&self) -> MutexGuard<'_, MemoryConfigStore> {
        self.configs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot(&self, name: &str) -> Option<ConfigSnapshot> {
        self.configs().get(name).cloned()
    }

    pub(super) fn known(&self, name: &str) -> HerderResult<ConfigSnapshot> {
        self.snapshot(name).ok_or_else(|| RequestError::not_found(format!("Connector {name} not found")))
    }

    fn ty(&self, config: &ConfigMap) -> ConnectorType {
        self.parts.worker.connector_type(config)
    }

    fn info(&self, name: &str) -> HerderResult<ConnectorInfo> {
        let known = self.known(name)?;
        let tasks = (0..known.tasks.len()).map(|task| ConnectorTaskId::new(name, task as u32)).collect();
        let ty = self.ty(&known.config);
        Ok(ConnectorInfo { name: name.to_owned(), config: known.config, tasks, ty })
    }

    async fn put_config(
        self: Arc<Self>,
        name: String,
        config: ConfigInput,
        target_state: Option<TargetState>,
        allow_replace: bool,
    ) -> HerderResult<Created> {
        let stages = self.stages.clone();
        let infos = self.parts.validator.validate(config.clone(), &stages).await?;
        infos.check()?;
        let config: ConfigMap = config.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        let (created, starting) = {
            let _turn = self.turn.lock().await;
            let created = !self.configs().contains(&name);
            if !created {
                if !allow_replace {
                    return Err(RequestError::already_exists(format!("Connector {name} already exists")));
                }
                self.parts.worker.stop_connector(&name).await;
            }
            self.configs().put(&name, config, target_state);
            (created, self.start_connector(&name))
        };
        let started = {
            let _stage = self.stages.enter("starting the connector");
            starting.await
        };
        let state = started.map_err(RequestError::from)?;
        if state == TargetState::Started {
            self.update_tasks(&name).await?;
        }
        Ok(Created { created, info: self.info(&name)? })
    }

    /// Starts the connector in its target state; resolves when it is there. The caller has the turn.
    fn start_connector(self: &Arc<Self>, name: &str) -> BoxFuture<'static, milena_api::Result<TargetState>> {
        if self.stopping.load(Ordering::Acquire) {
            return Box::pin(async { Err(milena_api::Error::fatal("the worker is stopping")) });
        }
        let Some(known) = self.snapshot(name) else {
            let message = format!("Connector {name} not found");
            return Box::pin(async move { Err(milena_api::Error::fatal(message)) });
        };
        let (weak, connector) = (Arc::downgrade(self), name.to_owned());
        let reconfigure = move || {
            if let Some(inner) = weak.upgrade() {
                inner.request_reconfiguration(connector.clone());
            }
        };
        self.parts.worker.start_connector(name, &known.config, known.target_state, Arc::new(reconfigure))
    }

    /// Asks the connector for task configurations, again and again until it answers.
    fn request_reconfiguration(self: Arc<Self>, name: String) {
        let number = {
            let mut latest = self.reconfigurations.lock().unwrap_or_else(PoisonError::into_inner);
            let latest = latest.entry(name.clone()).or_default();
            *latest += 1;
            *latest
        };
        let spawner = self.parts.spawner.clone();
        spawner.spawn(Kind::Control, &LogContext::connector(&name.clone()), async move {
            let mut backoff = Duration::from_millis(250);
            while let Err(error) = self.update_tasks(&name).await {
                tracing::error!(%error, retry_ms = backoff.as_millis() as u64, "could not reconfigure the connector's tasks");
                tokio::time::sleep(backoff).await;
                backoff = (backoff * 2).min(RECONFIGURE_BACKOFF_MAX);
                let latest = self.reconfigurations.lock().unwrap_or_else(PoisonError::into_inner).get(&name).copied();
                if latest != Some(number) {
                    // A later request does the same, or the connector is gone.
                    return;
                }
            }
        });
    }

    /// Gets task configurations and, where they differ from those in force, replaces the tasks.
    async fn update_tasks(self: &Arc<Self>, name: &str) -> HerderResult<()> {
        let Some(known) = self.snapshot(name) else { return Ok(()) };
        if !self.parts.worker.is_running(name) {
            tracing::info!(connector = name, "skipping the update of tasks, as the connector is not running");
            return Ok(());
        }
        let made = self.parts.worker.connector_task_configs(name, &known.config).await?;
        let _turn = self.turn.lock().await;
        let Some(now) = self.snapshot(name) else { return Ok(()) };
        if now.config != known.config || now.target_state != TargetState::Started {
            // Whoever changed it updates the tasks as well.
            return Ok(());
        }
        if self.stopping.load(Ordering::Acquire) {
            return Ok(());
        }
        let changed = now.tasks != made.tasks || now.applied.as_ref() != Some(&made.applied);
        if !changed {
            return Ok(());
        }
        self.remove_tasks(name).await;
        self.configs().put_tasks(name, made.tasks.clone(), made.applied);
        for (number, task) in made.tasks.into_iter().enumerate() {
            let id = ConnectorTaskId::new(name, number as u32);
            self.parts.worker.start_task(&id, &now.config, &task, TargetState::Started);
        }
        Ok(())
    }

    /// Stops the tasks and forgets their configurations; the caller has the turn.
    async fn remove_tasks(&self, name: &str) {
        let ids = self.configs().task_ids(name);
        if !ids.is_empty() {
            self.parts.worker.stop_tasks(&ids).await;
            self.configs().remove_tasks(name);
            self.parts.statuses.remove_tasks(name);
        }
    }

    async fn delete(self: Arc<Self>, name: String) -> HerderResult<()> {
        let _turn = self.turn.lock().await;
        self.known(&name)?;
        self.remove_tasks(&name).await;
        self.parts.worker.stop_connector(&name).await;
        self.configs().remove(&name);
        self.reconfigurations.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        self.parts.statuses.remove(&name);
        Ok(())
    }

    async fn set_target_state(self: Arc<Self>, name: String, state: TargetState) -> HerderResult<()> {
        let turn = self.turn.lock().await;
        if state == TargetState::Stopped {
            if self.snapshot(&name).is_none() {
                return Err(RequestError::new(
                    500,
                    "java.lang.IllegalArgumentException",
                    format!("No connector `{name}` configured"),
                ));
            }
            self.remove_tasks(&name).await;
        }
        let before = self.configs().put_target_state(&name, state);
        match before {
            None => return Err(RequestError::not_found(format!("Unknown connector {name}"))),
            Some(before) if before == state => return Ok(()),
            Some(_) => {}
        }
        let ids = self.configs().task_ids(&name);
        let changing = self.parts.worker.set_target_state(&name, &ids, state);
        drop(turn);
        // The answer is not waited for: the state is recorded, the connector follows.
        let inner = Arc::clone(&self);
        let log = LogContext::connector(&name);
        self.parts.spawner.spawn(Kind::Control, &log, async move {
            match changing.await {
                Ok(TargetState::Started) => Arc::clone(&inner).request_reconfiguration(name),
                Ok(_) => {}
                Err(error) => tracing::error!(%error, connector = %name, "could not change the connector's state"),
            }
        });
        Ok(())
    }

    async fn restart_connector(self: Arc<Self>, name: String) -> HerderResult<()> {
        let starting = {
            let _turn = self.turn.lock().await;
            if self.snapshot(&name).is_none() {
                // Java answers with the text of a NullPointerException here.
                return Err(RequestError::internal(format!("Connector {name} not found")));
            }
            self.parts.worker.stop_connector(&name).await;
            self.start_connector(&name)
        };
        if starting.await.map_err(RequestError::from)? == TargetState::Started {
            self.update_tasks(&name).await?;
        }
        Ok(())
    }

    async fn restart_all(self: Arc<Self>, name: String, request: RestartRequest) -> HerderResult<ConnectorStateInfo> {
        let turn = self.turn.lock().await;
        let Some(known) = self.snapshot(&name) else {
            return Err(RequestError::not_found(format!("Unknown connector: {name}")));
        };
        let Some(status) = self.parts.statuses.connector(&name) else {
            return Err(RequestError::not_found(format!("Status for connector {name} not found")));
        };
        let selected = |status: &Status| !request.only_failed || status.state == State::Failed;
        let connector = selected(&status);
        let tasks: Vec<ConnectorTaskId> = self
            .parts
            .statuses
            .tasks(&name)
            .iter()
            .filter(|task| request.include_tasks && selected(&task.status))
            .map(|task| ConnectorTaskId::new(name.as_str(), task.id))
            .collect();
        if connector {
            self.parts.worker.stop_connector(&name).await;
            self.parts.statuses.put_connector(&name, State::Restarting, None, status.version.clone());
        }
        self.parts.worker.stop_tasks(&tasks).await;
        for id in &tasks {
            let version = self.parts.statuses.task(&name, id.task).and_then(|task| task.status.version);
            self.parts.statuses.put_task(id, State::Restarting, None, version);
        }
        let answer = self.state_info(&name)?;
        let starting = connector.then(|| self.start_connector(&name));
        for id in &tasks {
            if let Some(config) = known.tasks.get(id.task as usize) {
                self.parts.worker.start_task(id, &known.config, config, known.target_state);
            }
        }
        drop(turn);
        if let Some(starting) = starting {
            let (inner, log) = (Arc::clone(&self), LogContext::connector(&name));
            self.parts.spawner.spawn(Kind::Control, &log, async move {
                match starting.await {
                    Ok(TargetState::Started) => inner.request_reconfiguration(name),
                    Ok(_) => {}
                    Err(error) => tracing::error!(%error, connector = %name, "could not restart the connector"),
                }
            });
        }
        Ok(answer)
    }

    async fn restart_task(self: Arc<Self>, name: String, task: u32) -> HerderResult<()> {
        let _turn = self.turn.lock().await;
        let id = ConnectorTaskId::new(name.as_str(), task);
        let Some(known) = self.snapshot(&name) else {
            return Err(RequestError::internal(format!(
                "Failed to start task {id} since it is not a recognizable type (source or sink)"
            )));
        };
        let Some(config) = known.tasks.get(task as usize) else {
            return Err(RequestError::not_found(format!("Task {id} not found")));
        };
        self.parts.worker.stop_tasks(std::slice::from_ref(&id)).await;
        if self.parts.worker.start_task(&id, &known.config, config, known.target_state) {
            Ok(())
        } else {
            Err(RequestError::internal(format!("Failed to start task: {id}")))
        }
    }

    fn state_info(&self, name: &str) -> HerderResult<ConnectorStateInfo> {
        let Some(connector) = self.parts.statuses.connector(name) else {
            return Err(RequestError::not_found(format!("No status found for connector {name}")));
        };
        let ty = self.snapshot(name).map_or(ConnectorType::Unknown, |known| self.ty(&known.config));
        Ok(ConnectorStateInfo { name: name.to_owned(), connector, tasks: self.parts.statuses.tasks(name), ty })
    }

    fn tracking(&self) -> HerderResult<()> {
        if self.parts.topic_tracking {
            return Ok(());
        }
        Err(RequestError::new(
            403,
            "org.apache.kafka.connect.runtime.rest.errors.ConnectRestException",
            "Topic tracking is disabled.",
        ))
    }
}

impl Herder for StandaloneHerder {
    fn kafka_cluster_id(&self) -> String {
        self.0.parts.kafka_cluster_id.get().cloned().unwrap_or_default()
    }

    fn is_ready(&self) -> bool {
        self.0.ready.load(Ordering::Acquire)
    }

    fn stage(&self) -> Option<Stage> {
        self.0.stages.current()
    }

    fn health_check(&self) -> Request<'_, ()> {
        self.request(|inner| async move {
            let _turn = inner.turn.lock().await;
            Ok(())
        })
    }

    fn connectors(&self) -> Request<'_, Vec<String>> {
        let names = self.0.configs().connectors();
        Box::pin(async move { Ok(names) })
    }

    fn connector_info<'a>(&'a self, name: &'a str) -> Request<'a, ConnectorInfo> {
        Box::pin(async move { self.0.info(name) })
    }

    fn connector_config<'a>(&'a self, name: &'a str) -> Request<'a, ConfigMap> {
        Box::pin(async move { Ok(self.0.known(name)?.config) })
    }

    fn put_connector_config<'a>(
        &'a self,
        name: &'a str,
        config: ConfigInput,
        target_state: Option<TargetState>,
        allow_replace: bool,
    ) -> Request<'a, Created> {
        let name = name.to_owned();
        self.request(move |inner| inner.put_config(name, config, target_state, allow_replace))
    }

    fn patch_connector_config<'a>(&'a self, name: &'a str, patch: ConfigInput) -> Request<'a, Created> {
        let name = name.to_owned();
        self.request(move |inner| async move {
            let mut config: ConfigInput =
                inner.known(&name)?.config.into_iter().map(|(key, value)| (key, Some(value))).collect();
            for (key, value) in patch {
                match value {
                    Some(value) => {
                        config.insert(key, Some(value));
                    }
                    None => {
                        config.shift_remove(&key);
                    }
                }
            }
            inner.put_config(name, config, None, true).await
        })
    }

    fn delete_connector<'a>(&'a self, name: &'a str) -> Request<'a, ()> {
        let name = name.to_owned();
        self.request(move |inner| inner.delete(name))
    }

    fn connector_status<'a>(&'a self, name: &'a str) -> Request<'a, ConnectorStateInfo> {
        Box::pin(async move { self.0.state_info(name) })
    }

    fn task_status<'a>(&'a self, name: &'a str, task: u32) -> Request<'a, TaskStatus> {
        Box::pin(async move {
            let status = self.0.parts.statuses.task(name, task);
            status.ok_or_else(|| RequestError::not_found(format!("No status found for task {name}-{task}")))
        })
    }

    fn task_configs<'a>(&'a self, name: &'a str) -> Request<'a, Vec<TaskInfo>> {
        Box::pin(async move {
            let known = self.0.known(name)?;
            let ids = (0..).map(|task| ConnectorTaskId::new(name, task));
            Ok(ids.zip(known.tasks).map(|(id, config)| TaskInfo { id, config }).collect())
        })
    }

    fn restart_connector<'a>(&'a self, name: &'a str) -> Request<'a, ()> {
        let name = name.to_owned();
        self.request(move |inner| inner.restart_connector(name))
    }

    fn restart_connector_and_tasks<'a>(
        &'a self,
        name: &'a str,
        request: RestartRequest,
    ) -> Request<'a, ConnectorStateInfo> {
        let name = name.to_owned();
        self.request(move |inner| inner.restart_all(name, request))
    }

    fn restart_task<'a>(&'a self, name: &'a str, task: u32) -> Request<'a, ()> {
        let name = name.to_owned();
        self.request(move |inner| inner.restart_task(name, task))
    }

    fn pause_connector<'a>(&'a self, name: &'a str) -> Request<'a, ()> {
        let name = name.to_owned();
        self.request(move |inner| inner.set_target_state(name, TargetState::Paused))
    }

    fn resume_connector<'a>(&'a self, name: &'a str) -> Request<'a, ()> {
        let name = name.to_owned();
        self.request(move |inner| inner.set_target_state(name, TargetState::Started))
    }

    fn stop_connector<'a>(&'a self, name: &'a str) -> Request<'a, ()> {
        let name = name.to_owned();
        self.request(move |inner| inner.set_target_state(name, TargetState::Stopped))
    }

    fn connector_active_topics<'a>(&'a self, name: &'a str) -> Request<'a, Vec<String>> {
        Box::pin(async move {
            self.0.tracking()?;
            Ok(self.0.parts.statuses.topics(name))
        })
    }

    fn reset_connector_active_topics<'a>(&'a self, name: &'a str) -> Request<'a, ()> {
        Box::pin(async move {
            self.0.tracking()?;
            if !self.0.parts.topic_tracking_reset {
                let class = "org.apache.kafka.connect.runtime.rest.errors.ConnectRestException";
                return Err(RequestError::new(403, class, "Topic tracking reset is disabled."));
            }
            self.0.parts.statuses.reset_topics(name);
            Ok(())
        })
    }

    fn connector_offsets<'a>(&'a self, name: &'a str) -> Request<'a, Vec<ConnectorOffset>> {
        let name = name.to_owned();
        self.request(move |inner| async move {
            let known = inner.known(&name)?;
            inner.parts.worker.connector_offsets(&name, &known.config).await
        })
    }

    fn alter_connector_offsets<'a>(&'a self, name: &'a str, offsets: Vec<ConnectorOffset>) -> Request<'a, Message> {
        let name = name.to_owned();
        self.request(move |inner| super::offsets::modify(inner, name, Some(offsets)))
    }

    fn reset_connector_offsets<'a>(&'a self, name: &'a str) -> Request<'a, Message> {
        let name = name.to_owned();
        self.request(move |inner| super::offsets::modify(inner, name, None))
    }

    fn plugins(&self) -> Vec<PluginInfo> {
        self.0.parts.validator.registry().listed()
    }

    fn plugin_config<'a>(&'a self, plugin: &'a str, version: Option<&'a str>) -> Request<'a, Vec<ConfigKeyInfo>> {
        let (plugin, version) = (plugin.to_owned(), version.map(str::to_owned));
        self.request(move |inner| async move { inner.parts.validator.plugin_config(&plugin, version.as_deref()).await })
    }

    fn validate_connector_config(&self, config: ConfigInput) -> Request<'_, ConfigInfos> {
        self.request(move |inner| async move {
            let stages = inner.stages.clone();
            inner.parts.validator.validate(config, &stages).await
        })
    }

    fn all_logger_levels(&self) -> IndexMap<String, LoggerLevel> {
        self.0.parts.loggers.all()
    }

    fn logger_level(&self, logger: &str) -> Option<LoggerLevel> {
        self.0.parts.loggers.level(logger)
    }

    fn set_worker_logger_level(&self, logger: &str, level: &str) -> Vec<String> {
        let level = JavaLevel::from_name(level);
        level.map(|level| self.0.parts.loggers.set(logger, level)).unwrap_or_default()
    }

    fn set_cluster_logger_level<'a>(&'a self, logger: &'a str, level: &'a str) -> Request<'a, ()> {
        // A standalone worker is its own cluster.
        self.set_worker_logger_level(logger, level);
        Box::pin(async { Ok(()) })
    }

    fn shutdown(&self, deadline: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            tracing::info!(target: "org.apache.kafka.connect.runtime.standalone.StandaloneHerder", "Herder stopping");
            // First of all, and without a turn: whoever has it may be about to start something.
            self.0.stopping.store(true, Ordering::Release);
            let stopping = async {
                let _turn = self.0.turn.lock().await;
                let names = self.0.configs().connectors();
                let ids: Vec<ConnectorTaskId> = names.iter().flat_map(|name| self.0.configs().task_ids(name)).collect();
                // Connectors first, so that none asks for other tasks; then all tasks, under one deadline.
                futures_util::future::join_all(names.iter().map(|name| self.0.parts.worker.stop_connector(name))).await;
                self.0.parts.worker.stop_tasks(&ids).await;
            };
            if tokio::time::timeout(deadline, stopping).await.is_err() {
                tracing::error!("connectors and tasks did not stop in time");
            }
            tracing::info!(target: "org.apache.kafka.connect.runtime.standalone.StandaloneHerder", "Herder stopped");
        })
    }
}
