//! Body of `GET /`. Counterpart: …rest.entities.ServerInfo.

use serde::Serialize;

/// Which worker this is.
#[derive(Serialize)]
pub struct ServerInfo<'a> {
    /// The Kafka release whose behaviour it has.
    pub version: &'a str,
    /// The build.
    pub commit: &'a str,
    /// The Kafka cluster it works for.
    pub kafka_cluster_id: &'a str,
}
