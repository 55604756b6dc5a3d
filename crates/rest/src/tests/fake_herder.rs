//! `FakeHerder`: one connector `a` with one task, fixed answers, and calls that never end on demand.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, pending, ready};
use indexmap::IndexMap;
use milena_api::config::{ConfigInput, ConfigKeyInfo, ConfigMap};
use milena_api::plugin::PluginKind;
use milena_runtime::herder::{
    ConnectorInfo, ConnectorOffset, ConnectorStateInfo, ConnectorTaskId, ConnectorType, Created, Herder, HerderResult,
    LoggerLevel, Message, PluginInfo, Request, RequestError, RestartRequest, State, Status, TargetState, TaskInfo,
    TaskStatus,
};
use milena_runtime::stage::{Stage, Stages};
use milena_runtime::validation::{ConfigInfo, ConfigInfos, ConfigValueInfo};
use tokio::sync::Notify;

#[derive(Default)]
pub struct FakeHerder {
    pub hangs: AtomicBool,
    pub ready: AtomicBool,
    pub panics: AtomicBool,
    pub stages: Stages,
    /// Told when a call hangs.
    pub hanging: Arc<Notify>,
    /// What `connector_info` waits for, if it hangs.
    pub release: Arc<Notify>,
    pub calls: Mutex<Vec<String>>,
}

impl FakeHerder {
    fn answer<'a, T: Send + 'a>(&'a self, call: String, result: HerderResult<T>) -> Request<'a, T> {
        assert!(!self.panics.load(Ordering::SeqCst), "asked to panic");
        self.calls.lock().unwrap().push(call);
        if self.hangs.load(Ordering::SeqCst) {
            self.hanging.notify_one();
            return pending().boxed();
        }
        ready(result).boxed()
    }

    fn known<T>(name: &str, value: T) -> HerderResult<T> {
        if name == "a" { Ok(value) } else { Err(RequestError::not_found(format!("Connector {name} not found"))) }
    }

    pub fn last_call(&self) -> String {
        self.calls.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

fn info(name: &str) -> ConnectorInfo {
    let config = ConfigMap::from([("name".to_owned(), name.to_owned())]);
    ConnectorInfo { name: name.to_owned(), config, tasks: vec![ConnectorTaskId::new("a", 0)], ty: ConnectorType::Sink }
}

fn status(state: State, version: Option<&str>) -> Status {
    let trace = (state == State::Failed).then(|| "boom".to_owned());
    Status { state, worker_id: "h:1".to_owned(), trace, version: version.map(str::to_owned) }
}

fn state_info() -> ConnectorStateInfo {
    let tasks = vec![
        TaskStatus { id: 0, status: status(State::Failed, None) },
        TaskStatus { id: 1, status: status(State::Running, Some("undefined")) },
    ];
    ConnectorStateInfo {
        name: "a".to_owned(),
        connector: status(State::Running, Some("1")),
        tasks,
        ty: ConnectorType::Sink,
    }
}

impl Herder for FakeHerder {
    fn kafka_cluster_id(&self) -> String {
        "cluster".to_owned()
    }

    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::SeqCst)
    }

    fn stage(&self) -> Option<Stage> {
        self.stages.current()
    }

    fn health_check(&self) -> Request<'_, ()> {
        self.answer("health_check".to_owned(), Ok(()))
    }

