//! Body of `GET /health` (KIP-1017). Counterpart: …rest.entities.WorkerStatus.

use milena_runtime::stage::Stage;
use serde::Serialize;

/// How the worker is.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct WorkerStatus {
    status: &'static str,
    message: String,
}

impl WorkerStatus {
    /// It serves requests.
    pub fn healthy() -> Self {
        let message = "Worker has completed startup and is ready to handle requests.".to_owned();
        WorkerStatus { status: "healthy", message }
    }

    /// Not yet.
    pub fn starting(stage: Option<&Stage>) -> Self {
        WorkerStatus { status: "starting", message: with_stage("Worker is still starting up.", stage) }
    }

    /// No longer.
    pub fn unhealthy(stage: Option<&Stage>) -> Self {
        let text = "Worker was unable to handle this request and may be unable to handle other requests.";
        WorkerStatus { status: "unhealthy", message: with_stage(text, stage) }
    }
}

fn with_stage(text: &str, stage: Option<&Stage>) -> String {
    stage.map_or_else(|| text.to_owned(), |stage| format!("{text} {}.", stage.summary()))
}
