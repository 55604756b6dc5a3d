//! DescribeTransactions, ListTransactions, DescribeProducers, WriteTxnMarkers.

use super::Context;
use super::wire::{text, topic_name};
use crate::log::Marker;
use crate::sync::now_ms;
use crate::txn::{Phase, Transaction};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_producers_response::{PartitionResponse, ProducerState, TopicResponse};
use kafka_protocol::messages::describe_transactions_response::{TopicData, TransactionState};
use kafka_protocol::messages::list_transactions_response::TransactionState as ListedTransaction;
use kafka_protocol::messages::write_txn_markers_request::WritableTxnMarker;
use kafka_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use kafka_protocol::messages::{
    DescribeProducersRequest, DescribeProducersResponse, DescribeTransactionsRequest, DescribeTransactionsResponse,
    ListTransactionsRequest, ListTransactionsResponse, ProducerId, TransactionalId, WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
};
use std::collections::BTreeMap;

/// Kafka's `offsets.topic.num.partitions`: a group's offsets are in one of them.
const OFFSETS_PARTITIONS: i32 = 50;
const OFFSETS_TOPIC: &str = "__consumer_offsets";

pub(super) fn describe(cx: &Context<'_>, request: DescribeTransactionsRequest) -> DescribeTransactionsResponse {
    let states = request
        .transactional_ids
        .into_iter()
        .map(|TransactionalId(id)| {
            let state = TransactionState::default().with_producer_id(ProducerId(-1)).with_producer_epoch(-1);
            let state = if id.is_empty() {
                state.with_error_code(ResponseError::InvalidRequest.code())
            } else {
                match cx.shared.transactions.get(&id) {
                    Some(transaction) => described(&transaction),
                    None => state.with_error_code(ResponseError::TransactionalIdNotFound.code()),
                }
            };
            state.with_transactional_id(TransactionalId(id))
        })
        .collect();
    DescribeTransactionsResponse::default().with_transaction_states(states)
}

fn described(transaction: &Transaction) -> TransactionState {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in &transaction.partitions {
        topics.entry(topic).or_default().push(*partition);
    }
    for group in &transaction.groups {
        topics.entry(OFFSETS_TOPIC).or_default().push(offsets_partition(group));
    }
    let topics = topics
        .into_iter()
        .map(|(topic, partitions)| TopicData::default().with_topic(topic_name(topic)).with_partitions(partitions));
    TransactionState::default()
        .with_transaction_state(text(transaction.phase.name()))
        .with_transaction_timeout_ms(transaction.timeout_ms)
        .with_transaction_start_time_ms(transaction.started_ms)
        .with_producer_id(ProducerId(transaction.producer_id))
        .with_producer_epoch(transaction.epoch)
        .with_topics(topics.collect())
}

/// The partition that a real broker keeps a group's offsets in: Java's hash of its id.
fn offsets_partition(group: &str) -> i32 {
    let hash = group.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    (hash & i32::MAX) % OFFSETS_PARTITIONS
}

pub(super) fn list(cx: &Context<'_>, request: ListTransactionsRequest) -> ListTransactionsResponse {
    let known = |name: &str| {
        Phase::ALL.iter().any(|phase| phase.name() == name) || matches!(name, "Dead" | "PrepareEpochFence")
    };
    let unknown = request.state_filters.iter().filter(|name| !known(name)).cloned().collect();
    let now = now_ms();
    // Versions before 1 have no such field, and -1 stands for none.
    let longer_than = if cx.version >= 1 { request.duration_filter } else { -1 };
    let is_wanted = |transaction: &Transaction| {
        let by_state = request.state_filters.is_empty()
            || request.state_filters.iter().any(|name| name.as_str() == transaction.phase.name());
        let by_producer = request.producer_id_filters.is_empty()
            || request.producer_id_filters.iter().any(|id| id.0 == transaction.producer_id);
        let by_duration = longer_than < 0
            || (transaction.started_ms >= 0 && now.saturating_sub(transaction.started_ms) > longer_than);
        by_state && by_producer && by_duration
    };
    let here =
        |id: &str| cx.shared.cluster.coordinator(crate::nodes::Coordinated::Transaction(id)) == cx.connection.node;
    let states = cx
        .shared
        .transactions
        .all()
        .into_iter()
        .filter(|(id, transaction)| is_wanted(transaction) && here(id))
        .map(|(id, transaction)| {
            ListedTransaction::default()
                .with_transactional_id(TransactionalId(text(id)))
                .with_producer_id(ProducerId(transaction.producer_id))
                .with_transaction_state(text(transaction.phase.name()))
        })
        .collect();
    ListTransactionsResponse::default().with_unknown_state_filters(unknown).with_transaction_states(states)
}

