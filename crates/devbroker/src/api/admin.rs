//! CreateTopics, DeleteTopics, CreatePartitions, DeleteRecords.

use super::Context;
use super::configs::described;
use super::wire::{outcome, text, topic_name};
use crate::topic_configs::{self, Configs};
use crate::topics::{Refused, Topic};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{
    BrokerId, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
};
use std::collections::HashMap;
use std::sync::Arc;

/// More partitions than this in one topic are a mistake on a development broker.
const MOST_PARTITIONS: i32 = 10_000;

pub(super) fn create_topics(cx: &Context<'_>, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for topic in &request.topics {
        *seen.entry(topic.name.to_string()).or_default() += 1;
    }
    let mut response = CreateTopicsResponse::default();
    for wanted in &request.topics {
        let result = CreatableTopicResult::default().with_name(wanted.name.clone());
        let created = match seen.get(wanted.name.as_str()) {
            // Kafka answers once for a name that is there twice.
            Some(0) => continue,
            Some(2..) => {
                seen.insert(wanted.name.to_string(), 0);
                Err((ResponseError::InvalidRequest, "Duplicate topic name.".to_owned()))
            }
            _ => create(cx, wanted, request.validate_only),
        };
        response.topics.push(match created {
            Ok(created) => created.apply(cx, result),
            Err((error, message)) => result
                .with_error_code(error.code())
                .with_error_message(Some(text(message)))
                .with_num_partitions(-1)
                .with_replication_factor(-1),
        });
    }
    response
}

struct Created {
    topic: Option<Arc<Topic>>,
    partitions: i32,
    replicas: usize,
    configs: Configs,
}

impl Created {
    fn apply(self, cx: &Context<'_>, result: CreatableTopicResult) -> CreatableTopicResult {
        let configs = topic_configs::KEYS
            .iter()
            .map(|key| {
                let entry = described(key, &self.configs, &cx.shared.config);
                CreatableTopicConfigs::default()
                    .with_name(text(key.name))
                    .with_value(Some(text(entry.value)))
                    .with_config_source(entry.source)
            })
            .collect();
        result
            .with_topic_id(self.topic.map(|topic| topic.id).unwrap_or_default())
            .with_num_partitions(self.partitions)
            .with_replication_factor(i16::try_from(self.replicas).unwrap_or(i16::MAX))
            .with_configs(Some(configs))
    }
}

fn create(cx: &Context<'_>, wanted: &CreatableTopic, validate_only: bool) -> Result<Created, Refused> {
    let topics = &cx.shared.topics;
    topics.check_new(&wanted.name)?;
    let (partitions, replicas) = if wanted.assignments.is_empty() {
        (count_of(cx, wanted)?, replicas_of(cx, wanted)?)
    } else {
        assigned(cx, wanted)?
    };
    let mut configs = Configs::new();
    for config in &wanted.configs {
        let Some(value) = &config.value else {
            let message = format!("Null value not supported for topic configs: {}", config.name.as_str());
            return Err((ResponseError::InvalidConfig, message));
        };
        configs.insert(config.name.to_string(), value.to_string());
    }
    topic_configs::check_all(&configs).map_err(|reason| (ResponseError::InvalidConfig, reason))?;
    let topic = if validate_only {
        None
    } else {
        let topic = topics.create(&wanted.name, partitions, configs.clone())?;
        let mut exactly = wanted.assignments.clone();
        exactly.sort_by_key(|assignment| assignment.partition_index);
        let exactly: Vec<_> = exactly.iter().map(|one| one.broker_ids.iter().map(|id| id.0).collect()).collect();
        cx.shared.cluster.place(&topic, replicas, &exactly);
        Some(topic)
    };
    Ok(Created { topic, partitions, replicas, configs })
}

