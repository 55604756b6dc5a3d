//! Commits offsets, one commit after the other.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.ConsumerCoordinator.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::{OffsetCommitRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use milena_api::record::TopicPartition;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::config::ConsumerConfig;
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::group::{Coordinator, Identity};
use crate::net::Lane;
use crate::offset_and_metadata::OffsetAndMetadata;
use crate::spawn::Owned;

pub(super) type Offsets = BTreeMap<TopicPartition, OffsetAndMetadata>;

/// The outcome of a commit, once it is there. Dropping it does not undo the commit.
#[derive(Debug)]
pub struct CommitFuture(oneshot::Receiver<Result<()>>);

impl CommitFuture {
    pub(super) fn failed(error: Error) -> Self {
        let (reply, answer) = oneshot::channel();
        drop(reply.send(Err(error)));
        Self(answer)
    }
}

impl Future for CommitFuture {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let closed = || Error::illegal("cannot commit offsets", "the consumer was closed");
        Pin::new(&mut self.0).poll(cx).map(|answer| answer.unwrap_or_else(|_| Err(closed())))
    }
}

struct Order {
    offsets: Offsets,
    /// Who commits; a later generation must not commit for an earlier one.
    identity: Identity,
    /// Tried again until then; `None` tries once.
    deadline: Option<Instant>,
    reply: oneshot::Sender<Result<()>>,
}

/// Commits in the order of the calls; starts its task with the first.
pub(super) struct Committer {
    coordinator: Arc<Coordinator>,
    config: Arc<ConsumerConfig>,
    task: Option<(mpsc::UnboundedSender<Order>, Owned)>,
}

impl Committer {
    pub(super) fn new(coordinator: Arc<Coordinator>, config: Arc<ConsumerConfig>) -> Self {
        Self { coordinator, config, task: None }
    }

    /// Waits until all commits so far have ended.
    pub(super) async fn finish(&mut self) {
        let Some((orders, _)) = &self.task else { return };
        let (reply, answer) = oneshot::channel();
        drop(orders.send(Order { offsets: Offsets::new(), identity: Identity::default(), deadline: None, reply }));
        // Both outcomes say that the queue is empty.
        drop(answer.await);
    }

    pub(super) fn commit(&mut self, offsets: Offsets, within: Option<Duration>) -> CommitFuture {
        let (reply, answer) = oneshot::channel();
        if offsets.is_empty() {
            drop(reply.send(Ok(())));
            return CommitFuture(answer);
        }
        let (orders, _) = self.task.get_or_insert_with(|| {
            // Not bounded: who commits without waiting does so on a timer, and each order is small.
            let (sender, queue) = mpsc::unbounded_channel();
            (sender, Owned::spawn(serve(Arc::clone(&self.coordinator), Arc::clone(&self.config), queue)))
        });
        let deadline = within.and_then(|within| Instant::now().checked_add(within));
        // A task that is gone drops the reply, which its receiver notices.
        drop(orders.send(Order { offsets, identity: self.coordinator.identity(), deadline, reply }));
        CommitFuture(answer)
    }
}

async fn serve(coordinator: Arc<Coordinator>, config: Arc<ConsumerConfig>, mut orders: mpsc::UnboundedReceiver<Order>) {
    while let Some(Order { offsets, identity, deadline, reply }) = orders.recv().await {
        let mut failures = 0;
        let outcome = loop {
            let outcome = commit(&coordinator, &identity, &offsets).await;
            let Err(error) = &outcome else { break outcome };
            failures += 1;
            let next = Instant::now() + config.client.retry_backoff.after(failures);
            let again = error.is_retriable() || error.code() == Some(ErrorCode::REBALANCE_IN_PROGRESS);
            if !again || deadline.is_none_or(|deadline| next >= deadline) || coordinator.identity() != identity {
                break outcome;
            }
            tracing::debug!(group = %coordinator.group, %error, "committing again");
            tokio::time::sleep_until(next).await;
        };
        // Whoever asked may have stopped waiting.
        drop(reply.send(outcome));
    }
}

async fn commit(coordinator: &Coordinator, identity: &Identity, offsets: &Offsets) -> Result<()> {
    if offsets.is_empty() {
        return Ok(());
    }
    let build = |version: i16| {
        let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
        for (at, offset) in offsets {
            let metadata = Some(StrBytes::from_string(offset.metadata.clone()));
            let mut partition = OffsetCommitRequestPartition::default()
                .with_partition_index(at.partition)
                .with_committed_offset(offset.offset)
                .with_committed_metadata(metadata);
            if version >= 6 {
                partition = partition.with_committed_leader_epoch(offset.leader_epoch.unwrap_or(-1));
            }
            match topics.last_mut().filter(|topic| *topic.name.0 == *at.topic) {
                Some(topic) => topic.partitions.push(partition),
                None => {
                    let name = TopicName(StrBytes::from_string(at.topic.to_string()));
                    topics.push(OffsetCommitRequestTopic::default().with_name(name).with_partitions(vec![partition]));
                }
            }
        }
        OffsetCommitRequest::default()
            .with_group_id(coordinator.group_id())
            .with_generation_id_or_member_epoch(identity.generation)
            .with_member_id(StrBytes::from_string(identity.member_id.clone()))
            .with_topics(topics)
    };
    let response = coordinator.ask(Lane::Offsets, Duration::ZERO, build).await?;
    let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    match partitions.find_map(|partition| ErrorCode::from_wire(partition.error_code)) {
        None => Ok(()),
        Some(code @ (ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION | ErrorCode::FENCED_INSTANCE_ID)) => {
            let reason = format!("the group has rebalanced and given the partitions to another member ({code})");
            Err(Error::CommitFailed { group: coordinator.group.to_string(), reason })
        }
        Some(code) => Err(coordinator.refused("cannot commit offsets", code)),
    }
}
