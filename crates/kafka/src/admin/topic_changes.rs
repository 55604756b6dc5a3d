//! Topics as they are to be: create, delete, add partitions, delete records.

use std::collections::BTreeMap;

use kafka_protocol::messages::BrokerId;
use kafka_protocol::messages::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use kafka_protocol::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::Admin;
use super::call::{controller_error_passes, refusal, unanswered, unless_all_unreachable};
use super::client::Wanted;
use super::offsets::by_topic;
use super::topics::{NewTopic, topic_name};
use crate::TopicPartition;
use crate::error::{Error, Result};

impl NewTopic {
    fn wire(&self) -> CreatableTopic {
        let config = |(name, value): &(String, String)| {
            CreatableTopicConfig::default()
                .with_name(StrBytes::from_string(name.clone()))
                .with_value(Some(StrBytes::from_string(value.clone())))
        };
        let assignment = |(partition, nodes): (i32, &Vec<i32>)| {
            CreatableReplicaAssignment::default()
                .with_partition_index(partition)
                .with_broker_ids(nodes.iter().map(|node| BrokerId(*node)).collect())
        };
        let topic = CreatableTopic::default()
            .with_name(topic_name(&self.name))
            .with_configs(self.configs.iter().map(config).collect());
        if self.assignments.is_empty() {
            topic.with_num_partitions(self.partitions).with_replication_factor(self.replication_factor)
        } else {
            let assignments = (0..).zip(&self.assignments).map(assignment).collect();
            topic.with_num_partitions(-1).with_replication_factor(-1).with_assignments(assignments)
        }
    }
}

impl Admin {
    /// Creates topics; one outcome for each, in the order given.
    ///
    /// # Errors
    /// No broker could be asked.
    pub async fn create_topics(&self, topics: Vec<NewTopic>) -> Result<Vec<(String, Result<()>)>> {
        self.ask_to_create(topics, false).await
    }

    /// Asks whether topics could be created as they are, without creating them.
    ///
    /// # Errors
    /// No broker could be asked.
    pub async fn validate_topics(&self, topics: Vec<NewTopic>) -> Result<Vec<(String, Result<()>)>> {
        self.ask_to_create(topics, true).await
    }

