//! InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, TxnOffsetCommit, EndTxn.

use super::Context;
use super::group_offsets::check_commit;
use crate::group::CommitBy;
use crate::journal::Committed;
use crate::txn::{Ask, Version};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    EndTxnRequest, EndTxnResponse, InitProducerIdRequest, InitProducerIdResponse, ProducerId, TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
};

/// Clients that do not know the newer code are told the older one.
fn fenced_for(error: ResponseError, knows_fenced: bool) -> i16 {
    match error {
        ResponseError::ProducerFenced if !knows_fenced => ResponseError::InvalidProducerEpoch.code(),
        error => error.code(),
    }
}

/// What producers and committers of offsets are told when their transaction is not what they think.
pub(super) fn unverified(error: ResponseError, knows_abortable: bool) -> ResponseError {
    match error {
        ResponseError::ProducerFenced => ResponseError::InvalidProducerEpoch,
        ResponseError::TransactionAbortable if !knows_abortable => ResponseError::InvalidTxnState,
        error => error,
    }
}

pub(super) fn init_producer_id(cx: &Context<'_>, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let refused = |code: i16| {
        InitProducerIdResponse::default().with_error_code(code).with_producer_id(ProducerId(-1)).with_producer_epoch(-1)
    };
    let expected = match (request.producer_id.0, request.producer_epoch) {
        // Before version 3 the fields are not there, and zero.
        _ if cx.version < 3 => None,
        (-1, -1) => None,
        (-1, _) | (_, -1) => return refused(ResponseError::InvalidRequest.code()),
        expected => Some(expected),
    };
    let given = match &request.transactional_id {
        Some(id) => cx.shared.transactions.init(cx.shared, id, request.transaction_timeout_ms, expected),
        None => {
            let id = cx.shared.next_producer_id().map_err(|_| ResponseError::CoordinatorNotAvailable);
            id.map(|id| (id, 0))
        }
    };
    match given {
        Ok((id, epoch)) => {
            InitProducerIdResponse::default().with_producer_id(ProducerId(id)).with_producer_epoch(epoch)
        }
        Err(error) => refused(fenced_for(error, cx.version >= 4)),
    }
}

pub(super) fn add_partitions(cx: &Context<'_>, request: AddPartitionsToTxnRequest) -> AddPartitionsToTxnResponse {
    if cx.version < 4 {
        let ask = Ask {
            transactional_id: &request.v3_and_below_transactional_id,
            producer_id: request.v3_and_below_producer_id.0,
            epoch: request.v3_and_below_producer_epoch,
            version: Version::One,
        };
        let results = add_all(cx, ask, &request.v3_and_below_topics);
        return AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(results);
    }
    let results = request
        .transactions
        .iter()
        .map(|transaction| {
            let ask = Ask {
                transactional_id: &transaction.transactional_id,
                producer_id: transaction.producer_id.0,
                epoch: transaction.producer_epoch,
                version: if cx.version >= 5 { Version::Two } else { Version::One },
            };
            let results = match transaction.verify_only {
                true => verify_all(cx, ask, &transaction.topics),
                false => add_all(cx, ask, &transaction.topics),
            };
            AddPartitionsToTxnResult::default()
                .with_transactional_id(transaction.transactional_id.clone())
                .with_topic_results(results)
        })
        .collect();
    AddPartitionsToTxnResponse::default().with_results_by_transaction(results)
}

fn results(
    topics: &[AddPartitionsToTxnTopic],
    mut code: impl FnMut(&str, i32) -> i16,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let mut results = Vec::with_capacity(topics.len());
    for topic in topics {
        let partitions = topic
            .partitions
            .iter()
            .map(|&index| {
                AddPartitionsToTxnPartitionResult::default()
                    .with_partition_index(index)
                    .with_partition_error_code(code(&topic.name, index))
            })
            .collect();
        results.push(
            AddPartitionsToTxnTopicResult::default()
                .with_name(topic.name.clone())
                .with_results_by_partition(partitions),
        );
    }
    results
}

/// Adds all partitions or none.
fn add_all(cx: &Context<'_>, ask: Ask<'_>, topics: &[AddPartitionsToTxnTopic]) -> Vec<AddPartitionsToTxnTopicResult> {
    let exists = |topic: &str, index| cx.shared.topics.by_name(topic).and_then(|it| it.partition(index)).is_some();
    let wanted: Vec<(String, i32)> =
        topics.iter().flat_map(|topic| topic.partitions.iter().map(|&index| (topic.name.to_string(), index))).collect();
    if !wanted.iter().all(|(topic, index)| exists(topic, *index)) {
        return results(topics, |topic, index| match exists(topic, index) {
            true => ResponseError::OperationNotAttempted.code(),
            false => ResponseError::UnknownTopicOrPartition.code(),
        });
    }
    let added = cx.shared.transactions.add_partitions(ask, &wanted);
    let code = added.err().map_or(0, |error| fenced_for(error, cx.version >= 2));
    results(topics, |_, _| code)
}

