//! Topics: list, describe, create, delete, add partitions, delete records.

use std::sync::Arc;

use kafka_protocol::messages::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use kafka_protocol::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use kafka_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use kafka_protocol::messages::{MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::{Admin, Wanted};
use crate::TopicPartition;
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;

/// A topic to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Name.
    pub name: String,
    /// Number of partitions; -1 for the broker's default.
    pub partitions: i32,
    /// Number of replicas; -1 for the broker's default.
    pub replication_factor: i16,
    /// Topic-level configuration.
    pub configs: Vec<(String, String)>,
}

impl NewTopic {
    /// A topic without configuration of its own.
    pub fn new(name: impl Into<String>, partitions: i32, replication_factor: i16) -> Self {
        NewTopic { name: name.into(), partitions, replication_factor, configs: Vec::new() }
    }
}

/// A topic as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Name.
    pub name: Arc<str>,
    /// True for Kafka's own topics.
    pub internal: bool,
    /// Partitions, by number.
    pub partitions: Vec<PartitionDescription>,
}

/// A partition as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionDescription {
    /// Number.
    pub partition: i32,
    /// Broker that leads it; `None` if there is none now.
    pub leader: Option<i32>,
    /// Brokers that hold it.
    pub replicas: Vec<i32>,
    /// Those of them that are in sync.
    pub in_sync: Vec<i32>,
}

pub(super) fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

/// What the controller says about a topic is final, as with Java's client: asking again for one that is not there is no use.
fn refused(doing: &str, code: ErrorCode, message: Option<String>) -> Result<Result<()>> {
    let error = Error::broker(doing, code, message);
    if code == ErrorCode::NOT_CONTROLLER { Err(error) } else { Ok(Err(error)) }
}

impl Admin {
    /// Names of all topics that are not internal.
    ///
    /// # Errors
    /// No broker answers in time.
    pub async fn list_topics(&self) -> Result<Vec<Arc<str>>> {
        let response = self.metadata("listing topics", None).await?;
        let named = response.topics.into_iter().filter(|topic| !topic.is_internal);
        Ok(named.filter_map(|topic| topic.name).map(|name| Arc::from(name.as_str())).collect())
    }