fn replicas_of(cx: &Context<'_>, wanted: &CreatableTopic) -> Result<usize, Refused> {
    let nodes = cx.shared.cluster.nodes().len();
    match usize::try_from(wanted.replication_factor) {
        Ok(replicas) if replicas > nodes => Err((
            ResponseError::InvalidReplicationFactor,
            format!(
                "Unable to replicate the partition {replicas} time(s): The target replication factor of {replicas} cannot be \
                 reached because only {nodes} broker(s) are registered."
            ),
        )),
        Ok(replicas @ 1..) => Ok(replicas),
        _ if wanted.replication_factor == -1 => Ok(cx.shared.cluster.default_replicas()),
        _ => {
            let message = "Replication factor must be larger than 0, or -1 to use the default value.";
            Err((ResponseError::InvalidReplicationFactor, message.into()))
        }
    }
}

fn count_of(cx: &Context<'_>, wanted: &CreatableTopic) -> Result<i32, Refused> {
    match wanted.num_partitions {
        -1 => Ok(cx.shared.config.default_partitions.max(1)),
        count @ 1..=MOST_PARTITIONS => Ok(count),
        1.. => Err((
            ResponseError::InvalidPartitions,
            format!("The development broker has at most {MOST_PARTITIONS} partitions per topic."),
        )),
        _ => {
            let message = "Number of partitions must be larger than 0, or -1 to use the default value.";
            Err((ResponseError::InvalidPartitions, message.into()))
        }
    }
}

/// Partitions and replicas of a topic whose assignment is given.
fn assigned(cx: &Context<'_>, wanted: &CreatableTopic) -> Result<(i32, usize), Refused> {
    let invalid = |message: &str| Err((ResponseError::InvalidReplicaAssignment, message.to_owned()));
    if wanted.num_partitions != -1 || wanted.replication_factor != -1 {
        let message =
            "A manual partition assignment was specified, but numPartitions or replicationFactor was not set to -1.";
        return Err((ResponseError::InvalidRequest, message.into()));
    }
    let mut indexes: Vec<i32> = wanted.assignments.iter().map(|assignment| assignment.partition_index).collect();
    indexes.sort_unstable();
    if indexes.iter().zip(0..).any(|(&index, expected)| index != expected) {
        return invalid("partitions should be a consecutive 0-based integer sequence");
    }
    let unknown = |id: &BrokerId| cx.shared.cluster.node(id.0).is_none();
    if wanted.assignments.iter().any(|assignment| assignment.broker_ids.iter().any(unknown)) {
        return invalid("The manual partition assignment includes a broker that is not registered.");
    }
    let repeated =
        |ids: &[BrokerId]| ids.iter().enumerate().any(|(at, id)| ids.iter().skip(at + 1).any(|other| other == id));
    let replicas = wanted.assignments.first().map_or(0, |assignment| assignment.broker_ids.len());
    if wanted.assignments.iter().any(|one| one.broker_ids.len() != replicas || repeated(&one.broker_ids))
        || replicas == 0
    {
        return invalid("The manual partition assignment includes an empty, a repeated or an uneven replica list.");
    }
    Ok((i32::try_from(indexes.len()).unwrap_or(i32::MAX), replicas))
}

pub(super) fn delete_topics(cx: &Context<'_>, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name = |name| DeleteTopicState::default().with_name(Some(name));
    let wanted = if cx.version >= 6 { request.topics } else { request.topic_names.into_iter().map(by_name).collect() };
    let mut response = DeleteTopicsResponse::default();
    for state in wanted {
        let topic = match &state.name {
            Some(name) => cx.shared.topics.by_name(name),
            None => cx.shared.topics.by_id(&state.topic_id),
        };
        let result = DeletableTopicResult::default().with_name(state.name.clone()).with_topic_id(state.topic_id);
        let Some(topic) = topic else {
            let (error, message) = match state.name {
                Some(_) => (ResponseError::UnknownTopicOrPartition, "This server does not host this topic-partition."),
                None => (ResponseError::UnknownTopicId, "This server does not host this topic ID."),
            };
            response.responses.push(result.with_error_code(error.code()).with_error_message(Some(text(message))));
            continue;
        };
        let (code, message) = outcome(cx.shared.topics.delete(&topic.name).map(|_| ()));
        if code == 0 {
            cx.shared.cluster.forget(&topic);
            cx.shared.groups.forget_topic(&topic.name);
        }
        response.responses.push(
            result
                .with_name(Some(topic_name(&topic.name)))
                .with_topic_id(topic.id)
                .with_error_code(code)
                .with_error_message(message),
        );
    }
    response
}

