//! How long a broker asks its client to keep silent (KIP-219).
//!
//! Counterpart: AbstractResponse.shouldClientThrottle and throttleTimeMs.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::ApiKey;

/// From this version on the broker answers at once and leaves the waiting to the client; before, it has waited itself. Only answers
/// that start with the time; Produce has it at its end.
fn first_version(key: ApiKey) -> Option<i16> {
    use ApiKey::*;
    match key {
        Fetch => Some(8),
        Metadata => Some(6),
        OffsetCommit | OffsetFetch => Some(4),
        ListOffsets | JoinGroup | CreateTopics => Some(3),
        FindCoordinator | Heartbeat | LeaveGroup | SyncGroup | DescribeGroups | ListGroups | DeleteTopics
        | DescribeConfigs => Some(2),
        DeleteRecords | InitProducerId | AddPartitionsToTxn | AddOffsetsToTxn | EndTxn | TxnOffsetCommit
        | DescribeAcls | CreateAcls | DeleteAcls | AlterConfigs | DescribeLogDirs | CreatePartitions | DeleteGroups => {
            Some(1)
        }
        ElectLeaders
        | IncrementalAlterConfigs
        | AlterPartitionReassignments
        | ListPartitionReassignments
        | DescribeUserScramCredentials
        | AlterUserScramCredentials
        | DescribeTopicPartitions => Some(0),
        _ => None,
    }
}

/// The time in an answer, if the client is to keep it.
pub(super) fn throttle_time(key: i16, version: i16, answer: &Bytes) -> Option<Duration> {
    let key = ApiKey::try_from(key).ok()?;
    if version < first_version(key)? {
        return None;
    }
    // Behind the correlation id; newer headers have tags, of which brokers send none.
    let at = match key.response_header_version(version) {
        0 => 4,
        _ if answer.get(4) == Some(&0) => 5,
        _ => return None,
    };
    let millis = i32::from_be_bytes(answer.get(at..at + 4)?.try_into().ok()?);
    u64::try_from(millis).ok().filter(|millis| *millis > 0).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_found_where_it_is_and_only_where_it_counts() {
        let old = Bytes::from_static(&[0, 0, 0, 7, 0, 0, 1, 0, 9]);
        let new = Bytes::from_static(&[0, 0, 0, 7, 0, 0, 0, 1, 0, 9]);
        let time = |key: ApiKey, version, answer| throttle_time(key as i16, version, answer);
        let found = Some(Duration::from_millis(256));
        assert_eq!(time(ApiKey::Metadata, 6, &old), found);
        assert_eq!(time(ApiKey::Metadata, 5, &old), None);
        assert_eq!(time(ApiKey::Metadata, 12, &new), found);
        assert_eq!(time(ApiKey::Produce, 9, &new), None);
        assert_eq!(time(ApiKey::Metadata, 12, &Bytes::from_static(&[0, 0, 0, 7, 0, 0])), None);
    }
}
