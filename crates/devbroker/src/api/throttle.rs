//! `throttle_time_ms` of answers that are already written: almost all of them have it as their first field.

use super::wire::Reply;
use crate::faults::Api;
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;

/// The first version of an API whose answer begins with `throttle_time_ms`, and the bytes before it.
fn place(api: Api) -> Option<(i16, usize)> {
    Some(match api {
        Api::Fetch | Api::FindCoordinator | Api::Heartbeat | Api::LeaveGroup | Api::SyncGroup => (1, 0),
        Api::DescribeGroups | Api::ListGroups | Api::DeleteTopics => (1, 0),
        Api::ListOffsets | Api::JoinGroup | Api::CreateTopics | Api::OffsetForLeaderEpoch => (2, 0),
        Api::Metadata | Api::OffsetCommit | Api::OffsetFetch => (3, 0),
        // Behind the error code.
        Api::OffsetDelete => (0, 2),
        // Not at the start: their handlers write it.
        Api::Produce | Api::ApiVersions => return None,
        Api::SaslHandshake | Api::SaslAuthenticate | Api::WriteTxnMarkers => return None,
        _ => (0, 0),
    })
}

/// Writes the time into an answer, if it has room for it.
pub(super) fn tell(reply: Reply, api: Api, version: i16, time: i32) -> Reply {
    let Some((_, before)) = place(api).filter(|(first, _)| version >= *first) else { return reply };
    let header = ApiKey::try_from(api as i16).map_or(0, |key| key.response_header_version(version));
    // Length and correlation id, and in newer headers the empty tags.
    let at = 8 + usize::from(header >= 1) + before;
    let write = |frame: &mut BytesMut| {
        if let Some(field) = frame.get_mut(at..at + 4) {
            field.copy_from_slice(&time.to_be_bytes());
        }
    };
    match reply {
        Reply::Frame(mut frame) => {
            write(&mut frame);
            Reply::Frame(frame)
        }
        Reply::Parts(mut parts) => {
            if let Some(first) = parts.first_mut() {
                let mut frame = BytesMut::from(std::mem::take(first));
                write(&mut frame);
                *first = Bytes::from(frame);
            }
            Reply::Parts(parts)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{VERSIONS, wire};
    use super::*;
    use bytes::Buf;
    use kafka_protocol::messages::*;
    use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion};

    fn check<R: Encodable + Decodable + HeaderVersion + Default>(api: Api, time_of: impl Fn(&R) -> i32) -> usize {
        let Some(&(_, min, max)) = VERSIONS.iter().find(|(one, _, _)| *one == api) else { return 0 };
        let mut checked = 0;
        for version in min..=max {
            let Ok(reply) = wire::encode(7, version, &R::default()) else { continue };
            let Reply::Frame(frame) = tell(reply, api, version, 1234) else { panic!("not a frame") };
            let mut bytes = frame.freeze();
            bytes.advance(4);
            ResponseHeader::decode(&mut bytes, R::header_version(version)).unwrap();
            let Ok(response) = R::decode(&mut bytes, version) else { panic!("{api:?} {version}") };
            let has = place(api).is_some_and(|(first, _)| version >= first);
            assert_eq!(time_of(&response), if has { 1234 } else { 0 }, "{api:?} {version}");
            assert!(bytes.is_empty());
            checked += usize::from(has);
        }
        checked
    }

    #[test]
    fn the_throttle_time_is_where_the_message_definitions_have_it() {
        macro_rules! all {
            ($($api:ident $response:ident,)*) => { 0 $(+ check::<$response>(Api::$api, |one| one.throttle_time_ms))* };
        }
        let checked = all!(
            Fetch FetchResponse, ListOffsets ListOffsetsResponse, Metadata MetadataResponse,
            OffsetCommit OffsetCommitResponse, OffsetFetch OffsetFetchResponse, FindCoordinator FindCoordinatorResponse,
            JoinGroup JoinGroupResponse, Heartbeat HeartbeatResponse, LeaveGroup LeaveGroupResponse,
            SyncGroup SyncGroupResponse, DescribeGroups DescribeGroupsResponse, ListGroups ListGroupsResponse,
            CreateTopics CreateTopicsResponse, DeleteTopics DeleteTopicsResponse, DeleteRecords DeleteRecordsResponse,
            InitProducerId InitProducerIdResponse, OffsetForLeaderEpoch OffsetForLeaderEpochResponse,
            AddPartitionsToTxn AddPartitionsToTxnResponse, AddOffsetsToTxn AddOffsetsToTxnResponse,
            EndTxn EndTxnResponse, TxnOffsetCommit TxnOffsetCommitResponse, DescribeConfigs DescribeConfigsResponse,
            AlterConfigs AlterConfigsResponse, CreatePartitions CreatePartitionsResponse,
            DeleteGroups DeleteGroupsResponse, IncrementalAlterConfigs IncrementalAlterConfigsResponse,
            OffsetDelete OffsetDeleteResponse, DescribeCluster DescribeClusterResponse,
            DescribeTopicPartitions DescribeTopicPartitionsResponse, DescribeProducers DescribeProducersResponse,
            DescribeTransactions DescribeTransactionsResponse, ListTransactions ListTransactionsResponse,
        );
        assert!(checked > 90, "{checked} versions");
    }
}
