//! Metadata and DescribeCluster: the nodes, the topics, and creating topics that are asked for.

use super::Context;
use super::wire::{text, topic_name};
use crate::nodes::Node;
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
        _ => cx.shared.topics.all().iter().map(|topic| found(cx, topic)).collect(),
    };
    let brokers = cx.shared.cluster.up().map(|node| {
        MetadataResponseBroker::default()
            .with_node_id(BrokerId(node.id))
            .with_host(text(&cx.connection.host))
            .with_port(port(cx, node))
            .with_rack(node.rack.as_ref().map(text))
    });
    MetadataResponse::default()
        .with_brokers(brokers.collect())
        .with_cluster_id(Some(text(&cx.shared.cluster_id)))
        .with_controller_id(BrokerId(cx.shared.cluster.controller()))
        .with_topics(topics)
        .with_cluster_authorized_operations(NO_OPERATIONS)
}

fn one(cx: &Context<'_>, wanted: MetadataRequestTopic, allow_creation: bool) -> MetadataResponseTopic {
    let topics = &cx.shared.topics;
    let Some(name) = wanted.name else {
        return match topics.by_id(&wanted.topic_id) {
            Some(topic) if cx.fault_of_topic(&topic.name) != 0 => {
                missing(None, wanted.topic_id, cx.fault_of_topic(&topic.name))
            }
            Some(topic) => found(cx, &topic),
            None => missing(None, wanted.topic_id, ResponseError::UnknownTopicId.code()),
        };
    };
    let fault = cx.fault_of_topic(&name);
    if fault != 0 {
        return missing(Some(name), Uuid::nil(), fault);
    }
    if let Some(topic) = topics.by_name(&name) {
        return found(cx, &topic);
    }
    let error = match topics.check_new(&name) {
        Err((error, _)) => error,
        Ok(()) if !(allow_creation && cx.shared.config.auto_create_topics) => ResponseError::UnknownTopicOrPartition,
        Ok(()) => match topics.create(&name, cx.shared.config.default_partitions.max(1), Configs::new()) {
            Ok(topic) => return found(cx, &topic),
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

/// The port of a node's listener that corresponds to the one the client came in on.
fn port(cx: &Context<'_>, node: &Node) -> i32 {
    i32::from(node.port(cx.connection.listener))
}

fn found(cx: &Context<'_>, topic: &Topic) -> MetadataResponseTopic {
    let ids = |nodes: Vec<i32>| nodes.into_iter().map(BrokerId).collect::<Vec<_>>();
    let partitions = (0..)
        .zip(topic.partitions())
        .map(|(index, log)| {
            let placement = cx.shared.cluster.placement(topic, index);
            let in_sync = cx.shared.cluster.in_sync(&placement);
            let offline = placement.replicas.iter().copied().filter(|id| !in_sync.contains(id)).collect();
            let error = if placement.leader < 0 { ResponseError::LeaderNotAvailable.code() } else { 0 };
            MetadataResponsePartition::default()
                .with_error_code(error)
                .with_partition_index(index)
                .with_leader_id(BrokerId(placement.leader))
                .with_leader_epoch(log.leader_epoch())
                .with_replica_nodes(ids(placement.replicas))
                .with_isr_nodes(ids(in_sync))
                .with_offline_replicas(ids(offline))
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
    let brokers = cx.shared.cluster.up().map(|node| {
        DescribeClusterBroker::default()
            .with_broker_id(BrokerId(node.id))
            .with_host(text(&cx.connection.host))
            .with_port(port(cx, node))
            .with_rack(node.rack.as_ref().map(text))
    });
    response.with_controller_id(BrokerId(cx.shared.cluster.controller())).with_brokers(brokers.collect())
}
