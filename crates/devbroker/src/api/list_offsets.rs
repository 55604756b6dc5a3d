//! ListOffsets and OffsetForLeaderEpoch.

use super::Context;
use super::fetch::READ_COMMITTED;
use crate::log::Partition;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

pub(super) fn list(cx: &Context<'_>, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let committed = request.isolation_level == READ_COMMITTED;
    let mut response = ListOffsetsResponse::default();
    for topic in request.topics {
        let found = cx.shared.topics.by_name(&topic.name);
        let partitions = topic
            .partitions
            .iter()
            .map(|wanted| {
                let answer = ListOffsetsPartitionResponse::default()
                    .with_partition_index(wanted.partition_index)
                    .with_timestamp(-1)
                    .with_offset(-1)
                    .with_leader_epoch(-1);
                let partition = found.as_ref().and_then(|topic| topic.partition(wanted.partition_index));
                let led = cx.check_leader(found.as_deref(), wanted.partition_index, wanted.current_leader_epoch);
                let error = led.err().map_or(0, |error| error.code());
                match partition {
                    Some(partition) if error == 0 => match look_up(&partition, wanted.timestamp, committed) {
                        Ok(Some((offset, timestamp))) => answer
                            .with_offset(offset)
                            .with_timestamp(timestamp)
                            .with_leader_epoch(match wanted.timestamp {
                                LATEST => partition.leader_epoch(),
                                _ => partition.epoch_of(offset).unwrap_or(-1),
                            }),
                        Ok(None) => answer,
                        Err(error) => answer.with_error_code(error.code()),
                    },
                    _ => answer.with_error_code(error),
                }
            })
            .collect();
        response
            .topics
            .push(ListOffsetsTopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions));
    }
    response
}

/// Offset and timestamp; the timestamp is -1 where the question was not about time.
fn look_up(partition: &Partition, timestamp: i64, committed: bool) -> Result<Option<(i64, i64)>, ResponseError> {
    let (start, end) = partition.range();
    let end = if committed { partition.last_stable() } else { end };
    let fetchable = |found: Option<(i64, i64)>| found.filter(|(offset, _)| *offset < end);
    match timestamp {
        LATEST => Ok(Some((end, -1))),
        EARLIEST | EARLIEST_LOCAL => Ok(Some((start, -1))),
        MAX_TIMESTAMP => Ok(fetchable(partition.max_timestamp())),
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => Ok(None),
        0.. => Ok(fetchable(partition.find_timestamp(timestamp))),
        _ => Err(ResponseError::UnsupportedVersion),
    }
}

pub(super) fn for_leader_epoch(cx: &Context<'_>, request: OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
    let mut response = OffsetForLeaderEpochResponse::default();
    for topic in request.topics {
        let found = cx.shared.topics.by_name(&topic.topic);
        let partitions = topic
            .partitions
            .iter()
            .map(|wanted| {
                let answer = EpochEndOffset::default()
                    .with_partition(wanted.partition)
                    .with_leader_epoch(-1)
                    .with_end_offset(-1);
                if let Err(error) = cx.check_leader(found.as_deref(), wanted.partition, wanted.current_leader_epoch) {
                    return answer.with_error_code(error.code());
                }
                match found.as_ref().and_then(|topic| topic.partition(wanted.partition)) {
                    Some(partition) => match partition.epoch_end(wanted.leader_epoch) {
                        Some((epoch, end)) => answer.with_leader_epoch(epoch).with_end_offset(end),
                        None => answer,
                    },
                    None => answer,
                }
            })
            .collect();
        response
            .topics
            .push(OffsetForLeaderTopicResult::default().with_topic(topic.topic.clone()).with_partitions(partitions));
    }
    response
}
