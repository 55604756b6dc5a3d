//! Statuses. Counterpart: …rest.entities.ConnectorStateInfo.

use milena_api::UNDEFINED_VERSION;
use milena_runtime::herder::{ConnectorStateInfo, Status, TaskStatus};
use serde::Serialize;

/// Status of a connector and its tasks.
#[derive(Serialize)]
pub struct ConnectorStateInfoBody<'a> {
    name: &'a str,
    connector: StateBody<'a>,
    tasks: Vec<TaskStateBody<'a>>,
    #[serde(rename = "type")]
    ty: &'static str,
}

/// Status of a task.
#[derive(Serialize)]
pub struct TaskStateBody<'a> {
    id: u32,
    #[serde(flatten)]
    state: StateBody<'a>,
}

#[derive(Serialize)]
struct StateBody<'a> {
    state: &'static str,
    worker_id: &'a str,
    /// Left out if the plug-in has none, null if the status has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a str>,
}

impl<'a> From<&'a Status> for StateBody<'a> {
    fn from(status: &'a Status) -> Self {
        let version = match status.version.as_deref() {
            Some(UNDEFINED_VERSION) => None,
            version => Some(version),
        };
        let trace = status.trace.as_deref().filter(|trace| !trace.is_empty());
        StateBody { state: status.state.name(), worker_id: &status.worker_id, version, trace }
    }
}

impl<'a> From<&'a TaskStatus> for TaskStateBody<'a> {
    fn from(task: &'a TaskStatus) -> Self {
        TaskStateBody { id: task.id, state: (&task.status).into() }
    }
}

impl<'a> From<&'a ConnectorStateInfo> for ConnectorStateInfoBody<'a> {
    fn from(info: &'a ConnectorStateInfo) -> Self {
        ConnectorStateInfoBody {
            name: &info.name,
            connector: (&info.connector).into(),
            tasks: info.tasks.iter().map(TaskStateBody::from).collect(),
            ty: info.ty.name(),
        }
    }
}
