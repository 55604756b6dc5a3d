//! `/connectors/{name}/topics` (KIP-558). Counterpart: the topics of …rest.resources.ConnectorsResource.

use hyper::StatusCode;

use super::Endpoint;
use crate::entities::active_topics;
use crate::reply::{Failure, Reply};

/// Topics that a connector has used.
pub async fn get(endpoint: &Endpoint, name: &str) -> Result<Reply, Failure> {
    let topics = endpoint.complete(endpoint.herder.connector_active_topics(name)).await?;
    Reply::ok(&active_topics(name, &topics))
}

/// Forgets them.
pub async fn reset(endpoint: &Endpoint, name: &str) -> Result<Reply, Failure> {
    endpoint.complete(endpoint.herder.reset_connector_active_topics(name)).await?;
    Ok(Reply::empty(StatusCode::ACCEPTED))
}
