//! Offsets of partitions.

use std::collections::BTreeMap;

use kafka_protocol::messages::BrokerId;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};

use super::Admin;
use super::call::{refusal, unless_all_unreachable};
use super::client::Wanted;
use super::topics::topic_name;
use crate::TopicPartition;
use crate::config::IsolationLevel;
use crate::error::{Error, Result};

/// Which offset of a partition is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first.
    Earliest,
    /// The one the next record gets.
    Latest,
    /// That of the record with the largest timestamp.
    MaxTimestamp,
    /// The first that the leader itself holds, where older ones are in remote storage.
    EarliestLocal,
    /// The last that is in remote storage.
    LatestTiered,
    /// The first whose timestamp is this or later, milliseconds since the epoch.
    Timestamp(i64),
}

impl OffsetSpec {
    const fn wire(self) -> i64 {
        match self {
            OffsetSpec::Latest => -1,
            OffsetSpec::Earliest => -2,
            OffsetSpec::MaxTimestamp => -3,
            OffsetSpec::EarliestLocal => -4,
            OffsetSpec::LatestTiered => -5,
            OffsetSpec::Timestamp(at) => at,
        }
    }

    /// The version of the request from which brokers understand it.
    const fn since(self) -> i16 {
        match self {
            OffsetSpec::Latest | OffsetSpec::Earliest | OffsetSpec::Timestamp(_) => 1,
            OffsetSpec::MaxTimestamp => 7,
            OffsetSpec::EarliestLocal => 8,
            OffsetSpec::LatestTiered => 9,
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

/// Partitions by topic, as requests want them.
pub(super) fn by_topic<'a>(
    partitions: impl Iterator<Item = &'a TopicPartition>,
) -> BTreeMap<&'a str, Vec<&'a TopicPartition>> {
    let mut topics: BTreeMap<&str, Vec<&TopicPartition>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition);
    }
    topics
}

impl Admin {
    /// Offsets of partitions, each with its own outcome; records of open and aborted transactions count.
    ///
    /// # Errors
    /// No broker could be asked.
    pub async fn list_offsets(
        &self,
        wanted: &BTreeMap<TopicPartition, OffsetSpec>,
    ) -> Result<BTreeMap<TopicPartition, Result<ListedOffset>>> {
        self.list_offsets_seen_by(wanted, IsolationLevel::ReadUncommitted).await
    }

    /// As [`list_offsets`](Self::list_offsets), as a consumer of that isolation level sees them: under `ReadCommitted` the latest is that of the
    /// first open transaction.
    ///
    /// # Errors
    /// No broker could be asked.
    pub async fn list_offsets_seen_by(
        &self,
        wanted: &BTreeMap<TopicPartition, OffsetSpec>,
        isolation: IsolationLevel,
    ) -> Result<BTreeMap<TopicPartition, Result<ListedOffset>>> {
        const DOING: &str = "listing offsets";
        let since = wanted.values().map(|spec| spec.since()).max().unwrap_or(1);
        let since = if isolation == IsolationLevel::ReadCommitted { since.max(2) } else { since };
        let ask = |node: i32, partitions: Vec<TopicPartition>| async move {
            let topics = by_topic(partitions.iter()).into_iter().map(|(topic, partitions)| {
                let part = |partition: &TopicPartition| {
                    ListOffsetsPartition::default()
                        .with_partition_index(partition.partition)
                        .with_current_leader_epoch(-1)
                        .with_timestamp(wanted.get(partition).map_or(-1, |spec| spec.wire()))
                };
                ListOffsetsTopic::default()
                    .with_name(topic_name(topic))
                    .with_partitions(partitions.into_iter().map(part).collect())
            });
            let request = ListOffsetsRequest::default()
                .with_replica_id(BrokerId(-1))
                .with_isolation_level(isolation.id())
                .with_topics(topics.collect());
            let timeout = self.timeout_ms();
            let build = move |version| if version >= 10 { request.with_timeout_ms(timeout) } else { request };
            let response = self.ask_since(Wanted::Node(node), (DOING, since), build).await?;
            let mut outcomes = Vec::new();
            for topic in response.topics {
                for part in topic.partitions {
                    let partition = TopicPartition::new(topic.name.as_str(), part.partition_index);
                    let outcome = refusal(|| format!("listing offsets of {partition}"), part.error_code, None);
                    let listed = ListedOffset {
                        offset: part.offset,
                        timestamp: (part.timestamp >= 0).then_some(part.timestamp),
                        leader_epoch: (part.leader_epoch >= 0).then_some(part.leader_epoch),
                    };
                    outcomes.push((partition, outcome.map(|()| listed)));
                }
            }
            Ok(outcomes)
        };
        let ask = &ask;
        let outcomes =
            self.each(DOING, wanted.keys().cloned(), Error::is_retriable, |open| self.ask_leaders(open, ask)).await;
        unless_all_unreachable(outcomes)
    }
}