pub(super) fn describe_producers(cx: &Context<'_>, request: DescribeProducersRequest) -> DescribeProducersResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let found = cx.shared.topics.by_name(&topic.name);
        let partitions = topic
            .partition_indexes
            .iter()
            .map(|&index| {
                let answer = PartitionResponse::default().with_partition_index(index);
                if let Err(error) = cx.check_leader(found.as_deref(), index, -1) {
                    return answer.with_error_code(error.code());
                }
                let log = found.as_ref().and_then(|topic| topic.partition(index));
                let producers = log.map(|log| log.producers()).unwrap_or_default();
                let states = producers.into_iter().map(|one| {
                    ProducerState::default()
                        .with_producer_id(ProducerId(one.producer_id))
                        .with_producer_epoch(i32::from(one.epoch))
                        .with_last_sequence(one.last_sequence)
                        .with_last_timestamp(one.last_timestamp)
                        .with_coordinator_epoch(one.coordinator_epoch)
                        .with_current_txn_start_offset(one.transaction_start)
                });
                answer.with_active_producers(states.collect())
            })
            .collect();
        topics.push(TopicResponse::default().with_name(topic.name).with_partitions(partitions));
    }
    DescribeProducersResponse::default().with_topics(topics)
}

pub(super) fn write_markers(cx: &Context<'_>, request: WriteTxnMarkersRequest) -> WriteTxnMarkersResponse {
    let markers = request.markers.into_iter().map(|marker| write_one(cx, marker)).collect();
    WriteTxnMarkersResponse::default().with_markers(markers)
}

fn write_one(cx: &Context<'_>, wanted: WritableTxnMarker) -> WritableTxnMarkerResult {
    let marker = Marker {
        producer_id: wanted.producer_id.0,
        producer_epoch: wanted.producer_epoch,
        coordinator_epoch: wanted.coordinator_epoch,
        commit: wanted.transaction_result,
    };
    let mut topics = Vec::with_capacity(wanted.topics.len());
    for topic in wanted.topics {
        let found = cx.shared.topics.by_name(&topic.name);
        let partitions = topic
            .partition_indexes
            .iter()
            .map(|&index| {
                let log = found.as_ref().and_then(|topic| topic.partition(index));
                let written = cx.check_leader(found.as_deref(), index, -1).and_then(|()| match log {
                    Some(log) => log.end_transaction(&marker).map(|_| ()),
                    None => Err(ResponseError::UnknownTopicOrPartition),
                });
                WritableTxnMarkerPartitionResult::default()
                    .with_partition_index(index)
                    .with_error_code(written.err().map_or(0, |error| error.code()))
            })
            .collect();
        topics.push(WritableTxnMarkerTopicResult::default().with_name(topic.name).with_partitions(partitions));
    }
    WritableTxnMarkerResult::default().with_producer_id(wanted.producer_id).with_topics(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_in_the_partition_that_java_says() {
        // "group".hashCode() is 98629247, "console-consumer-1".hashCode() is negative.
        assert_eq!(offsets_partition("group"), 98_629_247 % 50);
        assert_eq!(offsets_partition(""), 0);
        assert!((0..50).contains(&offsets_partition("console-consumer-1")));
    }
}
