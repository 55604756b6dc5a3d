//! The handle, and how a broker is found and asked.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::ApiKey;
use kafka_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use kafka_protocol::protocol::{Request, StrBytes};

use crate::TopicPartition;
use crate::config::AdminConfig;
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::metrics::{Metric, Readings};
use crate::net::{Cluster, Lane, Target, TopicsWanted};

/// An admin client. Cheap to clone; connects when first used.
#[derive(Clone)]
pub struct Admin {
    pub(super) cluster: Arc<Cluster>,
    pub(super) config: Arc<AdminConfig>,
}

/// What a description is to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DescribeOptions {
    /// Also what this client may do with it, which costs the broker a look at its ACLs.
    pub include_authorized_operations: bool,
}

/// Which broker a question is for.
pub(super) enum Wanted {
    Any,
    Controller,
    Node(i32),
    Leader(TopicPartition),
    Coordinator(Arc<str>),
    /// Of a transactional id.
    TransactionCoordinator(Arc<str>),
}

/// Questions that may wait at the broker do not stand in the way of short ones.
fn lane(key: i16) -> Lane {
    const PARKING: [ApiKey; 8] = [
        ApiKey::CreateTopics,
        ApiKey::DeleteTopics,
        ApiKey::CreatePartitions,
        ApiKey::DeleteRecords,
        ApiKey::AlterConfigs,
        ApiKey::IncrementalAlterConfigs,
        ApiKey::InitProducerId,
        ApiKey::WriteTxnMarkers,
    ];
    const COMMITTING: [ApiKey; 5] = [
        ApiKey::OffsetCommit,
        ApiKey::OffsetDelete,
        ApiKey::DeleteGroups,
        ApiKey::LeaveGroup,
        // May have to look at remote storage.
        ApiKey::ListOffsets,
    ];
    match ApiKey::try_from(key) {
        Ok(key) if PARKING.contains(&key) => Lane::Admin,
        Ok(key) if COMMITTING.contains(&key) => Lane::Offsets,
        _ => Lane::Control,
    }
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

    /// What brokers are told to wait for a change at most.
    pub(super) fn timeout_ms(&self) -> i32 {
        i32::try_from(self.config.client.request_timeout.as_millis()).unwrap_or(i32::MAX)
    }

    /// Finds the broker that is to be asked, anew each time.
    async fn target(&self, wanted: Wanted) -> Result<Target> {
        match wanted {
            Wanted::Any => Ok(Target::Any),
            Wanted::Node(node) => {
                if !self.cluster.metadata().brokers.contains_key(&node) {
                    self.cluster.refresh(&TopicsWanted::None, false).await?;
                }
                Ok(Target::Node(node))
            }
            Wanted::Controller => {
                let metadata = self.cluster.refresh(&TopicsWanted::None, false).await?;
                Ok(metadata.controller.map_or(Target::Any, Target::Node))
            }
            Wanted::Leader(partition) => {
                let topic = TopicsWanted::These(vec![Arc::clone(&partition.topic)]);
                let metadata = self.cluster.refresh(&topic, false).await?;
                super::call::leader(&metadata, &partition).map(Target::Node)
            }
            Wanted::Coordinator(group) => Ok(Target::Node(self.coordinator(&group, false).await?)),
            Wanted::TransactionCoordinator(id) => Ok(Target::Node(self.coordinator(&id, true).await?)),
        }
    }

    /// Asks the broker that is to be asked.
    pub(super) async fn ask<R>(&self, wanted: Wanted, build: impl FnOnce(i16) -> R + Send) -> Result<R::Response>
    where
        R: Request + Send + Sync,
        R::Response: Send,
    {
        let target = self.target(wanted).await?;
        self.cluster.call_within(target, lane(R::KEY), Duration::ZERO, build).await
    }

    /// As [`ask`](Self::ask), of a broker that knows at least this version of the request.
    pub(super) async fn ask_since<R>(
        &self,
        wanted: Wanted,
        (doing, least): (&str, i16),
        build: impl FnOnce(i16) -> R + Send,
    ) -> Result<R::Response>
    where
        R: Request + Send + Sync,
        R::Response: Send,
    {
        let target = self.target(wanted).await?;
        let version = self.cluster.connection(target, lane(R::KEY)).await?.version::<R>()?;
        if version < least {
            let reason =
                format!("the broker speaks version {version} only, and this needs {least}; use a newer broker");
            return Err(Error::Unsupported { doing: doing.to_owned(), reason });
        }
        self.cluster.call_within(target, lane(R::KEY), Duration::ZERO, build).await
    }

    async fn coordinator(&self, name: &str, of_transactions: bool) -> Result<i32> {
        let key = StrBytes::from_string(name.to_owned());
        let key_type = i8::from(of_transactions);
        let response = self
            .cluster
            .call(Target::Any, move |version| {
                let request = FindCoordinatorRequest::default().with_key_type(key_type);
                if version >= 4 { request.with_coordinator_keys(vec![key]) } else { request.with_key(key) }
            })
            .await?;
        let (code, node, message) = match response.coordinators.first() {
            Some(found) => (found.error_code, found.node_id.0, found.error_message.as_ref()),
            None => (response.error_code, response.node_id.0, response.error_message.as_ref()),
        };
        if let Some(code) = ErrorCode::from_wire(code) {
            let what = if of_transactions { "transactional id" } else { "group" };
            let message = message.map(|text| text.as_str().to_owned()).filter(|text| text != code.name());
            return Err(Error::broker(format!("finding the coordinator of {what} {name}"), code, message));
        }
        if !self.cluster.metadata().brokers.contains_key(&node) {
            self.cluster.refresh(&TopicsWanted::None, false).await?;
        }
        Ok(node)
    }
}
