//! Finds positions: what a group has committed, and offsets by place or time.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.OffsetFetcher.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{ListOffsetsRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use milena_api::record::TopicPartition;

use super::committed::fetch_committed;
use super::subscription::StartOffset;
use crate::config::{ConsumerConfig, IsolationLevel, OffsetReset};
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::group::Coordinator;
use crate::net::{Cluster, Target, TopicsWanted};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

/// A partition whose position is wanted.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub at: TopicPartition,
    pub jump: u64,
    pub start: StartOffset,
    /// A position that has turned out to be out of range.
    pub out_of_range: Option<i64>,
}

/// Where to look, and how.
pub(super) struct Finder {
    pub cluster: Arc<Cluster>,
    pub coordinator: Option<Arc<Coordinator>>,
    pub config: Arc<ConsumerConfig>,
}

/// Partition, jump, and the offset found.
pub(super) type Positions = Vec<(TopicPartition, u64, i64)>;

impl Finder {
    /// Finds all of them; retriable errors are waited out.
    pub(super) async fn find(self, wanted: Vec<Wanted>) -> Result<Positions> {
        let mut positions = Positions::new();
        let mut left = self.committed(wanted, &mut positions).await?;
        let mut failures = 0;
        while !left.is_empty() {
            match self.look_up(&mut left, &mut positions).await {
                Ok(()) if left.is_empty() => break,
                Err(error) if !error.is_retriable() => return Err(error),
                // Leaders move, and new topics take a moment.
                Ok(()) | Err(_) => {
                    failures += 1;
                    tokio::time::sleep(self.config.client.retry_backoff.after(failures)).await;
                }
            }
        }
        Ok(positions)
    }

    /// Takes out those that the group has committed, or that are plain offsets.
    async fn committed(&self, wanted: Vec<Wanted>, positions: &mut Positions) -> Result<Vec<(Wanted, i64)>> {
        let of_group =
            wanted.iter().filter(|wanted| wanted.start == StartOffset::Committed && wanted.out_of_range.is_none());
        let of_group: Vec<TopicPartition> = of_group.map(|wanted| wanted.at.clone()).collect();
        let committed = match &self.coordinator {
            Some(coordinator) if !of_group.is_empty() => fetch_committed(coordinator, &self.config, &of_group).await?,
            _ => BTreeMap::new(),
        };
        let mut left = Vec::new();
        for wanted in wanted {
            let timestamp = match wanted.start {
                StartOffset::Offset(offset) => {
                    positions.push((wanted.at, wanted.jump, offset));
                    continue;
                }
                StartOffset::Earliest => EARLIEST,
                StartOffset::Latest => LATEST,
                StartOffset::Timestamp(at) => at.max(0),
                StartOffset::Committed => match committed.get(&wanted.at) {
                    Some(committed) => {
                        positions.push((wanted.at, wanted.jump, committed.offset));
                        continue;
                    }
                    None => self.reset(&wanted)?,
                },
            };
            left.push((wanted, timestamp));
        }
        Ok(left)
    }

    /// What `auto.offset.reset` asks for.
    fn reset(&self, wanted: &Wanted) -> Result<i64> {
        Ok(match self.config.reset {
            OffsetReset::Earliest => EARLIEST,
            OffsetReset::Latest => LATEST,
            OffsetReset::ByDuration(age) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(now.saturating_sub(age).as_millis()).unwrap_or(i64::MAX)
            }
            OffsetReset::None => {
                let reason = match wanted.out_of_range {
                    Some(offset) => {
                        format!("offset {offset} is out of range and no reset policy is set (auto.offset.reset=none)")
                    }
                    None => {
                        "there is no committed offset and no reset policy is set (auto.offset.reset=none)".to_owned()
                    }
                };
                let doing = format!("cannot find a position for {}", wanted.at);
                return Err(Error::NoOffset { doing, reason, out_of_range: wanted.out_of_range.is_some() });
            }
        })
    }

    /// Asks the leaders; what could not be answered stays in `left`.
    async fn look_up(&self, left: &mut Vec<(Wanted, i64)>, positions: &mut Positions) -> Result<()> {
        let mut topics: Vec<Arc<str>> = left.iter().map(|(wanted, _)| Arc::clone(&wanted.at.topic)).collect();
        topics.sort();
        topics.dedup();
        let metadata = self.cluster.refresh(&TopicsWanted::These(topics), self.config.allow_auto_create).await?;
        let mut by_leader: BTreeMap<i32, BTreeMap<&str, Vec<ListOffsetsPartition>>> = BTreeMap::new();
        for (wanted, timestamp) in left.iter() {
            let Some(leader) = metadata.leader(&wanted.at.topic, wanted.at.partition) else { continue };
            let partition = ListOffsetsPartition::default()
                .with_partition_index(wanted.at.partition)
                .with_timestamp(*timestamp)
                .with_current_leader_epoch(-1);
            by_leader.entry(leader).or_default().entry(&wanted.at.topic).or_default().push(partition);
        }
        let mut found: BTreeMap<TopicPartition, i64> = BTreeMap::new();
        for (leader, topics) in by_leader {
            let topics = topics.into_iter().map(|(topic, partitions)| {
                ListOffsetsTopic::default().with_name(topic_name(topic)).with_partitions(partitions)
            });
            let request =
                ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(topics.collect::<Vec<_>>());
            let isolation = self.config.isolation.id();
            let build = |version| if version >= 2 { request.with_isolation_level(isolation) } else { request };
            let response = self.cluster.call(Target::Node(leader), build).await?;
            for topic in response.topics {
                for of in topic.partitions {
                    let at = TopicPartition::new(topic.name.0.as_str(), of.partition_index);
                    match ErrorCode::from_wire(of.error_code) {
                        None => drop(found.insert(at, of.offset)),
                        Some(code) if code.is_retriable() => {}
                        Some(code) => {
                            return Err(Error::broker(format!("cannot look up an offset of {at}"), code, None));
                        }
                    }
                }
            }
        }
        left.retain_mut(|(wanted, timestamp)| match found.get(&wanted.at) {
            None => true,
            // No record is that young: the end.
            Some(-1) if *timestamp != LATEST => {
                *timestamp = LATEST;
                true
            }
            Some(offset) => {
                positions.push((wanted.at.clone(), wanted.jump, *offset));
                false
            }
        });
        Ok(())
    }
}

fn topic_name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}
