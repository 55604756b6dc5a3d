//! Metadata and DescribeCluster: the node, the topics, and creating topics that are asked for.

use super::Context;
use super::wire::{text, topic_name};
use crate::broker::NODE_ID;
use crate::topic_configs::Configs;
use crate::topics::Topic;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, DescribeClusterRequest, DescribeClusterResponse, MetadataRequest, MetadataResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

/// Says that authorized operations were not asked for; this broker has no authorization.
const NO_OPERATIONS: i32 = i32::MIN;

pub(super) fn metadata(cx: &Context<'_>, request: MetadataRequest) -> MetadataResponse {
    let topics = match request.topics {
        // Version 0 cannot say "none": an empty list means all.
        Some(topics) if !(cx.version == 0 && topics.is_empty()) => {
            topics.into_iter().map(|topic| one(cx, topic, request.allow_auto_topic_creation)).collect()
        }
        _ => cx.shared.topics.all().iter().map(|topic| found(topic)).collect(),
    };
    let node = MetadataResponseBroker::default()
        .with_node_id(BrokerId(NODE_ID))
        .with_host(text(&cx.connection.host))
        .with_port(i32::from(cx.shared.port));
    MetadataResponse::default()
        .with_brokers(vec![node])
        .with_cluster_id(Some(text(&cx.shared.cluster_id)))
        .with_controller_id(BrokerId(NODE_ID))
        .with_topics(topics)
        .with_cluster_authorized_operations(NO_OPERATIONS)
}

fn one(cx: &Context<'_>, wanted: MetadataRequestTopic, allow_creation: bool) -> MetadataResponseTopic {
    if cx.fault != 0 {
        return missing(wanted.name, wanted.topic_id, cx.fault);
    }
    let topics = &cx.shared.topics;
    let Some(name) = wanted.name else {
        return match topics.by_id(&wanted.topic_id) {
            Some(topic) => found(&topic),
            None => missing(None, wanted.topic_id, ResponseError::UnknownTopicId.code()),
        };
    };
    if let Some(topic) = topics.by_name(&name) {
        return found(&topic);
    }
    let error = match topics.check_new(&name) {
        Err((error, _)) => error,
        Ok(()) if !(allow_creation && cx.shared.config.auto_create_topics) => ResponseError::UnknownTopicOrPartition,
        Ok(()) => match topics.create(&name, cx.shared.config.default_partitions.max(1), Configs::new()) {
            Ok(topic) => return found(&topic),
            // Another client was faster.
            Err((ResponseError::TopicAlreadyExists, _)) => ResponseError::LeaderNotAvailable,
            Err((error, _)) => error,
        },
    };
    missing(Some(name), Uuid::nil(), error.code())
}

fn missing(name: Option<TopicName>, id: Uuid, code: i16) -> MetadataResponseTopic {
    MetadataResponseTopic::default()
        .with_name(name.or_else(|| Some(TopicName(StrBytes::new()))))
        .with_topic_id(id)
        .with_error_code(code)
        .with_topic_authorized_operations(NO_OPERATIONS)
}

fn found(topic: &Topic) -> MetadataResponseTopic {
    let partitions = (0..topic.partition_count())
        .map(|index| {
            MetadataResponsePartition::default()
                .with_partition_index(index)
                .with_leader_id(BrokerId(NODE_ID))
                .with_leader_epoch(0)
                .with_replica_nodes(vec![BrokerId(NODE_ID)])
                .with_isr_nodes(vec![BrokerId(NODE_ID)])
        })
        .collect();
    MetadataResponseTopic::default()
        .with_name(Some(topic_name(&topic.name)))
        .with_topic_id(topic.id)
        .with_partitions(partitions)
        .with_topic_authorized_operations(NO_OPERATIONS)
}

pub(super) fn describe(cx: &Context<'_>, request: DescribeClusterRequest) -> DescribeClusterResponse {
    const BROKERS: i8 = 1;
    let response = DescribeClusterResponse::default()
        .with_endpoint_type(BROKERS)
        .with_cluster_id(text(&cx.shared.cluster_id))
        .with_cluster_authorized_operations(NO_OPERATIONS);
    if request.endpoint_type != BROKERS {
        return response
            .with_error_code(ResponseError::MismatchedEndpointType.code())
            .with_error_message(Some(text("this is a broker, its controller cannot be reached")));
    }
    let node = DescribeClusterBroker::default()
        .with_broker_id(BrokerId(NODE_ID))
        .with_host(text(&cx.connection.host))
        .with_port(i32::from(cx.shared.port));
    response.with_controller_id(BrokerId(NODE_ID)).with_brokers(vec![node])
}
