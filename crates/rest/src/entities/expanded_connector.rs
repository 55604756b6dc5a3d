//! One connector of `GET /connectors?expand=…`.

use serde::Serialize;

use super::{ConnectorInfoBody, ConnectorStateInfoBody};

/// The parts that were asked for; `info` is null if the connector vanished in between.
#[derive(Default, Serialize)]
pub struct ExpandedConnector<'a> {
    /// `expand=status`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<ConnectorStateInfoBody<'a>>,
    /// `expand=info`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<Option<ConnectorInfoBody<'a>>>,
}
