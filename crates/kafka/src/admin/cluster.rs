//! The cluster itself.

use kafka_protocol::messages::describe_cluster_request::DescribeClusterRequest;
use kafka_protocol::messages::metadata_request::MetadataRequest;

use super::call::refusal;
use super::client::Wanted;
use super::{AclOperation, Admin, DescribeOptions};
use crate::error::{Error, Result};

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
    /// What this client may do with the cluster, if that was asked for.
    pub authorized_operations: Option<Vec<AclOperation>>,
}

impl Admin {
    /// Id, brokers and controller of the cluster.
    ///
    /// # Errors
    /// No broker answers in time.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription> {
        self.describe_cluster_with(DescribeOptions::default()).await
    }

    /// As [`describe_cluster`](Self::describe_cluster), with options.
    ///
    /// # Errors
    /// No broker answers in time.
    pub async fn describe_cluster_with(&self, options: DescribeOptions) -> Result<ClusterDescription> {
        const DOING: &str = "describing the cluster";
        self.until_done(DOING, || async move {
            let request = DescribeClusterRequest::default()
                .with_include_cluster_authorized_operations(options.include_authorized_operations);
            match self.ask(Wanted::Any, move |_| request).await {
                Err(Error::Unsupported { .. }) => self.cluster_from_metadata(options).await,
                Err(error) => Err(error),
                Ok(response) => {
                    refusal(|| DOING.to_owned(), response.error_code, response.error_message.as_ref())?;
                    let nodes = response.brokers.into_iter().map(|broker| Node {
                        id: broker.broker_id.0,
                        host: broker.host.as_str().to_owned(),
                        port: broker.port,
                        rack: broker.rack.map(|rack| rack.as_str().to_owned()),
                    });
                    Ok(ClusterDescription {
                        cluster_id: Some(response.cluster_id.as_str().to_owned()),
                        nodes: nodes.collect(),
                        controller: (response.controller_id.0 >= 0).then_some(response.controller_id.0),
                        authorized_operations: AclOperation::from_bits(response.cluster_authorized_operations),
                    })
                }
            }
        })
        .await
    }

    /// For brokers before 2.8 and others that know no better.
    async fn cluster_from_metadata(&self, options: DescribeOptions) -> Result<ClusterDescription> {
        let build = move |version: i16| {
            let request =
                MetadataRequest::default().with_topics(Some(Vec::new())).with_allow_auto_topic_creation(version < 4);
            let include = options.include_authorized_operations && (8..=10).contains(&version);
            request.with_include_cluster_authorized_operations(include)
        };
        let response = self.ask(Wanted::Any, build).await?;
        self.cluster.heed(&response)?;
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
            authorized_operations: AclOperation::from_bits(response.cluster_authorized_operations),
        })
    }
}
