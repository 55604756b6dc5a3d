//! The cluster itself.

use super::Admin;
use crate::error::Result;

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Id.
    pub id: i32,
    /// Host name.
    pub host: String,
    /// Port.
    pub port: i32,
    /// Rack, if it has one.
    pub rack: Option<String>,
}

/// A cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    /// Id; brokers that are very old have none.
    pub cluster_id: Option<String>,
    /// Brokers.
    pub nodes: Vec<Node>,
    /// Id of the controller.
    pub controller: Option<i32>,
}

impl Admin {
    /// Id, brokers and controller of the cluster.
    ///
    /// # Errors
    /// No broker answers in time.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription> {
        let response = self.metadata("describing the cluster", None).await?;
        let nodes = response.brokers.into_iter().map(|broker| Node {
            id: broker.node_id.0,
            host: broker.host.as_str().to_owned(),
            port: broker.port,
            rack: broker.rack.map(|rack| rack.as_str().to_owned()),
        });
        Ok(ClusterDescription {
            cluster_id: response.cluster_id.map(|id| id.as_str().to_owned()),
            nodes: nodes.collect(),
            controller: (response.controller_id.0 >= 0).then_some(response.controller_id.0),
        })
    }
}
