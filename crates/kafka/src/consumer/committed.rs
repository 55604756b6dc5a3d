//! What a group has committed.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.ConsumerCoordinator.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{OffsetFetchRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use milena_api::record::TopicPartition;

use crate::config::ConsumerConfig;
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::group::Coordinator;
use crate::net::Lane;
use crate::offset_and_metadata::OffsetAndMetadata;

/// Asks until there is an answer. Partitions without a committed offset are left out; offsets of transactions that are still open
/// are waited for.
pub(super) async fn fetch_committed(
    coordinator: &Coordinator,
    config: &ConsumerConfig,
    partitions: &[TopicPartition],
) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>> {
    let mut failures = 0;
    loop {
        match fetch_once(coordinator, partitions).await {
            Err(error) if error.is_retriable() => {
                failures += 1;
                tracing::debug!(group = %coordinator.group, %error, "asking for committed offsets again");
                tokio::time::sleep(config.client.retry_backoff.after(failures)).await;
            }
            done => return done,
        }
    }
}

async fn fetch_once(
    coordinator: &Coordinator,
    partitions: &[TopicPartition],
) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for at in partitions {
        topics.entry(&at.topic).or_default().push(at.partition);
    }
    let name = |topic: &str| TopicName(StrBytes::from_string(topic.to_owned()));
    let build = |version: i16| {
        let request = OffsetFetchRequest::default();
        let request = if version >= 8 {
            let topics = topics.into_iter().map(|(topic, indexes)| {
                OffsetFetchRequestTopics::default().with_name(name(topic)).with_partition_indexes(indexes)
            });
            let group = OffsetFetchRequestGroup::default().with_group_id(coordinator.group_id());
            request.with_groups(vec![group.with_topics(Some(topics.collect()))])
        } else {
            let topics = topics.into_iter().map(|(topic, indexes)| {
                OffsetFetchRequestTopic::default().with_name(name(topic)).with_partition_indexes(indexes)
            });
            request.with_group_id(coordinator.group_id()).with_topics(Some(topics.collect()))
        };
        // As Java's consumers do whatever their isolation level: an offset that a transaction may yet replace is no place to begin.
        if version >= 7 { request.with_require_stable(true) } else { request }
    };
    let response = coordinator.ask(Lane::Control, Duration::ZERO, build).await?;
    let doing = "cannot fetch committed offsets";
    let code = response.groups.first().map_or(response.error_code, |group| group.error_code);
    if let Some(code) = ErrorCode::from_wire(code) {
        return Err(coordinator.refused(doing, code));
    }
    let mut committed = BTreeMap::new();
    let mut take = |topic: &str, partition, offset: OffsetAndMetadata, code| match ErrorCode::from_wire(code) {
        Some(code) => {
            // Names the partition: a topic may be forbidden, or gone.
            let doing = format!("{doing} of {topic}-{partition}");
            let error = coordinator.refused(&doing, code);
            // An unknown partition is not on its way into being, as Java sees it too.
            match code {
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
                    Err(Error::illegal(format!("{doing} of group {}", coordinator.group), code.name()))
                }
                _ => Err(error),
            }
        }
        None => {
            if offset.offset >= 0 {
                committed.insert(TopicPartition::new(topic, partition), offset);
            }
            Ok(())
        }
    };
    let offset = |offset, epoch: i32, metadata: Option<&StrBytes>| OffsetAndMetadata {
        offset,
        leader_epoch: (epoch >= 0).then_some(epoch),
        metadata: metadata.map(ToString::to_string).unwrap_or_default(),
    };
    for topic in &response.topics {
        for of in &topic.partitions {
            let found = offset(of.committed_offset, of.committed_leader_epoch, of.metadata.as_ref());
            take(&topic.name.0, of.partition_index, found, of.error_code)?;
        }
    }
    for topic in response.groups.iter().flat_map(|group| &group.topics) {
        for of in &topic.partitions {
            let found = offset(of.committed_offset, of.committed_leader_epoch, of.metadata.as_ref());
            take(&topic.name.0, of.partition_index, found, of.error_code)?;
        }
    }
    Ok(committed)
}