    fn connectors(&self) -> Request<'_, Vec<String>> {
        self.answer("connectors".to_owned(), Ok(vec!["a".to_owned(), "gone".to_owned()]))
    }

    fn connector_info<'a>(&'a self, name: &'a str) -> Request<'a, ConnectorInfo> {
        if self.hangs.load(Ordering::SeqCst) {
            self.hanging.notify_one();
            let release = Arc::clone(&self.release);
            return async move {
                release.notified().await;
                Ok(info(name))
            }
            .boxed();
        }
        self.answer(format!("info {name}"), Self::known(name, info(name)))
    }

    fn connector_config<'a>(&'a self, name: &'a str) -> Request<'a, ConfigMap> {
        self.answer(format!("config {name}"), Self::known(name, info(name).config))
    }

    fn put_connector_config<'a>(
        &'a self,
        name: &'a str,
        config: ConfigInput,
        target_state: Option<TargetState>,
        allow_replace: bool,
    ) -> Request<'a, Created> {
        let call = format!("put {name} {config:?} {target_state:?} {allow_replace}");
        self.answer(call, Ok(Created { created: name != "a", info: info(name) }))
    }

    fn patch_connector_config<'a>(&'a self, name: &'a str, patch: ConfigInput) -> Request<'a, Created> {
        let created = Created { created: false, info: info(name) };
        self.answer(format!("patch {name} {patch:?}"), Self::known(name, created))
    }

    fn delete_connector<'a>(&'a self, name: &'a str) -> Request<'a, ()> {
        self.answer(format!("delete {name}"), Self::known(name, ()))
    }

    fn connector_status<'a>(&'a self, name: &'a str) -> Request<'a, ConnectorStateInfo> {
        self.answer(format!("status {name}"), Self::known(name, state_info()))
    }

    fn task_status<'a>(&'a self, name: &'a str, task: u32) -> Request<'a, TaskStatus> {
        let status = TaskStatus { id: task, status: status(State::Running, Some("1")) };
        self.answer(format!("task status {name}-{task}"), Self::known(name, status))
    }

    fn task_configs<'a>(&'a self, name: &'a str) -> Request<'a, Vec<TaskInfo>> {
        let task = TaskInfo { id: ConnectorTaskId::new("a", 0), config: ConfigMap::new() };
        self.answer(format!("tasks {name}"), Self::known(name, vec![task]))
    }

    fn restart_connector<'a>(&'a self, name: &'a str) -> Request<'a, ()> {
        self.answer(format!("restart {name}"), Self::known(name, ()))
    }

    fn restart_connector_and_tasks<'a>(
        &'a self,
        name: &'a str,
        request: RestartRequest,
    ) -> Request<'a, ConnectorStateInfo> {
        let RestartRequest { only_failed, include_tasks } = request;
        self.answer(format!("restart {name} {only_failed} {include_tasks}"), Self::known(name, state_info()))
    }

    fn restart_task<'a>(&'a self, name: &'a str, task: u32) -> Request<'a, ()> {
        self.answer(format!("restart task {name}-{task}"), Self::known(name, ()))
    }

    fn pause_connector<'a>(&'a self, name: &'a str) -> Request<'a, ()> {
        self.answer(format!("pause {name}"), Self::known(name, ()))
    }

    fn resume_connector<'a>(&'a self, name: &'a str) -> Request<'a, ()> {
        self.answer(format!("resume {name}"), Self::known(name, ()))
    }

    fn stop_connector<'a>(&'a self, name: &'a str) -> Request<'a, ()> {
        self.answer(format!("stop {name}"), Self::known(name, ()))
    }

    fn connector_active_topics<'a>(&'a self, name: &'a str) -> Request<'a, Vec<String>> {
        self.answer(format!("topics {name}"), Ok(vec!["t".to_owned()]))
    }

    fn reset_connector_active_topics<'a>(&'a self, name: &'a str) -> Request<'a, ()> {
        self.answer(format!("reset topics {name}"), Ok(()))
    }

    fn connector_offsets<'a>(&'a self, name: &'a str) -> Request<'a, Vec<ConnectorOffset>> {
        self.answer(format!("offsets {name}"), Self::known(name, Vec::new()))
    }

    fn alter_connector_offsets<'a>(&'a self, name: &'a str, offsets: Vec<ConnectorOffset>) -> Request<'a, Message> {
        self.answer(format!("alter {name} {}", offsets.len()), Self::known(name, "altered".to_owned()))
    }

    fn reset_connector_offsets<'a>(&'a self, name: &'a str) -> Request<'a, Message> {
        self.answer(format!("reset {name}"), Self::known(name, "reset".to_owned()))
    }

    fn plugins(&self) -> Vec<PluginInfo> {
        let plugin = |class: &str, kind, version: &str| PluginInfo {
            class: class.to_owned(),
            kind,
            version: version.to_owned(),
        };
        vec![plugin("c.Sink", PluginKind::Sink, "1"), plugin("t.Cast", PluginKind::Transformation, "undefined")]
    }

    fn plugin_config<'a>(&'a self, plugin: &'a str, version: Option<&'a str>) -> Request<'a, Vec<ConfigKeyInfo>> {
        let key =
            ConfigKeyInfo { name: "file".to_owned(), ty: "STRING", order_in_group: -1, ..ConfigKeyInfo::default() };
        self.answer(format!("keys {plugin} {version:?}"), Ok(vec![key]))
    }

    fn validate_connector_config(&self, config: ConfigInput) -> Request<'_, ConfigInfos> {
        let Some(Some(class)) = config.get("connector.class").cloned() else {
            return self.answer("validate".to_owned(), Err(RequestError::bad_request("no connector type")));
        };
        let errors = vec!["wrong".to_owned()];
        let value = ConfigValueInfo {
            name: "x".to_owned(),
            value: None,
            recommended_values: Vec::new(),
            errors,
            visible: true,
        };
        let configs = vec![ConfigInfo { definition: None, value: Some(value) }];
        self.answer(
            "validate".to_owned(),
            Ok(ConfigInfos { name: class, error_count: 1, groups: vec!["Common".to_owned()], configs }),
        )
    }

    fn all_logger_levels(&self) -> IndexMap<String, LoggerLevel> {
        IndexMap::from([("root".to_owned(), LoggerLevel { level: "INFO".to_owned(), last_modified: None })])
    }

    fn logger_level(&self, logger: &str) -> Option<LoggerLevel> {
        (logger == "root").then(|| LoggerLevel { level: "INFO".to_owned(), last_modified: Some(5) })
    }

    fn set_worker_logger_level(&self, logger: &str, level: &str) -> Vec<String> {
        self.calls.lock().unwrap().push(format!("level {logger} {level}"));
        vec![logger.to_owned()]
    }

    fn set_cluster_logger_level<'a>(&'a self, logger: &'a str, level: &'a str) -> Request<'a, ()> {
        self.answer(format!("cluster level {logger} {level}"), Ok(()))
    }

    fn shutdown(&self, _deadline: Duration) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }
}
