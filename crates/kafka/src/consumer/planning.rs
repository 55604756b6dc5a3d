//! Who is to be asked for what next.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.AbstractFetch, OffsetFetcherUtils.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use milena_api::record::TopicPartition;
use tokio::time::Instant;

use super::buffer::Place;
use super::fetching::Fetching;
use super::partition::{Lookup, State, Why};
use super::positions::{ByBroker, EARLIEST, LATEST, Question};
use super::session::Asked;
use crate::config::{ConsumerConfig, OffsetReset};
use crate::error::{Error, Result};
use crate::net::Metadata;

/// What is to be asked.
#[derive(Default)]
pub(super) struct Plan {
    pub committed: Vec<Question<()>>,
    pub lookups: ByBroker<i64>,
    pub checks: ByBroker<Place>,
    pub fetches: HashMap<i32, Vec<Asked>>,
    /// Brokers that have sent more than is needed now.
    pub full: HashSet<i32>,
    /// Brokers that are asked for something else than they have been.
    pub news: HashSet<i32>,
    /// Whether every partition that can be read is, so that brokers may wait long for records.
    pub quiet: bool,
}

/// The timestamp that `auto.offset.reset` asks for.
fn policy(config: &ConsumerConfig, at: &TopicPartition, why: Why) -> Result<i64> {
    let none = "and no reset policy is set (auto.offset.reset=none); seek to an offset, or set a policy";
    let reason = match config.reset {
        OffsetReset::Earliest => return Ok(EARLIEST),
        OffsetReset::Latest => return Ok(LATEST),
        OffsetReset::ByDuration(age) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            return Ok(i64::try_from(now.saturating_sub(age).as_millis()).unwrap_or(i64::MAX));
        }
        OffsetReset::None => match why {
            Why::NothingCommitted => format!("there is no committed offset {none}"),
            Why::OutOfRange(offset) => format!("offset {offset} is out of range {none}"),
            Why::Recreated => format!("the topic was deleted and made anew {none}"),
            Why::Truncated => format!("the log was truncated {none}"),
        },
    };
    let out_of_range = why != Why::NothingCommitted;
    Err(Error::NoOffset { doing: format!("cannot find a position for {at}"), reason, out_of_range })
}

impl Fetching {
    /// What is due, and of whom it is asked.
    pub(super) fn plan(&mut self, metadata: &Metadata, now: Instant) -> Plan {
        let mut plan = Plan { quiet: true, ..Plan::default() };
        let refill = self.refill_below();
        let config = Arc::clone(&self.means.config);
        self.retry_at = None;
        for (at, partition) in &mut self.partitions {
            if partition.asking || matches!(partition.state, State::Stuck(_)) {
                plan.quiet = false;
                continue;
            }
            if let Some(retry_at) = partition.retry_at.filter(|retry_at| *retry_at > now) {
                plan.quiet = false;
                self.retry_at = Some(self.retry_at.map_or(retry_at, |at| at.min(retry_at)));
                continue;
            }
            let question = |leader_epoch, jump| Question { at: at.clone(), jump, leader_epoch, what: () };
            if matches!(partition.state, State::Committed) {
                if self.coordinator.is_some() {
                    partition.asking = true;
                    plan.committed.push(question(-1, partition.jump));
                    continue;
                }
                partition.state = State::Lookup(Lookup::Policy(Why::NothingCommitted));
            }
            let known = metadata.partition(&at.topic, at.partition).zip(metadata.leader(&at.topic, at.partition));
            let Some((known, leader)) = known else {
                self.stale = true;
                plan.quiet = false;
                partition.failures += 1;
                let retry_at = now + config.client.retry_backoff.after(partition.failures);
                partition.retry_at = Some(retry_at);
                self.retry_at = Some(self.retry_at.map_or(retry_at, |at| at.min(retry_at)));
                continue;
            };
            let topic_id = metadata.topic_id(&at.topic).unwrap_or_default();
            self.jumps += 1;
            partition.notice(topic_id, (leader, known.epoch), self.jumps);
            let epoch = known.epoch;
            match &partition.state {
                State::Lookup(lookup) => {
                    let timestamp = match lookup {
                        Lookup::Earliest => EARLIEST,
                        Lookup::Latest => LATEST,
                        Lookup::Timestamp(timestamp) => *timestamp,
                        Lookup::Policy(why) => match policy(&config, at, *why) {
                            Ok(timestamp) => timestamp,
                            Err(error) => {
                                self.jumps += 1;
                                partition.stick(error, self.jumps);
                                // The next look finds the error.
                                self.retry_at = Some(now);
                                continue;
                            }
                        },
                    };
                    partition.asking = true;
                    let question = question(epoch, partition.jump).with(timestamp);
                    plan.lookups.entry(leader).or_default().push(question);
                }
                State::Validate => {
                    let Some(place) = partition.position() else { continue };
                    partition.asking = true;
                    plan.checks.entry(leader).or_default().push(question(epoch, partition.jump).with(place));
                }
                State::Fetch if partition.paused => {}
                State::Fetch => {
                    partition.preferred =
                        partition.preferred.filter(|(node, until)| *until > now && metadata.brokers.contains_key(node));
                    let node = partition.preferred.map_or(leader, |(node, _)| node);
                    if partition.buffered() > refill {
                        plan.full.insert(node);
                        continue;
                    }
                    let (jump, offset) = (partition.jump, partition.fetch_offset);
                    if partition.fetching != Some((node, offset)) {
                        plan.news.insert(node);
                    }
                    let asked = Asked { at: at.clone(), topic_id, jump, offset, epoch };
                    plan.fetches.entry(node).or_default().push(asked);
                }
                State::Committed | State::Stuck(_) => {}
            }
        }
        self.searching = self.partitions.values().any(|partition| partition.position().is_none());
        plan
    }
}

impl Question<()> {
    fn with<T>(self, what: T) -> Question<T> {
        Question { at: self.at, jump: self.jump, leader_epoch: self.leader_epoch, what }
    }
}