    async fn ask_to_create(&self, topics: Vec<NewTopic>, only_check: bool) -> Result<Vec<(String, Result<()>)>> {
        let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
        let topics = &topics;
        let outcomes = self
            .each("creating topics", names.clone(), controller_error_passes, |open| async move {
                let wanted = topics.iter().filter(|topic| open.contains(&topic.name)).map(NewTopic::wire);
                let request = CreateTopicsRequest::default()
                    .with_topics(wanted.collect())
                    .with_timeout_ms(self.timeout_ms())
                    .with_validate_only(only_check);
                let response = self.ask(Wanted::Controller, move |_| request).await?;
                let outcome = |topic: kafka_protocol::messages::create_topics_response::CreatableTopicResult| {
                    let name = topic.name.as_str().to_owned();
                    let doing = || format!("creating topic {name}");
                    (name.clone(), refusal(doing, topic.error_code, topic.error_message.as_ref()))
                };
                Ok(response.topics.into_iter().map(outcome).collect())
            })
            .await;
        let mut outcomes = unless_all_unreachable(outcomes)?;
        // A name that was given twice has one outcome.
        Ok(names.into_iter().filter_map(|name| outcomes.remove_entry(&name)).collect())
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// The broker's.
    pub async fn delete_topic(&self, topic: &str) -> Result<()> {
        let mut outcomes = self.delete_topics(&[topic]).await?;
        outcomes.remove(topic).unwrap_or(Ok(()))
    }

    /// Deletes topics; one outcome for each.
    ///
    /// # Errors
    /// No broker could be asked.
    pub async fn delete_topics(&self, topics: &[&str]) -> Result<BTreeMap<String, Result<()>>> {
        let names = topics.iter().map(|topic| (*topic).to_owned());
        let outcomes = self
            .each("deleting topics", names, controller_error_passes, |open| async move {
                let timeout = self.timeout_ms();
                let build = move |version: i16| {
                    let request = DeleteTopicsRequest::default().with_timeout_ms(timeout);
                    let names = open.iter().map(|name| topic_name(name));
                    if version >= 6 {
                        let state = |name| DeleteTopicState::default().with_name(Some(name));
                        request.with_topics(names.map(state).collect())
                    } else {
                        request.with_topic_names(names.collect())
                    }
                };
                let response = self.ask(Wanted::Controller, build).await?;
                let outcomes = response.responses.into_iter().filter_map(|topic| {
                    let name = topic.name.as_ref()?.as_str().to_owned();
                    let doing = || format!("deleting topic {name}");
                    let outcome = refusal(doing, topic.error_code, topic.error_message.as_ref());
                    Some((name, outcome))
                });
                Ok(outcomes.collect())
            })
            .await;
        unless_all_unreachable(outcomes)
    }

    /// Deletes topics by id, so that one created meanwhile under the same name stays; one outcome for each.
    ///
    /// # Errors
    /// No broker could be asked, or brokers are too old for ids.
    pub async fn delete_topics_by_id(&self, ids: &[Uuid]) -> Result<BTreeMap<Uuid, Result<()>>> {
        const DOING: &str = "deleting topics by id";
        let outcomes = self
            .each(DOING, ids.iter().copied(), controller_error_passes, |open| async move {
                let state = |id| DeleteTopicState::default().with_name(None).with_topic_id(id);
                let request = DeleteTopicsRequest::default()
                    .with_timeout_ms(self.timeout_ms())
                    .with_topics(open.into_iter().map(state).collect());
                let response = self.ask_since(Wanted::Controller, (DOING, 6), move |_| request).await?;
                let outcomes = response.responses.into_iter().map(|topic| {
                    let doing = || format!("deleting the topic with id {}", topic.topic_id);
                    (topic.topic_id, refusal(doing, topic.error_code, topic.error_message.as_ref()))
                });
                Ok(outcomes.collect())
            })
            .await;
        unless_all_unreachable(outcomes)
    }

    /// Gives a topic more partitions, `count` in all.
    ///
    /// # Errors
    /// The broker's.
    pub async fn create_partitions(&self, topic: &str, count: i32) -> Result<()> {
        let doing = format!("creating partitions of topic {topic}");
        self.until(&doing, controller_error_passes, || {
            let new =
                CreatePartitionsTopic::default().with_name(topic_name(topic)).with_count(count).with_assignments(None);
            let request = CreatePartitionsRequest::default().with_topics(vec![new]).with_timeout_ms(self.timeout_ms());
            let doing = &doing;
            async move {
                let response = self.ask(Wanted::Controller, move |_| request).await?;
                let outcomes = response.results.into_iter();
                outcomes
                    .map(|topic| refusal(|| doing.clone(), topic.error_code, topic.error_message.as_ref()))
                    .reduce(Result::and)
                    .unwrap_or_else(|| Err(unanswered(doing)))
            }
        })
        .await
    }

    /// Deletes the records of a partition below `offset` (-1: all). Gives the offset that it begins with then.
    ///
    /// # Errors
    /// The broker's.
    pub async fn delete_records(&self, partition: &TopicPartition, offset: i64) -> Result<i64> {
        let below = BTreeMap::from([(partition.clone(), offset)]);
        let outcome = self.delete_records_below(&below).await?.remove(partition);
        outcome.unwrap_or_else(|| Err(Error::protocol("deleting records", "the answer leaves the partition out")))
    }

    /// Deletes the records of partitions below these offsets (-1: all); each with its own outcome, the offset that it begins with then.
    ///
    /// # Errors
    /// No broker could be asked.
    pub async fn delete_records_below(
        &self,
        below: &BTreeMap<TopicPartition, i64>,
    ) -> Result<BTreeMap<TopicPartition, Result<i64>>> {
        let ask = |node: i32, partitions: Vec<TopicPartition>| async move {
            let topics = by_topic(partitions.iter()).into_iter().map(|(topic, partitions)| {
                let part = |partition: &TopicPartition| {
                    let offset = below.get(partition).copied().unwrap_or(0);
                    DeleteRecordsPartition::default().with_partition_index(partition.partition).with_offset(offset)
                };
                DeleteRecordsTopic::default()
                    .with_name(topic_name(topic))
                    .with_partitions(partitions.into_iter().map(part).collect())
            });
            let request =
                DeleteRecordsRequest::default().with_topics(topics.collect()).with_timeout_ms(self.timeout_ms());
            let response = self.ask(Wanted::Node(node), move |_| request).await?;
            let mut outcomes = Vec::new();
            for topic in response.topics {
                for part in topic.partitions {
                    let partition = TopicPartition::new(topic.name.as_str(), part.partition_index);
                    let doing = || format!("deleting records of {partition}");
                    let outcome = refusal(doing, part.error_code, None).map(|()| part.low_watermark);
                    outcomes.push((partition, outcome));
                }
            }
            Ok(outcomes)
        };
        let ask = &ask;
        let outcomes = self
            .each("deleting records", below.keys().cloned(), Error::is_retriable, |open| self.ask_leaders(open, ask))
            .await;
        unless_all_unreachable(outcomes)
    }
}
