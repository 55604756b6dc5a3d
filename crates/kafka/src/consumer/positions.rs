//! Questions about positions: what a group has committed, offsets by place or time, and where a leader's epoch ends.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.OffsetFetcher, OffsetsForLeaderEpochClient.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_protocol::messages::{ListOffsetsRequest, OffsetForLeaderEpochRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use milena_api::record::TopicPartition;

use super::buffer::Place;
use super::committed::fetch_committed;
use crate::config::ConsumerConfig;
use crate::error::Result;
use crate::error_code::ErrorCode;
use crate::group::Coordinator;
use crate::net::{Cluster, Lane, Target};
use crate::offset_and_metadata::OffsetAndMetadata;

/// The end of the log, as ListOffsets says it.
pub(super) const LATEST: i64 = -1;
/// The first offset, as ListOffsets says it.
pub(super) const EARLIEST: i64 = -2;

/// A partition that a question is about.
#[derive(Debug, Clone)]
pub(super) struct Question<T> {
    pub at: TopicPartition,
    pub jump: u64,
    /// What the client believes to be the leader's epoch; -1 if it does not know.
    pub leader_epoch: i32,
    pub what: T,
}

/// What came of the questions to one broker: per partition an answer or a refusal. Partitions may be missing.
pub(super) struct Answers<T, A> {
    pub asked: Vec<Question<T>>,
    pub result: Result<HashMap<TopicPartition, Result<A, ErrorCode>>>,
}

/// What the group has committed.
pub(super) type Committed = Answers<(), Option<Place>>;
/// Offset of a timestamp, -1 if there is no such record.
pub(super) type LookedUp = Answers<i64, i64>;
/// Epoch and end offset, -1 each if the leader does not know, for the position's epoch.
pub(super) type Checked = Answers<Place, Place>;

/// Questions by topic. They come in the order of their partitions.
fn by_topic<T>(asked: &[Question<T>]) -> impl Iterator<Item = (TopicName, &[Question<T>])> {
    asked.chunk_by(|a, b| a.at.topic == b.at.topic).filter_map(|questions| {
        let first = questions.first()?;
        Some((TopicName(StrBytes::from_string(first.at.topic.to_string())), questions))
    })
}

/// Asks the coordinator what the group has committed; interruptions that pass are waited out.
pub(super) async fn committed(
    coordinator: Arc<Coordinator>,
    config: Arc<ConsumerConfig>,
    asked: Vec<Question<()>>,
) -> Committed {
    let partitions: Vec<TopicPartition> = asked.iter().map(|question| question.at.clone()).collect();
    let result = fetch_committed(&coordinator, &config, &partitions).await.map(|mut found| {
        let place = |of: OffsetAndMetadata| Place { offset: of.offset, epoch: of.leader_epoch.unwrap_or(-1) };
        let answers = partitions.into_iter().map(|at| {
            let place = found.remove(&at).map(place);
            (at, Ok(place))
        });
        answers.collect()
    });
    Answers { asked, result }
}

/// Asks a leader for offsets by time, or for the first or last one.
pub(super) async fn look_up(
    cluster: Arc<Cluster>,
    config: Arc<ConsumerConfig>,
    node: i32,
    asked: Vec<Question<i64>>,
) -> LookedUp {
    let build = |version: i16| {
        let topics = by_topic(&asked).map(|(name, questions)| {
            let partitions = questions.iter().map(|question| {
                let partition = ListOffsetsPartition::default()
                    .with_partition_index(question.at.partition)
                    .with_timestamp(question.what);
                if version >= 4 { partition.with_current_leader_epoch(question.leader_epoch) } else { partition }
            });
            ListOffsetsTopic::default().with_name(name).with_partitions(partitions.collect())
        });
        let mut request = ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(topics.collect());
        if version >= 2 {
            request = request.with_isolation_level(config.isolation.id());
        }
        if version >= 10 {
            // The broker may have to look at its remote storage.
            let timeout = i32::try_from(config.client.request_timeout.as_millis()).unwrap_or(i32::MAX);
            request = request.with_timeout_ms(timeout);
        }
        request
    };
    // It may wait there, so it does not stand in the way of heartbeats and metadata.
    let asking = cluster.call_within(Target::Node(node), Lane::Offsets, Duration::ZERO, build);
    let result = asking.await.map(|response| {
        let mut found = HashMap::new();
        for topic in response.topics {
            for of in topic.partitions {
                let answer = ErrorCode::from_wire(of.error_code).map_or(Ok(of.offset), Err);
                found.insert(TopicPartition::new(topic.name.0.as_str(), of.partition_index), answer);
            }
        }
        found
    });
    Answers { asked, result }
}

/// Asks a leader where the epochs of positions end in its log.
pub(super) async fn check(cluster: Arc<Cluster>, node: i32, asked: Vec<Question<Place>>) -> Checked {
    let build = |version: i16| {
        let topics = by_topic(&asked).map(|(topic, questions)| {
            let partitions = questions.iter().map(|question| {
                OffsetForLeaderPartition::default()
                    .with_partition(question.at.partition)
                    .with_current_leader_epoch(question.leader_epoch)
                    .with_leader_epoch(question.what.epoch)
            });
            OffsetForLeaderTopic::default().with_topic(topic).with_partitions(partitions.collect())
        });
        let request = OffsetForLeaderEpochRequest::default().with_topics(topics.collect());
        if version >= 3 { request.with_replica_id((-1).into()) } else { request }
    };
    let result = cluster.call(Target::Node(node), build).await.map(|response| {
        let mut found = HashMap::new();
        for topic in response.topics {
            for of in topic.partitions {
                let end = Place { offset: of.end_offset, epoch: of.leader_epoch };
                let answer = ErrorCode::from_wire(of.error_code).map_or(Ok(end), Err);
                found.insert(TopicPartition::new(topic.topic.0.as_str(), of.partition), answer);
            }
        }
        found
    });
    Answers { asked, result }
}

/// Questions by the broker that answers them.
pub(super) type ByBroker<T> = BTreeMap<i32, Vec<Question<T>>>;
