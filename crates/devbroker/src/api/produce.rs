//! Produce: batches are checked, placed and stored as they were sent.

use super::transactions::unverified;
use super::wire::{self, Reply, is_about_leader, text};
use super::{Context, wire::encode};
use crate::log::{Appended, Refused};
use crate::topics::Topic;
use crate::txn::{Ask, Version};
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::TopicProduceData;
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{BrokerId, ProduceRequest, ProduceResponse};
use milena_kafka::records::BatchHeader;
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) fn handle(cx: &Context<'_>, correlation: i32, request: ProduceRequest) -> wire::Result<Reply> {
    let refused = if !matches!(request.acks, -1..=1) {
        ResponseError::InvalidRequiredAcks.code()
    } else if request.transactional_id.is_none() && any_transactional(&request) {
        ResponseError::TransactionalIdAuthorizationFailed.code()
    } else {
        0
    };
    let transactional_id = request.transactional_id.clone();
    let transactional_id = transactional_id.as_ref().map(|id| id.as_str());
    let mut response = ProduceResponse::default();
    let mut failed = false;
    let mut leaders = BTreeSet::new();
    for data in request.topic_data {
        let answered = topic(cx, data, request.acks, transactional_id, refused, &mut leaders);
        failed |= answered.partition_responses.iter().any(|partition| partition.error_code != 0);
        response.responses.push(answered);
    }
    response.node_endpoints = cx.endpoints(&leaders);
    response.throttle_time_ms = cx.throttle_ms();
    match request.acks {
        // Without an answer, closing the connection is the only way to say that something went wrong.
        0 if failed => Ok(Reply::Close("a produce request with acks=0 failed")),
        0 => Ok(Reply::Nothing),
        _ => encode(correlation, cx.version, &response),
    }
}

fn any_transactional(request: &ProduceRequest) -> bool {
    let mut batches =
        request.topic_data.iter().flat_map(|topic| &topic.partition_data).filter_map(|one| one.records.as_ref());
    batches.any(|batch| BatchHeader::read(batch).is_ok_and(|header| header.is_transactional()))
}

fn topic(
    cx: &Context<'_>,
    data: TopicProduceData,
    acks: i16,
    transactional_id: Option<&str>,
    refused: i16,
    leaders: &mut BTreeSet<i32>,
) -> TopicProduceResponse {
    let by_id = cx.version >= 13;
    let (topic, missing) = if by_id {
        (cx.shared.topics.by_id(&data.topic_id), ResponseError::UnknownTopicId)
    } else {
        (cx.shared.topics.by_name(&data.name), ResponseError::UnknownTopicOrPartition)
    };
    let mut response = TopicProduceResponse::default().with_name(data.name).with_topic_id(data.topic_id);
    for partition in data.partition_data {
        let answer = PartitionProduceResponse::default().with_index(partition.index);
        let appended = if refused != 0 {
            let error = ResponseError::try_from_code(refused).unwrap_or(ResponseError::UnknownServerError);
            Err(Refused::from((error, "the request was refused as a whole")))
        } else {
            append(cx, topic.as_ref(), missing, partition.index, partition.records, acks, transactional_id)
        };
        response.partition_responses.push(match appended {
            Ok(appended) => answer
                .with_base_offset(appended.base_offset)
                .with_log_append_time_ms(appended.log_append_time)
                .with_log_start_offset(appended.log_start),
            Err(Refused { error, message, records }) => {
                let records = records.into_iter().filter(|_| cx.version >= 8).map(|(index, reason)| {
                    BatchIndexAndErrorMessage::default()
                        .with_batch_index(index)
                        .with_batch_index_error_message(Some(text(reason)))
                });
                let answer = answer
                    .with_record_errors(records.collect())
                    .with_error_code(error.code())
                    .with_base_offset(-1)
                    .with_log_append_time_ms(-1)
                    .with_log_start_offset(-1)
                    .with_error_message(Some(text(message)));
                let hint = topic.as_ref().filter(|_| cx.version >= 10 && is_about_leader(error.code()));
                match hint.and_then(|topic| cx.current_leader(topic, partition.index)) {
                    Some((id, epoch)) => {
                        leaders.insert(id);
                        let leader = LeaderIdAndEpoch::default().with_leader_id(BrokerId(id)).with_leader_epoch(epoch);
                        answer.with_current_leader(leader)
                    }
                    None => answer,
                }
            }
        });
    }
    response
}

fn append(
    cx: &Context<'_>,
    topic: Option<&Arc<Topic>>,
    missing: ResponseError,
    index: i32,
    records: Option<Bytes>,
    acks: i16,
    transactional_id: Option<&str>,
) -> Result<Appended, Refused> {
    let topic = topic.ok_or((missing, "there is no such topic"))?;
    let partition =
        topic.partition(index).ok_or((ResponseError::UnknownTopicOrPartition, "there is no such partition"))?;
    if let Err(error) = cx.check_leader(Some(topic), index, -1) {
        return Err((error, "this node does not lead the partition").into());
    }
    let Some(records) = records.filter(|records| !records.is_empty()) else {
        return Err(
            (ResponseError::InvalidRecord, "a produce request has exactly one record batch per partition").into()
        );
    };
    let Some(transactional_id) = transactional_id else { return partition.append(&records, acks) };
    let Some((producer_id, epoch)) = partition.unverified(&records) else { return partition.append(&records, acks) };
    let ask = Ask {
        transactional_id,
        producer_id,
        epoch,
        version: if cx.version >= 12 { Version::Two } else { Version::One },
    };
    let append = || partition.append_verified(&records, acks, ask.version);
    match cx.shared.transactions.append(ask, (topic.name.to_string(), index), append) {
        Ok(appended) => appended,
        Err(ResponseError::ConcurrentTransactions) if ask.version == Version::One => {
            // Older clients try again after this one, and would give up after the other.
            Err((ResponseError::NotEnoughReplicas, "the producer's last transaction is still ending").into())
        }
        Err(error) => Err((
            unverified(error, cx.version >= 11),
            "the partition is not part of an open transaction of the producer",
        )
            .into()),
    }
}
