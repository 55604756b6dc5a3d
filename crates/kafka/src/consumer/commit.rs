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
        let outcome = settle(&coordinator, &config, &offsets, identity, deadline).await;
        // Whoever asked may have stopped waiting.
        drop(reply.send(outcome));
    }
}

/// Commits, again and again if there is time.
async fn settle(
    coordinator: &Coordinator,
    config: &ConsumerConfig,
    offsets: &Offsets,
    ordered_by: Identity,
    deadline: Option<Instant>,
) -> Result<()> {
    let mut identity = ordered_by.clone();
    let mut failures = 0;
    loop {
        let attempt = commit(coordinator, &identity, offsets);
        let outcome = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, attempt).await.unwrap_or_else(|_| {
                let reason = "the coordinator has not answered within default.api.timeout.ms".to_owned();
                Err(Error::timeout(format!("cannot commit offsets of group {}", coordinator.group), reason))
            }),
            None => attempt.await,
        };
        let Err(error) = &outcome else { return outcome };
        failures += 1;
        let next = Instant::now() + config.client.retry_backoff.after(failures);
        let again = error.is_retriable() || error.code() == Some(ErrorCode::REBALANCE_IN_PROGRESS);
        if !again || deadline.is_none_or(|deadline| next >= deadline) {
            return outcome;
        }
        tracing::debug!(group = %coordinator.group, %error, "committing again");
        tokio::time::sleep_until(next).await;
        let now = coordinator.identity();
        if now != identity {
            // A later generation commits for an earlier one only what has been this member's all the time (invariant 5).
            if now.generation < 0 || !coordinator.has_owned_since(ordered_by.generation, offsets.keys()) {
                return Err(moved_on(coordinator, "the group has rebalanced meanwhile"));
            }
            identity = now;
        }
    }
}

fn moved_on(coordinator: &Coordinator, reason: impl Into<String>) -> Error {
    Error::CommitFailed { group: coordinator.group.to_string(), reason: reason.into() }
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
            .with_group_instance_id(coordinator.instance_id().filter(|_| identity.generation >= 0))
            .with_topics(topics)
    };
    let asked = Instant::now();
    let response = coordinator.ask(Lane::Offsets, Duration::ZERO, build).await?;
    let now = Instant::now();
    coordinator.cluster.metrics().commit_answered(now, now - asked);
    let partitions = response.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |of| (topic, of)));
    let refused = partitions.filter_map(|(topic, of)| Some((topic, of, ErrorCode::from_wire(of.error_code)?)));
    // What a retry does not cure tells more.
    let Some((topic, of, code)) = refused.min_by_key(|(_, _, code)| code.is_retriable()) else { return Ok(()) };
    match code {
        // The coordinator has begun the next generation, and the answer to this member's join is on its way.
        ErrorCode::ILLEGAL_GENERATION | ErrorCode::UNKNOWN_MEMBER_ID if coordinator.is_joining_from(identity) => {
            Err(coordinator.refused("cannot commit offsets", ErrorCode::REBALANCE_IN_PROGRESS))
        }
        ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION if identity.generation < 0 => {
            Err(coordinator.refused("cannot commit offsets of a group that has members without being one", code))
        }
        ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => {
            let reason = format!("the group has rebalanced and given the partitions to another member ({code})");
            Err(moved_on(coordinator, reason))
        }
        ErrorCode::REBALANCE_IN_PROGRESS | ErrorCode::FENCED_INSTANCE_ID => {
            Err(coordinator.refused("cannot commit offsets", code))
        }
        code => Err(coordinator.refused(
            &format!("cannot commit an offset of {}-{}, and others,", topic.name.0.as_str(), of.partition_index),
            code,
        )),
    }
}