    /// True if the topic exists.
    ///
    /// # Errors
    /// No broker answers in time, or the topic must not be looked at.
    pub async fn topic_exists(&self, topic: &str) -> Result<bool> {
        match self.describe_topic(topic).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_unknown_topic() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A topic as it is.
    ///
    /// # Errors
    /// There is none of that name, or no broker answers in time.
    pub async fn describe_topic(&self, topic: &str) -> Result<TopicDescription> {
        let doing = format!("describing topic {topic}");
        let response = self.metadata(&doing, Some(topic)).await?;
        let found = response.topics.into_iter().find(|t| t.name.as_ref().is_some_and(|name| name.as_str() == topic));
        let Some(found) = found else {
            return Err(Error::broker(doing, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None));
        };
        if let Some(code) = ErrorCode::from_wire(found.error_code) {
            return Err(Error::broker(doing, code, None));
        }
        let mut partitions: Vec<PartitionDescription> = found
            .partitions
            .into_iter()
            .map(|partition| PartitionDescription {
                partition: partition.partition_index,
                leader: (partition.leader_id.0 >= 0).then_some(partition.leader_id.0),
                replicas: partition.replica_nodes.iter().map(|node| node.0).collect(),
                in_sync: partition.isr_nodes.iter().map(|node| node.0).collect(),
            })
            .collect();
        partitions.sort_by_key(|partition| partition.partition);
        Ok(TopicDescription { name: Arc::from(topic), internal: found.is_internal, partitions })
    }

    /// Never creates a topic by asking for it.
    pub(super) async fn metadata(&self, doing: &str, topic: Option<&str>) -> Result<MetadataResponse> {
        self.until_done(doing, || {
            let topics = topic.map(|topic| vec![MetadataRequestTopic::default().with_name(Some(topic_name(topic)))]);
            let request = MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(false);
            async move {
                let response = self.ask(Wanted::Any, move |_| request).await?;
                self.cluster.heed(&response)?;
                Ok(response)
            }
        })
        .await
    }

    /// Creates topics; one outcome for each.
    ///
    /// # Errors
    /// The request as a whole failed.
    pub async fn create_topics(&self, topics: Vec<NewTopic>) -> Result<Vec<(String, Result<()>)>> {
        let doing = "creating topics";
        self.until_done(doing, || {
            let topics = topics.iter().map(|topic| {
                let config = |(name, value): &(String, String)| {
                    CreatableTopicConfig::default()
                        .with_name(StrBytes::from_string(name.clone()))
                        .with_value(Some(StrBytes::from_string(value.clone())))
                };
                CreatableTopic::default()
                    .with_name(topic_name(&topic.name))
                    .with_num_partitions(topic.partitions)
                    .with_replication_factor(topic.replication_factor)
                    .with_configs(topic.configs.iter().map(config).collect())
            });
            let request =
                CreateTopicsRequest::default().with_topics(topics.collect()).with_timeout_ms(self.timeout_ms());
            async move {
                let response = self.ask(Wanted::Controller, move |_| request).await?;
                let outcome = |topic: kafka_protocol::messages::create_topics_response::CreatableTopicResult| {
                    let name = topic.name.as_str().to_owned();
                    let message = topic.error_message.map(|text| text.as_str().to_owned());
                    let result = match ErrorCode::from_wire(topic.error_code) {
                        None => Ok(()),
                        Some(code) => Err(Error::broker(format!("creating topic {name}"), code, message)),
                    };
                    (name, result)
                };
                let outcomes: Vec<(String, Result<()>)> = response.topics.into_iter().map(outcome).collect();
                not_controller(outcomes.iter().filter_map(|(_, result)| result.as_ref().err()))?;
                Ok(outcomes)
            }
        })
        .await
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// The broker's.
    pub async fn delete_topic(&self, topic: &str) -> Result<()> {
        let doing = format!("deleting topic {topic}");
        self.until_done(&doing, || {
            let timeout = self.timeout_ms();
            let request = move |version: i16| {
                let request = DeleteTopicsRequest::default().with_timeout_ms(timeout);
                if version >= 6 {
                    request.with_topics(vec![DeleteTopicState::default().with_name(Some(topic_name(topic)))])
                } else {
                    request.with_topic_names(vec![topic_name(topic)])
                }
            };
            let doing = &doing;
            async move {
                let response = self.ask(Wanted::Controller, request).await?;
                for outcome in response.responses {
                    let message = outcome.error_message.map(|text| text.as_str().to_owned());
                    if let Some(code) = ErrorCode::from_wire(outcome.error_code) {
                        return refused(doing, code, message);
                    }
                }
                Ok(Ok(()))
            }
        })
        .await?
    }

    /// Gives a topic more partitions, `count` in all.
    ///
    /// # Errors
    /// The broker's.
    pub async fn create_partitions(&self, topic: &str, count: i32) -> Result<()> {
        let doing = format!("creating partitions of topic {topic}");
        self.until_done(&doing, || {
            let new =
                CreatePartitionsTopic::default().with_name(topic_name(topic)).with_count(count).with_assignments(None);
            let request = CreatePartitionsRequest::default().with_topics(vec![new]).with_timeout_ms(self.timeout_ms());
            let doing = &doing;
            async move {
                let response = self.ask(Wanted::Controller, move |_| request).await?;
                for outcome in response.results {
                    let message = outcome.error_message.map(|text| text.as_str().to_owned());
                    if let Some(code) = ErrorCode::from_wire(outcome.error_code) {
                        return refused(doing, code, message);
                    }
                }
                Ok(Ok(()))
            }
        })
        .await?
    }

    /// Deletes the records of a partition below `offset` (-1: all). Gives the offset that it begins with then.
    ///
    /// # Errors
    /// The broker's.
    pub async fn delete_records(&self, partition: &TopicPartition, offset: i64) -> Result<i64> {
        let doing = format!("deleting records of {partition} below {offset}");
        self.until_done(&doing, || {
            let part = DeleteRecordsPartition::default().with_partition_index(partition.partition).with_offset(offset);
            let topic =
                DeleteRecordsTopic::default().with_name(topic_name(&partition.topic)).with_partitions(vec![part]);
            let request = DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(self.timeout_ms());
            let doing = &doing;
            async move {
                let target = Wanted::Leader(partition.clone());
                let response = self.ask(target, move |_| request).await?;
                let outcome = response.topics.into_iter().flat_map(|topic| topic.partitions).next();
                let outcome = outcome.ok_or_else(|| Error::protocol(doing, "the answer has no partition"))?;
                match ErrorCode::from_wire(outcome.error_code) {
                    None => Ok(outcome.low_watermark),
                    Some(code) => Err(Error::broker(doing, code, None)),
                }
            }
        })
        .await
    }
}

/// An answer from a broker that is not the controller any more concerns the request as a whole.
fn not_controller<'a>(errors: impl Iterator<Item = &'a Error>) -> Result<()> {
    let mut errors = errors.filter(|error| error.code() == Some(ErrorCode::NOT_CONTROLLER));
    errors.next().map_or(Ok(()), |error| Err(error.clone()))
}