fn verify_all(
    cx: &Context<'_>,
    ask: Ask<'_>,
    topics: &[AddPartitionsToTxnTopic],
) -> Vec<AddPartitionsToTxnTopicResult> {
    results(topics, |topic, index| match cx.shared.transactions.verify(ask, &(topic.to_owned(), index)) {
        Ok(()) => 0,
        Err(ResponseError::TransactionAbortable) if cx.version < 5 => ResponseError::InvalidTxnState.code(),
        Err(error) => error.code(),
    })
}

pub(super) fn add_offsets(cx: &Context<'_>, request: AddOffsetsToTxnRequest) -> AddOffsetsToTxnResponse {
    let answer = |code| AddOffsetsToTxnResponse::default().with_error_code(code);
    let ask = Ask {
        transactional_id: &request.transactional_id,
        producer_id: request.producer_id.0,
        epoch: request.producer_epoch,
        version: Version::One,
    };
    let added = cx.shared.transactions.add_group(ask, &request.group_id);
    answer(added.err().map_or(0, |error| fenced_for(error, cx.version >= 2)))
}

pub(super) fn commit_offsets(cx: &Context<'_>, request: TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
    let mut accepted = Vec::new();
    let mut topics = Vec::new();
    for topic in &request.topics {
        let found = cx.shared.topics.by_name(&topic.name);
        let mut partitions = Vec::new();
        for wanted in &topic.partitions {
            let index = wanted.partition_index;
            let committed = Committed {
                offset: wanted.committed_offset,
                leader_epoch: wanted.committed_leader_epoch,
                metadata: wanted.committed_metadata.as_deref().unwrap_or("").to_owned(),
            };
            let error = check_commit(found.as_deref(), index, &committed).err().map_or(0, |error| error.code());
            if error == 0 {
                accepted.push(((topic.name.to_string(), index), committed));
            }
            partitions
                .push(TxnOffsetCommitResponsePartition::default().with_partition_index(index).with_error_code(error));
        }
        topics.push(TxnOffsetCommitResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions));
    }
    // As a real broker: what is wrong with every partition is not looked at further.
    if !accepted.is_empty()
        && let Err(error) = commit_accepted(cx, &request, accepted)
    {
        let partitions = topics.iter_mut().flat_map(|topic| topic.partitions.iter_mut());
        partitions.filter(|one| one.error_code == 0).for_each(|one| one.error_code = error.code());
    }
    TxnOffsetCommitResponse::default().with_topics(topics)
}

fn commit_accepted(
    cx: &Context<'_>,
    request: &TxnOffsetCommitRequest,
    offsets: Vec<((String, i32), Committed)>,
) -> Result<(), ResponseError> {
    if request.group_id.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    let ask = Ask {
        transactional_id: &request.transactional_id,
        producer_id: request.producer_id.0,
        epoch: request.producer_epoch,
        version: if cx.version >= 5 { Version::Two } else { Version::One },
    };
    let by = CommitBy {
        member_id: &request.member_id,
        instance_id: request.group_instance_id.as_deref(),
        generation: request.generation_id,
        knows_missing_groups: false,
        transactional: true,
    };
    let commit = || cx.shared.groups.commit_in_transaction(&request.group_id, by, ask.producer_id, offsets);
    let committed = cx.shared.transactions.commit_offsets(ask, &request.group_id, commit);
    committed.map_err(|error| unverified(error, cx.version >= 4))?
}

pub(super) fn end(cx: &Context<'_>, request: EndTxnRequest) -> EndTxnResponse {
    let refused = |code: i16| {
        EndTxnResponse::default().with_error_code(code).with_producer_id(ProducerId(-1)).with_producer_epoch(-1)
    };
    let ask = Ask {
        transactional_id: &request.transactional_id,
        producer_id: request.producer_id.0,
        epoch: request.producer_epoch,
        version: if cx.version >= 5 { Version::Two } else { Version::One },
    };
    match cx.shared.transactions.end(cx.shared, ask, request.committed) {
        // Before version 5 the fields are not there, and what is not their default cannot be written.
        Ok(_) if cx.version < 5 => EndTxnResponse::default(),
        Ok((id, epoch)) => EndTxnResponse::default().with_producer_id(ProducerId(id)).with_producer_epoch(epoch),
        Err(error) => refused(fenced_for(error, cx.version >= 2)),
    }
}
