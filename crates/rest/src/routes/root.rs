//! `GET /`. Counterpart: …rest.resources.RootResource.

use milena_api::KAFKA_VERSION;

use super::Endpoint;
use crate::entities::ServerInfo;
use crate::reply::{Failure, Reply};

/// Which build this is, given by whoever builds it.
const COMMIT: &str = match option_env!("MILENA_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// Which worker this is.
pub fn get(endpoint: &Endpoint) -> Result<Reply, Failure> {
    let kafka_cluster_id = &endpoint.herder.kafka_cluster_id();
    Reply::ok(&ServerInfo { version: KAFKA_VERSION, commit: COMMIT, kafka_cluster_id })
}
