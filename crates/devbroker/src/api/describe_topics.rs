//! DescribeTopicPartitions: topics in pages, as newer admin clients ask for them.

use super::Context;
use super::wire::topic_name;
use crate::topics::Topic;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::{BrokerId, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};

/// Kafka's `max.request.partition.size.limit`.
const MOST_PARTITIONS: i32 = 2000;

pub(super) fn describe(cx: &Context<'_>, request: DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    let explicit = !request.topics.is_empty();
    let mut names: Vec<String> = if explicit {
        request.topics.iter().map(|topic| topic.name.to_string()).collect()
    } else {
        cx.shared.topics.all().iter().map(|topic| topic.name.to_string()).collect()
    };
    names.sort_unstable();
    names.dedup();
    let (from_topic, from_partition) = match &request.cursor {
        Some(cursor) => (cursor.topic_name.to_string(), cursor.partition_index.max(0)),
        None => (String::new(), 0),
    };
    let mut room = request.response_partition_limit.clamp(1, MOST_PARTITIONS);
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names.into_iter().filter(|name| *name >= from_topic) {
        let first = if name == from_topic { from_partition } else { 0 };
        let topic = cx.shared.topics.by_name(&name);
        if room == 0 {
            let cursor = Cursor::default().with_topic_name(topic_name(&name)).with_partition_index(first);
            response.next_cursor = Some(cursor);
            break;
        }
        let described = DescribeTopicPartitionsResponseTopic::default()
            .with_name(Some(topic_name(&name)))
            .with_topic_authorized_operations(i32::MIN);
        let Some(topic) = topic else {
            let code = ResponseError::UnknownTopicOrPartition.code();
            response.topics.push(described.with_error_code(code));
            continue;
        };
        let count = topic.partition_count();
        let end = count.min(first.saturating_add(room));
        let partitions = (first..end).map(|index| partition(cx, &topic, index)).collect();
        response.topics.push(described.with_topic_id(topic.id).with_partitions(partitions));
        room -= (end - first).max(0);
        if end < count {
            let cursor = Cursor::default().with_topic_name(topic_name(&name)).with_partition_index(end);
            response.next_cursor = Some(cursor);
            break;
        }
    }
    response
}

fn partition(cx: &Context<'_>, topic: &Topic, index: i32) -> DescribeTopicPartitionsResponsePartition {
    let ids = |nodes: Vec<i32>| nodes.into_iter().map(BrokerId).collect::<Vec<_>>();
    let placement = cx.shared.cluster.placement(topic, index);
    let in_sync = cx.shared.cluster.in_sync(&placement);
    let offline = placement.replicas.iter().copied().filter(|id| !in_sync.contains(id)).collect();
    DescribeTopicPartitionsResponsePartition::default()
        .with_error_code(if placement.leader < 0 { ResponseError::LeaderNotAvailable.code() } else { 0 })
        .with_partition_index(index)
        .with_leader_id(BrokerId(placement.leader))
        .with_leader_epoch(topic.partition(index).map_or(-1, |log| log.leader_epoch()))
        .with_replica_nodes(ids(placement.replicas))
        .with_isr_nodes(ids(in_sync))
        .with_eligible_leader_replicas(Some(Vec::new()))
        .with_last_known_elr(Some(Vec::new()))
        .with_offline_replicas(ids(offline))
}
