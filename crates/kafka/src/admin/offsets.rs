//! Offsets: of partitions, and those that groups have committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestGroup};
use kafka_protocol::messages::{BrokerId, GroupId};
use kafka_protocol::protocol::StrBytes;

use super::topics::topic_name;
use super::{Admin, Wanted};
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::{OffsetAndMetadata, TopicPartition};

/// Which offset of a partition is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first.
    Earliest,
    /// The one the next record gets.
    Latest,
    /// That of the record with the largest timestamp.
    MaxTimestamp,
    /// The first whose timestamp is this or later, milliseconds since the epoch.
    Timestamp(i64),
}

impl OffsetSpec {
    const fn wire(self) -> i64 {
        match self {
            OffsetSpec::Latest => -1,
            OffsetSpec::Earliest => -2,
            OffsetSpec::MaxTimestamp => -3,
            OffsetSpec::Timestamp(at) => at,
        }
    }
}

/// An offset of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedOffset {
    /// The offset; -1 if no record has such a timestamp.
    pub offset: i64,
    /// Timestamp of its record, where one was asked for by time.
    pub timestamp: Option<i64>,
    /// Epoch of the leader that wrote it.
    pub leader_epoch: Option<i32>,
}

pub(super) fn group_id(group: &str) -> GroupId {
    GroupId(StrBytes::from_string(group.to_owned()))
}

/// Partitions by topic, as requests want them.
fn by_topic<'a>(partitions: impl Iterator<Item = &'a TopicPartition>) -> BTreeMap<&'a str, Vec<&'a TopicPartition>> {
    let mut topics: BTreeMap<&str, Vec<&TopicPartition>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition);
    }
    topics
}

impl Admin {
    /// Offsets of partitions, each with its own outcome.
    ///
    /// # Errors
    /// A leader cannot be reached in time.
    pub async fn list_offsets(
        &self,
        wanted: &BTreeMap<TopicPartition, OffsetSpec>,
    ) -> Result<BTreeMap<TopicPartition, Result<ListedOffset>>> {
        let mut found = BTreeMap::new();
        for (partition, spec) in wanted {
            let outcome = self.list_offset(partition, *spec).await;
            if let Err(error) = &outcome
                && error.code().is_none()
            {
                return Err(error.clone());
            }
            found.insert(partition.clone(), outcome);
        }
        Ok(found)
    }

    async fn list_offset(&self, partition: &TopicPartition, spec: OffsetSpec) -> Result<ListedOffset> {
        let doing = format!("listing offsets of {partition}");
        self.until_done(&doing, || {
            let part = ListOffsetsPartition::default()
                .with_partition_index(partition.partition)
                .with_current_leader_epoch(-1)
                .with_timestamp(spec.wire());
            let topic = ListOffsetsTopic::default().with_name(topic_name(&partition.topic)).with_partitions(vec![part]);
            let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
            let doing = &doing;
            async move {
                let target = Wanted::Leader(partition.clone());
                let response = self.ask(target, move |_| request).await?;
                let outcome = response.topics.into_iter().flat_map(|topic| topic.partitions).next();
                let outcome = outcome.ok_or_else(|| Error::protocol(doing, "the answer has no partition"))?;
                match ErrorCode::from_wire(outcome.error_code) {
                    None => Ok(ListedOffset {
                        offset: outcome.offset,
                        timestamp: (outcome.timestamp >= 0).then_some(outcome.timestamp),
                        leader_epoch: (outcome.leader_epoch >= 0).then_some(outcome.leader_epoch),
                    }),
                    Some(code) => Err(Error::broker(doing, code, None)),
                }
            }
        })
        .await
    }

    /// All offsets that a group has committed; none for a group that does not exist.
    ///
    /// # Errors
    /// The coordinator's.
    pub async fn list_consumer_group_offsets(
        &self,
        group: &str,
    ) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>> {
        let doing = format!("listing offsets of consumer group {group}");
        self.until_done(&doing, || {
            let id = group_id(group);
            let request = move |version: i16| {
                if version >= 8 {
                    let all =
                        OffsetFetchRequestGroup::default().with_group_id(id).with_member_epoch(-1).with_topics(None);
                    OffsetFetchRequest::default().with_groups(vec![all])
                } else {
                    OffsetFetchRequest::default().with_group_id(id).with_topics(None)
                }
            };
            let doing = &doing;
            async move {
                let response = self.ask(Wanted::Coordinator(Arc::from(group)), request).await?;
                let mut found = BTreeMap::new();
                let mut add = |topic: &str, partition, offset, epoch: i32, metadata: Option<StrBytes>, code| {
                    if let Some(code) = ErrorCode::from_wire(code) {
                        return Err(Error::broker(doing, code, None));
                    }
                    if offset >= 0 {
                        let mut committed = OffsetAndMetadata::new(offset);
                        committed.leader_epoch = (epoch >= 0).then_some(epoch);
                        committed.metadata = metadata.map(|text| text.as_str().to_owned()).unwrap_or_default();
                        found.insert(TopicPartition::new(topic, partition), committed);
                    }
                    Ok(())
                };
                if let Some(code) = ErrorCode::from_wire(response.error_code) {
                    return Err(Error::broker(doing, code, None));
                }
                for topic in response.topics {
                    for p in topic.partitions {
                        let (epoch, metadata) = (p.committed_leader_epoch, p.metadata);
                        add(&topic.name, p.partition_index, p.committed_offset, epoch, metadata, p.error_code)?;
                    }
                }
                for group in response.groups {
                    if let Some(code) = ErrorCode::from_wire(group.error_code) {
                        return Err(Error::broker(doing, code, None));
                    }
                    for topic in group.topics {
                        for p in topic.partitions {
                            let (epoch, metadata) = (p.committed_leader_epoch, p.metadata);
                            add(&topic.name, p.partition_index, p.committed_offset, epoch, metadata, p.error_code)?;
                        }
                    }
                }
                Ok(found)
            }
        })
        .await
    }

