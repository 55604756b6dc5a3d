//! Topics as they are: list, describe.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::call::refusal;
use super::client::Wanted;
use super::{AclOperation, Admin, DescribeOptions};
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
    /// Brokers of each partition, the preferred leader first, instead of the two numbers above; empty to leave them to the controller.
    pub assignments: Vec<Vec<i32>>,
    /// Topic-level configuration.
    pub configs: Vec<(String, String)>,
}

impl NewTopic {
    /// A topic without configuration of its own.
    pub fn new(name: impl Into<String>, partitions: i32, replication_factor: i16) -> Self {
        NewTopic { name: name.into(), partitions, replication_factor, assignments: Vec::new(), configs: Vec::new() }
    }
}

/// A topic as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Name.
    pub name: Arc<str>,
    /// Id, which a topic that is deleted and created again does not keep; `None` on brokers before 2.8.
    pub id: Option<Uuid>,
    /// True for Kafka's own topics.
    pub internal: bool,
    /// Partitions, by number.
    pub partitions: Vec<PartitionDescription>,
    /// What this client may do with it, if that was asked for.
    pub authorized_operations: Option<Vec<AclOperation>>,
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

impl Admin {
    /// Names of all topics that are not internal.
    ///
    /// # Errors
    /// No broker answers in time.
    pub async fn list_topics(&self) -> Result<Vec<Arc<str>>> {
        let response = self.metadata("listing topics", None, DescribeOptions::default()).await?;
        let named = response.topics.into_iter().filter(|topic| !topic.is_internal && topic.error_code == 0);
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
        let mut described = self.describe_topics(&[topic], DescribeOptions::default()).await?;
        described.remove(topic).unwrap_or_else(|| {
            let doing = format!("describing topic {topic}");
            Err(Error::broker(doing, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None))
        })
    }

    /// Topics as they are, each with its own outcome. Topics are never created by asking for them.
    ///
    /// # Errors
    /// No broker answers in time.
    pub async fn describe_topics(
        &self,
        topics: &[&str],
        options: DescribeOptions,
    ) -> Result<BTreeMap<String, Result<TopicDescription>>> {
        let wanted = topics.iter().map(|topic| MetadataRequestTopic::default().with_name(Some(topic_name(topic))));
        let response = self.metadata("describing topics", Some(wanted.collect()), options).await?;
        let mut described = BTreeMap::new();
        for found in response.topics {
            let Some(name) = found.name.as_ref().map(|name| name.as_str().to_owned()) else { continue };
            let outcome = describe(&format!("describing topic {name}"), &name, &found);
            described.insert(name, outcome);
        }
        for topic in topics {
            let unknown = || {
                let doing = format!("describing topic {topic}");
                Err(Error::broker(doing, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None))
            };
            described.entry((*topic).to_owned()).or_insert_with(unknown);
        }
        Ok(described)
    }

    /// Topics as they are, by id, each with its own outcome: `UNKNOWN_TOPIC_ID` for one that was deleted, even if there is one of the same
    /// name by now.
    ///
    /// # Errors
    /// No broker answers in time, or brokers are too old for ids.
    pub async fn describe_topics_by_id(
        &self,
        ids: &[Uuid],
        options: DescribeOptions,
    ) -> Result<BTreeMap<Uuid, Result<TopicDescription>>> {
        const DOING: &str = "describing topics by id";
        let response = self
            .until_done(DOING, || {
                let wanted = ids.iter().map(|id| MetadataRequestTopic::default().with_topic_id(*id).with_name(None));
                let request = MetadataRequest::default()
                    .with_topics(Some(wanted.collect()))
                    .with_allow_auto_topic_creation(false)
                    .with_include_topic_authorized_operations(options.include_authorized_operations);
                // Brokers before 3.1 read ids from version 10 on, but do not answer them.
                self.ask_since(Wanted::Any, (DOING, 12), move |_| request)
            })
            .await?;
        let described = response.topics.iter().map(|found| {
            let name = found.name.as_ref().map_or("", |name| name.as_str());
            (found.topic_id, describe(&format!("describing the topic with id {}", found.topic_id), name, found))
        });
        Ok(described.collect())
    }

    async fn metadata(
        &self,
        doing: &str,
        topics: Option<Vec<MetadataRequestTopic>>,
        options: DescribeOptions,
    ) -> Result<MetadataResponse> {
        self.until_done(doing, || {
            let topics = topics.clone();
            let build = move |version| {
                let request = MetadataRequest::default().with_topics(topics);
                // Before version 4 brokers did as their own setting says.
                let request = request.with_allow_auto_topic_creation(version < 4);
                request.with_include_topic_authorized_operations(options.include_authorized_operations && version >= 8)
            };
            async move {
                let response = self.ask(Wanted::Any, build).await?;
                self.cluster.heed(&response)?;
                Ok(response)
            }
        })
        .await
    }
}

fn describe(doing: &str, name: &str, found: &MetadataResponseTopic) -> Result<TopicDescription> {
    refusal(|| doing.to_owned(), found.error_code, None)?;
    let partitions = found.partitions.iter().map(|partition| PartitionDescription {
        partition: partition.partition_index,
        leader: (partition.leader_id.0 >= 0).then_some(partition.leader_id.0),
        replicas: partition.replica_nodes.iter().map(|node| node.0).collect(),
        in_sync: partition.isr_nodes.iter().map(|node| node.0).collect(),
    });
    let mut partitions: Vec<PartitionDescription> = partitions.collect();
    partitions.sort_by_key(|partition| partition.partition);
    Ok(TopicDescription {
        name: Arc::from(name),
        id: (!found.topic_id.is_nil()).then_some(found.topic_id),
        internal: found.is_internal,
        partitions,
        authorized_operations: AclOperation::from_bits(found.topic_authorized_operations),
    })
}
