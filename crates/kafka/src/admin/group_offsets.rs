//! Offsets that groups have committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::messages::GroupId;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::protocol::StrBytes;

use super::Admin;
use super::call::{Outcomes, all_done, coordinator_error_passes, refusal, unless_all_unreachable};
use super::client::Wanted;
use super::offsets::by_topic;
use super::topics::topic_name;
use crate::error::Result;
use crate::{OffsetAndMetadata, TopicPartition};

/// Which committed offsets are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupOffsetsOptions {
    /// Of these partitions; of all if `None`.
    pub partitions: Option<Vec<TopicPartition>>,
    /// Wait until no transaction is about to change them.
    pub require_stable: bool,
}

pub(super) fn group_id(group: &str) -> GroupId {
    GroupId(StrBytes::from_string(group.to_owned()))
}

impl GroupOffsetsOptions {
    fn request(&self, group: &str, version: i16) -> OffsetFetchRequest {
        let topics = self.partitions.as_ref().map(|partitions| by_topic(partitions.iter()));
        let indexes = |partitions: Vec<&TopicPartition>| partitions.iter().map(|p| p.partition).collect();
        let request = OffsetFetchRequest::default().with_require_stable(self.require_stable && version >= 7);
        if version >= 8 {
            let topic = |(name, partitions)| {
                OffsetFetchRequestTopics::default()
                    .with_name(topic_name(name))
                    .with_partition_indexes(indexes(partitions))
            };
            let topics = topics.map(|topics| topics.into_iter().map(topic).collect());
            let asked = OffsetFetchRequestGroup::default()
                .with_group_id(group_id(group))
                .with_member_epoch(-1)
                .with_topics(topics);
            request.with_groups(vec![asked])
        } else {
            let topic = |(name, partitions)| {
                OffsetFetchRequestTopic::default()
                    .with_name(topic_name(name))
                    .with_partition_indexes(indexes(partitions))
            };
            let topics = topics.map(|topics| topics.into_iter().map(topic).collect());
            request.with_group_id(group_id(group)).with_topics(topics)
        }
    }
}

impl Admin {
    /// All offsets that a group has committed; none for a group that does not exist.
    ///
    /// # Errors
    /// The coordinator's.
    pub async fn list_consumer_group_offsets(
        &self,
        group: &str,
    ) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>> {
        self.list_consumer_group_offsets_with(group, &GroupOffsetsOptions::default()).await
    }

    /// As [`list_consumer_group_offsets`](Self::list_consumer_group_offsets), with options. Partitions without committed offset are left out.
    ///
    /// # Errors
    /// The coordinator's.
    pub async fn list_consumer_group_offsets_with(
        &self,
        group: &str,
        options: &GroupOffsetsOptions,
    ) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>> {
        let doing = format!("listing offsets of consumer group {group}");
        self.until(&doing, coordinator_error_passes, || {
            let doing = || doing.clone();
            async move {
                let build = |version| options.request(group, version);
                let response = self.ask(Wanted::Coordinator(Arc::from(group)), build).await?;
                refusal(doing, response.error_code, None)?;
                let mut found = BTreeMap::new();
                let mut add = |topic: &str, partition, offset, epoch: i32, metadata: Option<StrBytes>, code| {
                    refusal(|| format!("{}, partition {topic}-{partition}", doing()), code, None)?;
                    if offset >= 0 {
                        let mut committed = OffsetAndMetadata::new(offset);
                        committed.leader_epoch = (epoch >= 0).then_some(epoch);
                        committed.metadata = metadata.map(|text| text.as_str().to_owned()).unwrap_or_default();
                        found.insert(TopicPartition::new(topic, partition), committed);
                    }
                    Ok::<_, crate::Error>(())
                };
                for topic in response.topics {
                    for p in topic.partitions {
                        let (epoch, metadata) = (p.committed_leader_epoch, p.metadata);
                        add(&topic.name, p.partition_index, p.committed_offset, epoch, metadata, p.error_code)?;
                    }
                }
                for group in response.groups {
                    refusal(doing, group.error_code, None)?;
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
        all_done(self.alter_consumer_group_offsets_each(group, offsets).await?)
    }

    /// As [`alter_consumer_group_offsets`](Self::alter_consumer_group_offsets), with one outcome for each partition.
    ///
    /// # Errors
    /// The coordinator could not be asked.
    pub async fn alter_consumer_group_offsets_each(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, OffsetAndMetadata>,
    ) -> Result<BTreeMap<TopicPartition, Result<()>>> {
        let doing = format!("altering offsets of consumer group {group}");
        let outcomes = self
            .each(&doing, offsets.keys().cloned(), coordinator_error_passes, |open| {
                let doing = &doing;
                async move {
                    let topics = by_topic(open.iter()).into_iter().map(|(topic, partitions)| {
                        let part = |partition: &TopicPartition| {
                            let part =
                                OffsetCommitRequestPartition::default().with_partition_index(partition.partition);
                            let Some(committed) = offsets.get(partition) else { return part };
                            part.with_committed_offset(committed.offset)
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
                    let response = self.ask(Wanted::Coordinator(Arc::from(group)), move |_| request).await?;
                    let answers = response.topics.into_iter().flat_map(|topic| {
                        let name = topic.name;
                        topic.partitions.into_iter().map(move |p| (name.to_string(), p.partition_index, p.error_code))
                    });
                    Ok(outcomes_of(doing, answers))
                }
            })
            .await;
        unless_all_unreachable(outcomes)
    }

    /// Forgets offsets that a group has committed.
    ///
    /// # Errors
    /// A member reads the topic, or another refusal of the coordinator. A group that does not exist has none to forget.
    pub async fn delete_consumer_group_offsets(&self, group: &str, partitions: &[TopicPartition]) -> Result<()> {
        match self.delete_consumer_group_offsets_each(group, partitions).await {
            Err(error) if error.is_group_id_not_found() => Ok(()),
            outcomes => all_done(outcomes?),
        }
    }

    /// As [`delete_consumer_group_offsets`](Self::delete_consumer_group_offsets), with one outcome for each partition.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND` and what else concerns the group as a whole.
    pub async fn delete_consumer_group_offsets_each(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Result<()>>> {
        let doing = format!("deleting offsets of consumer group {group}");
        self.until(&doing, coordinator_error_passes, || {
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
                let response = self.ask(Wanted::Coordinator(Arc::from(group)), move |_| request).await?;
                refusal(|| doing.clone(), response.error_code, None)?;
                let answers = response.topics.into_iter().flat_map(|topic| {
                    let name = topic.name;
                    topic.partitions.into_iter().map(move |p| (name.to_string(), p.partition_index, p.error_code))
                });
                Ok(outcomes_of(doing, answers).into_iter().collect())
            }
        })
        .await
    }
}

fn outcomes_of(doing: &str, answers: impl Iterator<Item = (String, i32, i16)>) -> Outcomes<TopicPartition, ()> {
    let outcome = |(topic, partition, code): (String, i32, i16)| {
        let partition = TopicPartition::new(topic.as_str(), partition);
        let outcome = refusal(|| format!("{doing}, partition {partition}"), code, None);
        (partition, outcome)
    };
    answers.map(outcome).collect()
}
