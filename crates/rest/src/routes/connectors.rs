//! `/connectors` and `/connectors/{name}`, its configuration, status and state. Counterpart: …rest.resources.ConnectorsResource.

use hyper::StatusCode;
use indexmap::IndexMap;
use milena_api::config::ConfigInput;
use milena_runtime::herder::{ConnectorInfo, ConnectorStateInfo, Created, RestartRequest};

use super::{Call, Endpoint};
use crate::entities::{ConnectorInfoBody, ConnectorStateInfoBody, CreateConnectorRequest, ExpandedConnector};
use crate::json::{self, Node};
use crate::path;
use crate::reply::{Failure, Reply};

/// Names, or with `expand` an object with status and info of each.
pub async fn list(endpoint: &Endpoint, call: &Call) -> Result<Reply, Failure> {
    let names = endpoint.complete(endpoint.herder.connectors()).await?;
    let expansions: Vec<&str> = call.query.all("expand").collect();
    if expansions.is_empty() {
        return Reply::ok(&names);
    }
    for unknown in expansions.iter().filter(|expansion| !matches!(**expansion, "status" | "info")) {
        tracing::info!(expansion = unknown, "ignoring an expansion that connectors do not have");
    }
    let mut parts = Vec::with_capacity(names.len());
    for name in names {
        match expand(endpoint, &name, &expansions).await {
            Ok(part) => parts.push((name, part)),
            // Deleted since the names were read.
            Err(failure) if failure.status == 404 => tracing::debug!(connector = name, "vanished while it was read"),
            Err(failure) => return Err(failure),
        }
    }
    let expanded: IndexMap<&str, ExpandedConnector<'_>> = parts
        .iter()
        .map(|(name, (status, info))| {
            let status = status.as_ref().map(ConnectorStateInfoBody::from);
            let info = info.as_ref().map(|info| info.as_ref().map(ConnectorInfoBody::from));
            (name.as_str(), ExpandedConnector { status, info })
        })
        .collect();
    Reply::ok(&expanded)
}

type Parts = (Option<ConnectorStateInfo>, Option<Option<ConnectorInfo>>);

async fn expand(endpoint: &Endpoint, name: &str, expansions: &[&str]) -> Result<Parts, Failure> {
    let mut parts = (None, None);
    if expansions.contains(&"status") {
        parts.0 = Some(endpoint.complete(endpoint.herder.connector_status(name)).await?);
    }
    if expansions.contains(&"info") {
        parts.1 = match endpoint.complete(endpoint.herder.connector_info(name)).await {
            Ok(info) => Some(Some(info)),
            Err(failure) if failure.status == 404 => Some(None),
            Err(failure) => return Err(failure),
        };
    }
    Ok(parts)
}

/// Creates a connector that must not exist yet.
pub async fn create(endpoint: &Endpoint, call: &Call) -> Result<Reply, Failure> {
    let request = match json::parse(&call.body)? {
        Some((body, raw)) => CreateConnectorRequest::read(&Node::root(body, raw))?,
        None => None,
    };
    let request = request.ok_or_else(|| {
        let class = "org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest";
        Failure::internal(format!("Cannot invoke \"{class}.name()\" because \"createRequest\" is null"))
    })?;
    let name = request.name.as_deref().unwrap_or_default().trim();
    let config = with_name(name, request.config)?;
    let put = endpoint.herder.put_connector_config(name, config, request.initial_state, false);
    let Created { info, .. } = endpoint.complete(put).await?;
    created(call, name, &info)
}

/// A connector with configuration and tasks.
pub async fn get(endpoint: &Endpoint, name: &str) -> Result<Reply, Failure> {
    let info = endpoint.complete(endpoint.herder.connector_info(name)).await?;
    Reply::ok(&ConnectorInfoBody::from(&info))
}

