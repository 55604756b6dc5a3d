//! `/connectors/{name}/tasks`. Counterpart: the tasks of …rest.resources.ConnectorsResource.

use hyper::StatusCode;

use super::Endpoint;
use crate::entities::{TaskInfoBody, TaskStateBody};
use crate::reply::{Failure, Reply};

/// A connector's tasks with their configurations.
pub async fn list(endpoint: &Endpoint, name: &str) -> Result<Reply, Failure> {
    let tasks = endpoint.complete(endpoint.herder.task_configs(name)).await?;
    Reply::ok(&tasks.iter().map(TaskInfoBody::from).collect::<Vec<_>>())
}

/// Status of a task.
pub async fn status(endpoint: &Endpoint, name: &str, task: &str) -> Result<Reply, Failure> {
    let number = number(task)?;
    let Ok(task) = u32::try_from(number) else {
        return Err(Failure::new(404, format!("No status found for task {name}-{number}")));
    };
    let status = endpoint.complete(endpoint.herder.task_status(name, task)).await?;
    Reply::ok(&TaskStateBody::from(&status))
}

/// Restarts a task.
pub async fn restart(endpoint: &Endpoint, name: &str, task: &str) -> Result<Reply, Failure> {
    let number = number(task)?;
    let Ok(task) = u32::try_from(number) else {
        return Err(Failure::new(404, format!("Task {name}-{number} not found")));
    };
    endpoint.complete(endpoint.herder.restart_task(name, task)).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// A task number of a path; what is no Java `int` is an unknown path.
fn number(text: &str) -> Result<i32, Failure> {
    text.parse().map_err(|_| Failure::http(StatusCode::NOT_FOUND))
}
