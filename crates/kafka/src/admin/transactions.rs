//! Transactions and their producers: list, describe, abort, fence.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::{join_all, try_join_all};
use kafka_protocol::messages::describe_transactions_request::DescribeTransactionsRequest;
use kafka_protocol::messages::init_producer_id_request::InitProducerIdRequest;
use kafka_protocol::messages::list_transactions_request::ListTransactionsRequest;
use kafka_protocol::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};
use kafka_protocol::messages::{ProducerId, TransactionalId};
use kafka_protocol::protocol::StrBytes;

use super::Admin;
use super::call::{coordinator_error_passes, refusal, unanswered};
use super::client::Wanted;
use super::topics::topic_name;
use crate::TopicPartition;
use crate::error::{Error, Result};

/// What fencing left: older producers of that transactional id have a lower epoch, or another id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FencedProducer {
    /// Id that the transactional id has now.
    pub producer_id: i64,
    /// Epoch that it has now.
    pub epoch: i16,
}

/// A transactional id as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionListing {
    /// The id.
    pub transactional_id: String,
    /// Its producer.
    pub producer_id: i64,
    /// `Ongoing`, `CompleteCommit` and so on.
    pub state: String,
}

/// A transactional id as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionDescription {
    /// `Ongoing`, `CompleteCommit` and so on.
    pub state: String,
    /// Its producer.
    pub producer_id: i64,
    /// Its producer's epoch.
    pub producer_epoch: i16,
    /// Milliseconds after which the coordinator aborts.
    pub timeout_ms: i32,
    /// When the open transaction began, milliseconds since the epoch.
    pub started: Option<i64>,
    /// Partitions of the open transaction.
    pub partitions: Vec<TopicPartition>,
}

/// A transaction that hangs in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenTransaction {
    /// Where.
    pub partition: TopicPartition,
    /// Whose.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// Epoch of its coordinator, -1 if it is not known.
    pub coordinator_epoch: i32,
}

fn transactional_id(id: &str) -> TransactionalId {
    TransactionalId(StrBytes::from_string(id.to_owned()))
}

impl Admin {
    /// Fences producers off: whoever uses these transactional ids now can write no more, and what they have open is aborted. Each with its own
    /// outcome.
    pub async fn fence_producers(&self, ids: &[&str]) -> BTreeMap<String, Result<FencedProducer>> {
        let fenced = ids.iter().map(|id| async move { ((*id).to_owned(), self.fence_producer(id).await) });
        join_all(fenced).await.into_iter().collect()
    }

    async fn fence_producer(&self, id: &str) -> Result<FencedProducer> {
        let doing = format!("fencing the producer of transactional id {id}");
        self.until(&doing, coordinator_error_passes, || {
            // The time-out is that of a transaction which nobody will begin; brokers bound it.
            let request = InitProducerIdRequest::default()
                .with_transactional_id(Some(transactional_id(id)))
                .with_transaction_timeout_ms(self.timeout_ms())
                .with_producer_id(ProducerId(-1))
                .with_producer_epoch(-1);
            let doing = &doing;
            async move {
                let coordinator = Wanted::TransactionCoordinator(Arc::from(id));
                let response = self.ask(coordinator, move |_| request).await?;
                refusal(|| doing.clone(), response.error_code, None)?;
                Ok(FencedProducer { producer_id: response.producer_id.0, epoch: response.producer_epoch })
            }
        })
        .await
    }