/// Removes a connector.
pub async fn delete(endpoint: &Endpoint, name: &str) -> Result<Reply, Failure> {
    endpoint.complete(endpoint.herder.delete_connector(name)).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// A connector's configuration.
pub async fn config(endpoint: &Endpoint, name: &str) -> Result<Reply, Failure> {
    Reply::ok(&endpoint.complete(endpoint.herder.connector_config(name)).await?)
}

/// Creates a connector or replaces its configuration.
pub async fn put_config(endpoint: &Endpoint, call: &Call, name: &str) -> Result<Reply, Failure> {
    let config = with_name(name, read_config(call)?)?;
    let put = endpoint.herder.put_connector_config(name, config, None, true);
    let Created { created: new, info } = endpoint.complete(put).await?;
    if new { created(call, name, &info) } else { Reply::ok(&ConnectorInfoBody::from(&info)) }
}

/// Changes some keys of a connector's configuration (KIP-477).
pub async fn patch_config(endpoint: &Endpoint, call: &Call, name: &str) -> Result<Reply, Failure> {
    let Some(patch) = read_config(call)? else {
        // Without a patch nothing can be changed, but a connector that does not exist is the greater mistake.
        endpoint.complete(endpoint.herder.connector_config(name)).await?;
        return Err(Failure::internal(
            "Cannot invoke \"java.util.Map.forEach(java.util.function.BiConsumer)\" because \"patch\" is null",
        ));
    };
    let patched = endpoint.complete(endpoint.herder.patch_connector_config(name, patch)).await?;
    Reply::ok(&ConnectorInfoBody::from(&patched.info))
}

/// Status of a connector and its tasks.
pub async fn status(endpoint: &Endpoint, name: &str) -> Result<Reply, Failure> {
    let status = endpoint.complete(endpoint.herder.connector_status(name)).await?;
    Reply::ok(&ConnectorStateInfoBody::from(&status))
}

/// Restarts the connector alone (204), or what is asked for (202 with the statuses; KIP-745).
pub async fn restart(endpoint: &Endpoint, call: &Call, name: &str) -> Result<Reply, Failure> {
    let request = RestartRequest {
        only_failed: call.query.boolean("onlyFailed", false),
        include_tasks: call.query.boolean("includeTasks", false),
    };
    if request.is_legacy() {
        endpoint.complete(endpoint.herder.restart_connector(name)).await?;
        return Ok(Reply::empty(StatusCode::NO_CONTENT));
    }
    let status = endpoint.complete(endpoint.herder.restart_connector_and_tasks(name, request)).await?;
    Reply::json(StatusCode::ACCEPTED, &ConnectorStateInfoBody::from(&status))
}

/// Pauses a connector.
pub async fn pause(endpoint: &Endpoint, name: &str) -> Result<Reply, Failure> {
    endpoint.complete(endpoint.herder.pause_connector(name)).await?;
    Ok(Reply::empty(StatusCode::ACCEPTED))
}

/// Resumes a connector.
pub async fn resume(endpoint: &Endpoint, name: &str) -> Result<Reply, Failure> {
    endpoint.complete(endpoint.herder.resume_connector(name)).await?;
    Ok(Reply::empty(StatusCode::ACCEPTED))
}

/// Stops a connector (KIP-875).
pub async fn stop(endpoint: &Endpoint, name: &str) -> Result<Reply, Failure> {
    endpoint.complete(endpoint.herder.stop_connector(name)).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

fn created(call: &Call, name: &str, info: &ConnectorInfo) -> Result<Reply, Failure> {
    let reply = Reply::json(StatusCode::CREATED, &ConnectorInfoBody::from(info))?;
    Ok(reply.with_location(&format!("{}/connectors/{}", call.base, path::encode(name))))
}

fn read_config(call: &Call) -> Result<Option<ConfigInput>, Failure> {
    match json::parse(&call.body)? {
        Some((body, raw)) => json::string_map(&Node::root(body, raw)),
        None => Ok(None),
    }
}

/// The configuration with its `name`, which may be missing but not another one than the connector's.
fn with_name(name: &str, config: Option<ConfigInput>) -> Result<ConfigInput, Failure> {
    let mut config = config.ok_or_else(|| {
        Failure::internal("Cannot invoke \"java.util.Map.get(Object)\" because \"connectorConfig\" is null")
    })?;
    match config.get("name").and_then(Option::as_deref) {
        Some(included) if included != name => Err(Failure::bad_request(format!(
            "Connector name configuration ({included}) doesn't match connector name in the URL ({name})"
        ))),
        Some(_) => Ok(config),
        None => {
            config.insert("name".to_owned(), Some(name.to_owned()));
            Ok(config)
        }
    }
}
