//! `GET /health` (KIP-1017). Counterpart: the health check of …rest.resources.RootResource.

use hyper::StatusCode;

use super::Endpoint;
use crate::entities::WorkerStatus;
use crate::reply::{Failure, Reply};

/// 200 if the herder answers in time, else 503 while it starts and 500 afterwards.
pub async fn get(endpoint: &Endpoint) -> Result<Reply, Failure> {
    match tokio::time::timeout(endpoint.timeouts.health_check(), endpoint.herder.health_check()).await {
        Ok(result) => {
            result?;
            Reply::ok(&WorkerStatus::healthy())
        }
        Err(_) => {
            let stage = endpoint.herder.stage();
            if endpoint.herder.is_ready() {
                Reply::json(StatusCode::INTERNAL_SERVER_ERROR, &WorkerStatus::unhealthy(stage.as_ref()))
            } else {
                Reply::json(StatusCode::SERVICE_UNAVAILABLE, &WorkerStatus::starting(stage.as_ref()))
            }
        }
    }
}
