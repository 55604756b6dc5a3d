//! OffsetCommit, OffsetFetch, OffsetDelete.

use super::Context;
use super::wire::{text, topic_name};
use crate::group::{CommitBy, Group};
use crate::journal::Committed;
use crate::topics::Topic;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    GroupId, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest,
    OffsetFetchResponse,
};
use std::collections::BTreeMap;

/// Kafka's `offset.metadata.max.bytes`.
const LONGEST_METADATA: usize = 4096;

/// Whether an offset can be kept for a partition, whoever commits it.
pub(super) fn check_commit(topic: Option<&Topic>, index: i32, offset: &Committed) -> Result<(), ResponseError> {
    if topic.and_then(|topic| topic.partition(index)).is_none() {
        return Err(ResponseError::UnknownTopicOrPartition);
    }
    if offset.metadata.len() > LONGEST_METADATA {
        return Err(ResponseError::OffsetMetadataTooLarge);
    }
    Ok(())
}

pub(super) fn commit(cx: &Context<'_>, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let mut accepted = Vec::new();
    let mut topics = Vec::new();
    for topic in &request.topics {
        let found = cx.shared.topics.by_name(&topic.name);
        let mut partitions = Vec::new();
        for wanted in &topic.partitions {
            let index = wanted.partition_index;
            let committed = Committed {
                offset: wanted.committed_offset,
                leader_epoch: wanted.committed_leader_epoch,
                metadata: wanted.committed_metadata.as_deref().unwrap_or("").to_owned(),
            };
            let error = match cx.fault_at(&topic.name, index) {
                0 => check_commit(found.as_deref(), index, &committed).err().map_or(0, |error| error.code()),
                injected => injected,
            };
            if error == 0 {
                accepted.push(((topic.name.to_string(), index), committed));
            }
            partitions
                .push(OffsetCommitResponsePartition::default().with_partition_index(index).with_error_code(error));
        }
        topics.push(OffsetCommitResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions));
    }
    let by = CommitBy {
        member_id: &request.member_id,
        instance_id: request.group_instance_id.as_deref(),
        generation: request.generation_id_or_member_epoch,
        knows_missing_groups: cx.version >= 9,
        transactional: false,
    };
    if let Err(error) = cx.shared.groups.commit(&request.group_id, by, accepted) {
        // A refused member is told so for every partition, whatever else is wrong with it.
        let partitions = topics.iter_mut().flat_map(|topic| topic.partitions.iter_mut());
        partitions.for_each(|partition| partition.error_code = error.code());
    }
    OffsetCommitResponse::default().with_topics(topics)
}

/// A partition's committed offset, or the code of why it is not told.
type Found = BTreeMap<String, Vec<(i32, Committed, i16)>>;

fn nothing() -> Committed {
    Committed { offset: -1, leader_epoch: -1, metadata: String::new() }
}

/// Offsets of the topics asked for, or all that the group has; with `stable` only those that no open transaction may change.
fn look_up(cx: &Context<'_>, group: &str, topics: Option<Vec<(String, Vec<i32>)>>, stable: bool) -> Found {
    cx.shared
        .groups
        .with(group, |group| look_up_in(Some(group), topics.clone(), stable))
        .unwrap_or_else(|| look_up_in(None, topics, stable))
}

fn look_up_in(group: Option<&Group>, topics: Option<Vec<(String, Vec<i32>)>>, stable: bool) -> Found {
    let told = |key: (String, i32)| {
        if stable && group.is_some_and(|group| group.is_unstable(&key)) {
            return (key.1, nothing(), ResponseError::UnstableOffsetCommit.code());
        }
        let committed = group.and_then(|group| group.offsets.get(&key).cloned());
        (key.1, committed.unwrap_or_else(nothing), 0)
    };
    let mut found = Found::new();
    match topics {
        Some(topics) => {
            for (topic, partitions) in topics {
                let entries: Vec<_> =
                    partitions.into_iter().map(|partition| told((topic.clone(), partition))).collect();
                found.entry(topic).or_default().extend(entries);
            }
        }
        None => {
            for key in group.into_iter().flat_map(|group| group.offsets.keys()) {
                found.entry(key.0.clone()).or_default().push(told(key.clone()));
            }
        }
    }
    found
}

pub(super) fn fetch(cx: &Context<'_>, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let stable = request.require_stable;
    if cx.version >= 8 {
        let groups = request
            .groups
            .into_iter()
            .map(|group| {
                let topics = group.topics.map(|topics| {
                    topics.into_iter().map(|topic| (topic.name.to_string(), topic.partition_indexes)).collect()
                });
                let answer = OffsetFetchResponseGroup::default().with_group_id(group.group_id.clone());
                answer
                    .with_topics(look_up(cx, &group.group_id, topics, stable).into_iter().map(topic_of_group).collect())
            })
            .collect();
        return OffsetFetchResponse::default().with_groups(groups);
    }
    let topics = request
        .topics
        .map(|topics| topics.into_iter().map(|topic| (topic.name.to_string(), topic.partition_indexes)).collect());
    let found = look_up(cx, &request.group_id, topics, stable);
    OffsetFetchResponse::default().with_topics(found.into_iter().map(topic_alone).collect())
}

fn topic_of_group((name, partitions): (String, Vec<(i32, Committed, i16)>)) -> OffsetFetchResponseTopics {
    let partitions = partitions
        .into_iter()
        .map(|(index, committed, error)| {
            OffsetFetchResponsePartitions::default()
                .with_partition_index(index)
                .with_committed_offset(committed.offset)
                .with_committed_leader_epoch(committed.leader_epoch)
                .with_metadata(Some(text(committed.metadata)))
                .with_error_code(error)
        })
        .collect();
    OffsetFetchResponseTopics::default().with_name(topic_name(&name)).with_partitions(partitions)
}

fn topic_alone((name, partitions): (String, Vec<(i32, Committed, i16)>)) -> OffsetFetchResponseTopic {
    let partitions = partitions
        .into_iter()
        .map(|(index, committed, error)| {
            OffsetFetchResponsePartition::default()
                .with_partition_index(index)
                .with_committed_offset(committed.offset)
                .with_committed_leader_epoch(committed.leader_epoch)
                .with_metadata(Some(text(committed.metadata)))
                .with_error_code(error)
        })
        .collect();
    OffsetFetchResponseTopic::default().with_name(topic_name(&name)).with_partitions(partitions)
}

pub(super) fn delete(cx: &Context<'_>, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let GroupId(group) = &request.group_id;
    let wanted: Vec<(String, i32)> = request
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|one| (topic.name.to_string(), one.partition_index)))
        .collect();
    let results = match cx.shared.groups.delete_offsets(group, &wanted) {
        Ok(results) => results,
        Err(error) => return OffsetDeleteResponse::default().with_error_code(error.code()),
    };
    let mut topics: Vec<OffsetDeleteResponseTopic> = Vec::new();
    for ((name, index), result) in wanted.into_iter().zip(results) {
        let exists = cx.shared.topics.by_name(&name).and_then(|topic| topic.partition(index)).is_some();
        let code = match result {
            Ok(()) if !exists => ResponseError::UnknownTopicOrPartition.code(),
            Ok(()) => 0,
            Err(error) => error.code(),
        };
        let partition = OffsetDeleteResponsePartition::default().with_partition_index(index).with_error_code(code);
        match topics.last_mut().filter(|topic| topic.name.as_str() == name) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(
                OffsetDeleteResponseTopic::default().with_name(topic_name(&name)).with_partitions(vec![partition]),
            ),
        }
    }
    OffsetDeleteResponse::default().with_topics(topics)
}