    /// Commits offsets for a group that has no members.
    ///
    /// # Errors
    /// The group has members (`UNKNOWN_MEMBER_ID`), or another refusal of the coordinator.
    pub async fn alter_consumer_group_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, OffsetAndMetadata>,
    ) -> Result<()> {
        let doing = format!("altering offsets of consumer group {group}");
        self.until_done(&doing, || {
            let topics = by_topic(offsets.keys()).into_iter().map(|(topic, partitions)| {
                let part = |partition: &TopicPartition| {
                    let committed = &offsets[partition];
                    OffsetCommitRequestPartition::default()
                        .with_partition_index(partition.partition)
                        .with_committed_offset(committed.offset)
                        .with_committed_leader_epoch(committed.leader_epoch.unwrap_or(-1))
                        .with_committed_metadata(Some(StrBytes::from_string(committed.metadata.clone())))
                };
                OffsetCommitRequestTopic::default()
                    .with_name(topic_name(topic))
                    .with_partitions(partitions.into_iter().map(part).collect())
            });
            let request = OffsetCommitRequest::default()
                .with_group_id(group_id(group))
                .with_generation_id_or_member_epoch(-1)
                .with_topics(topics.collect());
            let doing = &doing;
            async move {
                let target = Wanted::Coordinator(Arc::from(group));
                let response = self.ask(target, move |_| request).await?;
                let codes = response.topics.iter().flat_map(|topic| &topic.partitions).map(|p| p.error_code);
                final_outcome(first_error(doing, codes))
            }
        })
        .await?
    }

    /// Forgets offsets that a group has committed.
    ///
    /// # Errors
    /// A member reads the topic, or another refusal of the coordinator. A group that does not exist has none to forget.
    pub async fn delete_consumer_group_offsets(&self, group: &str, partitions: &[TopicPartition]) -> Result<()> {
        let doing = format!("deleting offsets of consumer group {group}");
        self.until_done(&doing, || {
            let topics = by_topic(partitions.iter()).into_iter().map(|(topic, partitions)| {
                let part =
                    |p: &TopicPartition| OffsetDeleteRequestPartition::default().with_partition_index(p.partition);
                OffsetDeleteRequestTopic::default()
                    .with_name(topic_name(topic))
                    .with_partitions(partitions.into_iter().map(part).collect())
            });
            let request = OffsetDeleteRequest::default().with_group_id(group_id(group)).with_topics(topics.collect());
            let doing = &doing;
            async move {
                let target = Wanted::Coordinator(Arc::from(group));
                let response = self.ask(target, move |_| request).await?;
                match ErrorCode::from_wire(response.error_code) {
                    Some(ErrorCode::GROUP_ID_NOT_FOUND) => return Ok(Ok(())),
                    Some(code) => return Err(Error::broker(doing, code, None)),
                    None => {}
                }
                let codes = response.topics.iter().flat_map(|topic| &topic.partitions).map(|p| p.error_code);
                final_outcome(first_error(doing, codes))
            }
        })
        .await?
    }
}

/// Of the refusals of a partition only those of a coordinator that has moved are worth another attempt: a topic that is not there is the caller's
/// mistake, although the code counts as retriable elsewhere.
fn final_outcome(outcome: Result<()>) -> Result<Result<()>> {
    match outcome {
        Err(error)
            if error
                .code()
                .is_none_or(|code| code.is_coordinator_moved() || code == ErrorCode::COORDINATOR_LOAD_IN_PROGRESS) =>
        {
            Err(error)
        }
        outcome => Ok(outcome),
    }
}

fn first_error(doing: &str, mut codes: impl Iterator<Item = i16>) -> Result<()> {
    let first = codes.find_map(ErrorCode::from_wire);
    first.map_or(Ok(()), |code| Err(Error::broker(doing, code, None)))
}