    /// Transactional ids that all coordinators know, by id.
    ///
    /// # Errors
    /// A broker cannot be reached in time, or is too old.
    pub async fn list_transactions(&self) -> Result<Vec<TransactionListing>> {
        let nodes = self.describe_cluster().await?.nodes;
        let listed = nodes.into_iter().map(|node| async move {
            let doing = format!("listing transactions of broker {}", node.id);
            self.until(&doing, coordinator_error_passes, || {
                let doing = || doing.clone();
                async move {
                    let build = |_| ListTransactionsRequest::default();
                    let response = self.ask(Wanted::Node(node.id), build).await?;
                    refusal(doing, response.error_code, None)?;
                    Ok(response.transaction_states)
                }
            })
            .await
        });
        let mut all: Vec<TransactionListing> = try_join_all(listed)
            .await?
            .into_iter()
            .flatten()
            .map(|found| TransactionListing {
                transactional_id: found.transactional_id.as_str().to_owned(),
                producer_id: found.producer_id.0,
                state: found.transaction_state.as_str().to_owned(),
            })
            .collect();
        all.sort_by(|a, b| a.transactional_id.cmp(&b.transactional_id));
        Ok(all)
    }

    /// Transactional ids as they are, each with its own outcome: `TRANSACTIONAL_ID_NOT_FOUND` for one that nobody uses.
    pub async fn describe_transactions(&self, ids: &[&str]) -> BTreeMap<String, Result<TransactionDescription>> {
        let described = ids.iter().map(|id| async move { ((*id).to_owned(), self.describe_transaction(id).await) });
        join_all(described).await.into_iter().collect()
    }

    async fn describe_transaction(&self, id: &str) -> Result<TransactionDescription> {
        let doing = format!("describing transactional id {id}");
        self.until(&doing, coordinator_error_passes, || {
            let request = DescribeTransactionsRequest::default().with_transactional_ids(vec![transactional_id(id)]);
            let doing = &doing;
            async move {
                let coordinator = Wanted::TransactionCoordinator(Arc::from(id));
                let response = self.ask(coordinator, move |_| request).await?;
                let found = response.transaction_states.into_iter().next();
                let found = found.ok_or_else(|| Error::protocol(doing, "the answer leaves it out"))?;
                refusal(|| doing.clone(), found.error_code, None)?;
                let partitions = found.topics.iter().flat_map(|topic| {
                    let name: Arc<str> = Arc::from(topic.topic.as_str());
                    topic.partitions.iter().map(move |partition| TopicPartition::new(Arc::clone(&name), *partition))
                });
                Ok(TransactionDescription {
                    state: found.transaction_state.as_str().to_owned(),
                    producer_id: found.producer_id.0,
                    producer_epoch: found.producer_epoch,
                    timeout_ms: found.transaction_timeout_ms,
                    started: (found.transaction_start_time_ms >= 0).then_some(found.transaction_start_time_ms),
                    partitions: partitions.collect(),
                })
            }
        })
        .await
    }

    /// Ends a transaction that hangs in a partition because its coordinator has forgotten it. Records of it stay invisible to readers of
    /// committed ones.
    ///
    /// # Errors
    /// The leader's.
    pub async fn abort_transaction(&self, open: &OpenTransaction) -> Result<()> {
        let OpenTransaction { partition, producer_id, .. } = open;
        let doing = format!("aborting the transaction of producer {producer_id} in {partition}");
        self.until_done(&doing, || {
            let topic = WritableTxnMarkerTopic::default()
                .with_name(topic_name(&partition.topic))
                .with_partition_indexes(vec![partition.partition]);
            let marker = WritableTxnMarker::default()
                .with_producer_id(ProducerId(*producer_id))
                .with_producer_epoch(open.producer_epoch)
                .with_coordinator_epoch(open.coordinator_epoch)
                .with_transaction_result(false)
                .with_topics(vec![topic]);
            let request = WriteTxnMarkersRequest::default().with_markers(vec![marker]);
            let doing = &doing;
            async move {
                let response = self.ask(Wanted::Leader(partition.clone()), move |_| request).await?;
                let answers = response.markers.into_iter().flat_map(|marker| marker.topics);
                answers
                    .flat_map(|topic| topic.partitions)
                    .map(|part| refusal(|| doing.clone(), part.error_code, None))
                    .reduce(Result::and)
                    .unwrap_or_else(|| Err(unanswered(doing)))
            }
        })
        .await
    }
}