pub(super) fn create_partitions(cx: &Context<'_>, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let results = request
        .topics
        .iter()
        .map(|wanted| {
            let (code, message) = outcome(grow(cx, wanted, request.validate_only));
            CreatePartitionsTopicResult::default()
                .with_name(wanted.name.clone())
                .with_error_code(code)
                .with_error_message(message)
        })
        .collect();
    CreatePartitionsResponse::default().with_results(results)
}

fn grow(cx: &Context<'_>, wanted: &CreatePartitionsTopic, validate_only: bool) -> Result<(), Refused> {
    let Some(topic) = cx.shared.topics.by_name(&wanted.name) else {
        let message = "This server does not host this topic-partition.";
        return Err((ResponseError::UnknownTopicOrPartition, message.into()));
    };
    let present = topic.partition_count();
    let invalid = |message: String| Err((ResponseError::InvalidPartitions, message));
    if wanted.count == present {
        return invalid(format!("Topic already has {present} partition(s)."));
    }
    if wanted.count < present {
        return invalid(format!(
            "The topic {} currently has {present} partition(s); {} would not be an increase.",
            topic.name, wanted.count
        ));
    }
    if wanted.count > MOST_PARTITIONS {
        return invalid(format!("The development broker has at most {MOST_PARTITIONS} partitions per topic."));
    }
    if let Some(assignments) = &wanted.assignments {
        let added = usize::try_from(wanted.count - present).unwrap_or(0);
        let fits = |ids: &[BrokerId]| !ids.is_empty() && ids.iter().all(|id| cx.shared.cluster.node(id.0).is_some());
        if assignments.len() != added || !assignments.iter().all(|assignment| fits(&assignment.broker_ids)) {
            let message = format!("Each of the {added} new partition(s) needs an assignment to brokers that exist.");
            return Err((ResponseError::InvalidReplicaAssignment, message));
        }
    }
    if validate_only { Ok(()) } else { cx.shared.topics.grow(&topic, wanted.count) }
}

pub(super) fn delete_records(cx: &Context<'_>, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let mut response = DeleteRecordsResponse::default();
    for topic in request.topics {
        let found = cx.shared.topics.by_name(&topic.name);
        let partitions = topic
            .partitions
            .iter()
            .map(|wanted| {
                let index = wanted.partition_index;
                let result = DeleteRecordsPartitionResult::default().with_partition_index(index).with_low_watermark(-1);
                let Some(partition) = found.as_ref().and_then(|topic| topic.partition(index)) else {
                    return result.with_error_code(ResponseError::UnknownTopicOrPartition.code());
                };
                if let Err(error) = cx.check_leader(found.as_deref(), index, -1) {
                    return result.with_error_code(error.code());
                }
                match partition.delete_before(wanted.offset) {
                    Some(start) => match cx.shared.keep_log_start(&topic.name, index, start) {
                        Ok(()) => result.with_low_watermark(start),
                        Err(_) => result.with_error_code(ResponseError::KafkaStorageError.code()),
                    },
                    None => result.with_error_code(ResponseError::OffsetOutOfRange.code()),
                }
            })
            .collect();
        response
            .topics
            .push(DeleteRecordsTopicResult::default().with_name(topic.name.clone()).with_partitions(partitions));
    }
    response
}
