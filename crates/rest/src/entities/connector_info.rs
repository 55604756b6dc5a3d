//! A connector. Counterpart: …rest.entities.ConnectorInfo.

use milena_api::config::ConfigMap;
use milena_runtime::herder::{ConnectorInfo, ConnectorTaskId};
use serde::Serialize;

/// A connector with its configuration and tasks.
#[derive(Serialize)]
pub struct ConnectorInfoBody<'a> {
    name: &'a str,
    config: &'a ConfigMap,
    tasks: Vec<TaskIdBody<'a>>,
    #[serde(rename = "type")]
    ty: &'static str,
}

/// Which task.
#[derive(Serialize)]
pub struct TaskIdBody<'a> {
    connector: &'a str,
    task: u32,
}

impl<'a> From<&'a ConnectorTaskId> for TaskIdBody<'a> {
    fn from(id: &'a ConnectorTaskId) -> Self {
        TaskIdBody { connector: &id.connector, task: id.task }
    }
}

impl<'a> From<&'a ConnectorInfo> for ConnectorInfoBody<'a> {
    fn from(info: &'a ConnectorInfo) -> Self {
        ConnectorInfoBody {
            name: &info.name,
            config: &info.config,
            tasks: info.tasks.iter().map(TaskIdBody::from).collect(),
            ty: info.ty.name(),
        }
    }
}
