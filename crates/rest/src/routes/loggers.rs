//! `/admin/loggers`. Counterpart: …rest.resources.LoggingResource.

use hyper::StatusCode;
use indexmap::IndexMap;
use milena_runtime::logging::JavaLevel;

use super::{Call, Endpoint};
use crate::entities::LoggerLevelBody;
use crate::json::{self, Node};
use crate::reply::{Failure, Reply};

/// All loggers.
pub fn list(endpoint: &Endpoint) -> Result<Reply, Failure> {
    let levels = endpoint.herder.all_logger_levels();
    let bodies = levels.iter().map(|(name, level)| (name, LoggerLevelBody::from(level)));
    Reply::ok(&bodies.collect::<IndexMap<_, _>>())
}

/// Level of one logger.
pub fn get(endpoint: &Endpoint, logger: &str) -> Result<Reply, Failure> {
    match endpoint.herder.logger_level(logger) {
        Some(level) => Reply::ok(&LoggerLevelBody::from(&level)),
        None => Err(Failure::new(404, format!("Logger {logger} not found."))),
    }
}

/// Sets the level of a logger and of those below it, on this worker or (`scope=cluster`, KIP-976) on all.
pub async fn set(endpoint: &Endpoint, call: &Call, logger: &str) -> Result<Reply, Failure> {
    let fields = match json::parse(&call.body)? {
        Some((body, raw)) => json::string_map(&Node::root(body, raw))?,
        None => None,
    };
    let fields = fields
        .ok_or_else(|| Failure::internal("Cannot invoke \"java.util.Map.get(Object)\" because \"levelMap\" is null"))?;
    let text = fields
        .get("level")
        .and_then(Option::as_deref)
        .ok_or_else(|| Failure::bad_request("Desired 'level' parameter was not specified in request."))?;
    if text.is_empty() {
        return Err(Failure::internal("Illegal null or empty Level name."));
    }
    let level = JavaLevel::from_name(text).ok_or_else(|| Failure::new(404, format!("invalid log level '{text}'.")))?;
    let scope = call.query.first("scope").unwrap_or("worker");
    if scope.eq_ignore_ascii_case("cluster") {
        endpoint.complete(endpoint.herder.set_cluster_logger_level(logger, level.name())).await?;
        return Ok(Reply::empty(StatusCode::NO_CONTENT));
    }
    if !scope.eq_ignore_ascii_case("worker") {
        tracing::warn!(scope, "unknown scope of a log level, taking `worker`");
    }
    Reply::ok(&endpoint.herder.set_worker_logger_level(logger, level.name()))
}
