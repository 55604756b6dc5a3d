//! A task and its configuration. Counterpart: …rest.entities.TaskInfo.

use milena_api::config::ConfigMap;
use milena_runtime::herder::TaskInfo;
use serde::Serialize;

use super::connector_info::TaskIdBody;

/// A task and its configuration.
#[derive(Serialize)]
pub struct TaskInfoBody<'a> {
    id: TaskIdBody<'a>,
    config: &'a ConfigMap,
}

impl<'a> From<&'a TaskInfo> for TaskInfoBody<'a> {
    fn from(info: &'a TaskInfo) -> Self {
        TaskInfoBody { id: (&info.id).into(), config: &info.config }
    }
}
