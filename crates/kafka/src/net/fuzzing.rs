//! Answers of a broker, for fuzzing.

use bytes::Bytes;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{HeaderVersion, Request};

use super::frame::decode_response;
use super::metadata::{Metadata, TopicsWanted};
use super::throttle::throttle_time;
use super::untrusted::sample;
use super::versions::Versions;

macro_rules! requests {
    ($($request:ident)*) => {
        /// Reads an answer as the client does: two bytes say to which request, the rest follows the correlation id.
        pub fn answer(data: &[u8]) {
            let [key, version, rest @ ..] = data else { return };
            let (key, version) = (i16::from(*key), i16::from(*version));
            let frame = Bytes::from([&[0; 4], rest].concat());
            throttle_time(key, version, &frame);
            match key {
                MetadataRequest::KEY => {
                    let Ok(response) = decode_response::<MetadataRequest>(frame, version, 0) else { return };
                    drop(Metadata::default().updated(&TopicsWanted::All, &response));
                }
                ApiVersionsRequest::KEY => {
                    let Ok(response) = decode_response::<ApiVersionsRequest>(frame, version, 0) else { return };
                    drop(Versions::of(&response));
                }
                $($request::KEY => drop(decode_response::<$request>(frame, version, 0)),)*
                _ => {}
            }
        }

        fn header_version(key: i16, version: i16) -> i16 {
            match key {
                MetadataRequest::KEY => MetadataResponse::header_version(version),
                $($request::KEY => <$request as Request>::Response::header_version(version),)*
                _ => 0,
            }
        }
    };
}

requests! {
    AddOffsetsToTxnRequest AddPartitionsToTxnRequest AlterConfigsRequest AlterPartitionReassignmentsRequest
    AlterUserScramCredentialsRequest ConsumerGroupDescribeRequest ConsumerGroupHeartbeatRequest CreateAclsRequest
    CreatePartitionsRequest CreateTopicsRequest DeleteGroupsRequest DeleteRecordsRequest DeleteTopicsRequest
    DescribeAclsRequest DescribeClusterRequest DescribeConfigsRequest DescribeGroupsRequest DescribeProducersRequest
    DescribeTopicPartitionsRequest DescribeTransactionsRequest DescribeUserScramCredentialsRequest ElectLeadersRequest
    EndTxnRequest FetchRequest FindCoordinatorRequest HeartbeatRequest IncrementalAlterConfigsRequest
    InitProducerIdRequest JoinGroupRequest LeaveGroupRequest ListConfigResourcesRequest ListGroupsRequest
    ListOffsetsRequest ListTransactionsRequest OffsetCommitRequest OffsetDeleteRequest OffsetFetchRequest
    OffsetForLeaderEpochRequest ProduceRequest SaslAuthenticateRequest SaslHandshakeRequest SyncGroupRequest
    TxnOffsetCommitRequest
}

/// An answer to every request in every version, as [`answer`] takes them.
pub fn answer_seeds() -> Vec<Vec<u8>> {
    let seed = |(key, version, body): (i16, i16, Vec<u8>)| {
        let header: &[u8] = if header_version(key, version) >= 1 { &[0] } else { &[] };
        Some([&[u8::try_from(key).ok()?, u8::try_from(version).ok()?], header, &body].concat())
    };
    sample::answers().filter_map(seed).collect()
}

/// Takes a broker's SCRAM messages or a key store, as the first byte says.
pub fn credentials(data: &[u8]) {
    match data {
        [b's', rest @ ..] => super::sasl::fuzzing::scram(rest),
        [_, rest @ ..] => super::tls::fuzzing::store(rest),
        [] => {}
    }
}
