//! `/connectors/{name}/offsets` (KIP-875). Counterpart: the offsets of …rest.resources.ConnectorsResource.

use super::{Call, Endpoint};
use crate::entities::{ConnectorOffsetsBody, MessageBody, read_offsets};
use crate::json::{self, Node};
use crate::reply::{Failure, Reply};

/// Stored offsets.
pub async fn get(endpoint: &Endpoint, name: &str) -> Result<Reply, Failure> {
    let offsets = endpoint.complete(endpoint.herder.connector_offsets(name)).await?;
    Reply::ok(&ConnectorOffsetsBody::from(offsets.as_slice()))
}

/// Alters stored offsets of a stopped connector.
pub async fn alter(endpoint: &Endpoint, call: &Call, name: &str) -> Result<Reply, Failure> {
    let offsets = match json::parse(&call.body)? {
        Some((body, raw)) => read_offsets(&Node::root(body, raw))?,
        None => None,
    };
    let offsets = offsets.ok_or_else(|| {
        let class = "org.apache.kafka.connect.runtime.rest.entities.ConnectorOffsets";
        Failure::internal(format!("Cannot invoke \"{class}.offsets()\" because \"offsets\" is null"))
    })?;
    if offsets.is_empty() {
        let text = "Partitions / offsets need to be provided for an alter offsets request";
        return Err(Failure::bad_request(text));
    }
    let message = endpoint.complete(endpoint.herder.alter_connector_offsets(name, offsets)).await?;
    Reply::ok(&MessageBody { message: &message })
}

/// Resets all stored offsets of a stopped connector.
pub async fn reset(endpoint: &Endpoint, name: &str) -> Result<Reply, Failure> {
    let message = endpoint.complete(endpoint.herder.reset_connector_offsets(name)).await?;
    Reply::ok(&MessageBody { message: &message })
}
