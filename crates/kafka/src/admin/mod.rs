//! Admin: topics, configurations, consumer groups and offsets.
//!
//! Counterpart: `org.apache.kafka.clients.admin.KafkaAdminClient`. Calls are made again on retriable errors until `default.api.timeout.ms` is
//! over; each finds its broker anew, so leaders and coordinators may move meanwhile.

mod cluster;
mod configs;
mod groups;
mod offsets;
mod topics;

pub use cluster::{ClusterDescription, Node};
pub use configs::{AlterConfigOp, ConfigEntry, ConfigResource, ResourceKind};
pub use groups::{GroupDescription, GroupListing, GroupMember};
pub use offsets::{ListedOffset, OffsetSpec};
pub use topics::{NewTopic, PartitionDescription, TopicDescription};

use std::future::Future;
use std::sync::Arc;

use kafka_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use kafka_protocol::protocol::{Request, StrBytes};
use tokio::time::Instant;

use crate::TopicPartition;
use crate::config::AdminConfig;
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::metrics::{Metric, Readings};
use crate::net::{Cluster, Target, TopicsWanted};

/// An admin client. Cheap to clone; connects when first used.
#[derive(Clone)]
pub struct Admin {
    cluster: Arc<Cluster>,
    config: Arc<AdminConfig>,
}

/// Which broker a question is for.
enum Wanted {
    Any,
    Controller,
    Node(i32),
    Leader(TopicPartition),
    Coordinator(Arc<str>),
}

impl Admin {
    /// A client; no I/O happens yet.
    ///
    /// # Errors
    /// A setting that cannot be used.
    pub fn new(config: AdminConfig) -> Result<Self> {
        let cluster = Cluster::new(config.client.clone());
        Ok(Admin { cluster, config: Arc::new(config) })
    }

    /// What this client measures, as it is now, under the names of Java's `Admin.metrics()`.
    pub fn metrics(&self) -> Vec<Metric> {
        self.cluster.metrics().snapshot(&self.config.client.client_id, Readings::default())
    }

    fn timeout_ms(&self) -> i32 {
        i32::try_from(self.config.client.request_timeout.as_millis()).unwrap_or(i32::MAX)
    }

    /// Calls until it succeeds, fails for good, or `default.api.timeout.ms` is over.
    async fn until_done<T, F>(&self, doing: &str, mut attempt: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let deadline = Instant::now() + self.config.api_timeout;
        let mut failures = 0;
        loop {
            let error = match tokio::time::timeout_at(deadline, attempt()).await {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(error)) => error,
                Err(_) => {
                    let reason = format!("no answer within {} ms", self.config.api_timeout.as_millis());
                    return Err(Error::timeout(doing, reason));
                }
            };
            failures += 1;
            let next = Instant::now() + self.config.client.retry_backoff.after(failures);
            if !error.is_retriable() || failures > self.config.retries || next >= deadline {
                return Err(error);
            }
            tracing::debug!(%error, "asking again");
            tokio::time::sleep_until(next).await;
        }
    }

    /// Asks the broker that is to be asked, found anew each time.
    async fn ask<R>(&self, wanted: Wanted, build: impl FnOnce(i16) -> R + Send) -> Result<R::Response>
    where
        R: Request + Send + Sync,
        R::Response: Send,
    {
        let target = match wanted {
            Wanted::Any => Target::Any,
            Wanted::Node(node) => {
                if !self.cluster.metadata().brokers.contains_key(&node) {
                    self.cluster.refresh(&TopicsWanted::None, false).await?;
                }
                Target::Node(node)
            }
            Wanted::Controller => {
                let metadata = self.cluster.refresh(&TopicsWanted::None, false).await?;
                metadata.controller.map_or(Target::Any, Target::Node)
            }
            Wanted::Leader(partition) => {
                let topic = TopicsWanted::These(vec![Arc::clone(&partition.topic)]);
                let metadata = self.cluster.refresh(&topic, false).await?;
                let doing = || format!("finding the leader of {partition}");
                if let Some(code) = metadata.errors.get(&partition.topic) {
                    return Err(Error::broker(doing(), *code, None));
                }
                match metadata.leader(&partition.topic, partition.partition) {
                    Some(leader) => Target::Node(leader),
                    None if metadata.partition(&partition.topic, partition.partition).is_none() => {
                        return Err(Error::broker(doing(), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None));
                    }
                    None => return Err(Error::broker(doing(), ErrorCode::LEADER_NOT_AVAILABLE, None)),
                }
            }
            Wanted::Coordinator(group) => Target::Node(self.coordinator(&group).await?),
        };
        self.cluster.call(target, build).await
    }

    async fn coordinator(&self, group: &str) -> Result<i32> {
        let key = StrBytes::from_string(group.to_owned());
        let response = self
            .cluster
            .call(Target::Any, move |version| {
                if version >= 4 {
                    FindCoordinatorRequest::default().with_coordinator_keys(vec![key])
                } else {
                    FindCoordinatorRequest::default().with_key(key)
                }
            })
            .await?;
        let doing = format!("finding the coordinator of group {group}");
        let (code, node) = match response.coordinators.first() {
            Some(found) => (found.error_code, found.node_id.0),
            None => (response.error_code, response.node_id.0),
        };
        if let Some(code) = ErrorCode::from_wire(code) {
            return Err(Error::broker(doing, code, None));
        }
        if !self.cluster.metadata().brokers.contains_key(&node) {
            self.cluster.refresh(&TopicsWanted::None, false).await?;
        }
        Ok(node)
    }
}
