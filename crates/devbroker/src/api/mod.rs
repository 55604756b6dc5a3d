//! The APIs: which versions, and which function answers.
//!
//! Versions are those of Kafka 4.3.1 as far as the message definitions and this broker's features go. Each file answers one API or a
//! few that belong together.

mod admin;
mod api_versions;
mod cluster;
mod configs;
mod context;
mod coordinated;
mod coordinator;
mod describe_topics;
mod fetch;
mod fetch_session;
mod group_admin;
mod group_offsets;
mod groups;
mod list_offsets;
mod produce;
mod refuse;
mod request;
mod sasl;
mod throttle;
mod touched;
mod transactions;
mod transactions_admin;
mod versions;
mod wire;

use crate::faults::Api;
use bytes::Bytes;
pub(crate) use context::Context;
pub(crate) use fetch_session::FetchSessions;
use kafka_protocol::messages as m;
use kafka_protocol::protocol::Decodable;
pub(crate) use request::{Answer, handle};
pub(crate) use wire::Reply;

/// API key, lowest and highest version.
pub(crate) const VERSIONS: &[(Api, i16, i16)] = &[
    // The lowest is 0 although the oldest formats are gone: librdkafka looks for it (KIP-896).
    (Api::Produce, 0, 13),
    (Api::Fetch, 4, 18),
    (Api::ListOffsets, 1, 10),
    (Api::Metadata, 0, 13),
    (Api::OffsetCommit, 2, 9),
    (Api::OffsetFetch, 1, 9),
    (Api::FindCoordinator, 0, 6),
    (Api::JoinGroup, 0, 9),
    (Api::Heartbeat, 0, 4),
    (Api::LeaveGroup, 0, 5),
    (Api::SyncGroup, 0, 5),
    (Api::DescribeGroups, 0, 6),
    (Api::ListGroups, 0, 5),
    (Api::SaslHandshake, 1, 1),
    (Api::ApiVersions, 0, 4),
    (Api::CreateTopics, 2, 7),
    (Api::DeleteTopics, 1, 6),
    (Api::DeleteRecords, 0, 2),
    (Api::InitProducerId, 0, 5),
    (Api::OffsetForLeaderEpoch, 2, 4),
    (Api::AddPartitionsToTxn, 0, 5),
    (Api::AddOffsetsToTxn, 0, 4),
    (Api::EndTxn, 0, 5),
    (Api::WriteTxnMarkers, 1, 1),
    (Api::TxnOffsetCommit, 0, 5),
    (Api::DescribeConfigs, 1, 4),
    (Api::AlterConfigs, 0, 2),
    (Api::SaslAuthenticate, 0, 2),
    (Api::CreatePartitions, 0, 3),
    (Api::DeleteGroups, 0, 2),
    (Api::IncrementalAlterConfigs, 0, 1),
    (Api::OffsetDelete, 0, 0),
    (Api::DescribeCluster, 0, 2),
    (Api::DescribeProducers, 0, 0),
    (Api::DescribeTransactions, 0, 0),
    (Api::ListTransactions, 0, 2),
    (Api::DescribeTopicPartitions, 0, 0),
];

/// Decodes, calls the handler and encodes the answer.
macro_rules! answer {
    // For requests that may be parked.
    (parks: $correlation:expr, $context:expr, $body:expr, $request:ty, $handler:expr) => {{
        let request = <$request>::decode(&mut $body, $context.version)?;
        wire::encode($correlation, $context.version, &Box::pin($handler($context, request)).await)
    }};
    ($correlation:expr, $context:expr, $body:expr, $request:ty, $handler:expr) => {{
        let request = <$request>::decode(&mut $body, $context.version)?;
        wire::encode($correlation, $context.version, &$handler($context, request))
    }};
}

async fn dispatch(context: &Context<'_>, api: Api, correlation: i32, mut body: Bytes) -> wire::Result<Reply> {
    let (cx, id) = (context, correlation);
    match api {
        Api::Produce => produce::handle(cx, id, m::ProduceRequest::decode(&mut body, cx.version)?),
        Api::Fetch => Box::pin(fetch::handle(cx, id, m::FetchRequest::decode(&mut body, cx.version)?)).await,
        Api::ListOffsets => answer!(id, cx, body, m::ListOffsetsRequest, list_offsets::list),
        Api::OffsetForLeaderEpoch => {
            answer!(id, cx, body, m::OffsetForLeaderEpochRequest, list_offsets::for_leader_epoch)
        }
        Api::Metadata => answer!(id, cx, body, m::MetadataRequest, cluster::metadata),
        Api::DescribeCluster => answer!(id, cx, body, m::DescribeClusterRequest, cluster::describe),
        Api::DescribeTopicPartitions => {
            answer!(id, cx, body, m::DescribeTopicPartitionsRequest, describe_topics::describe)
        }
        Api::ApiVersions => answer!(id, cx, body, m::ApiVersionsRequest, api_versions::handle),
        Api::CreateTopics => answer!(id, cx, body, m::CreateTopicsRequest, admin::create_topics),
        Api::DeleteTopics => answer!(id, cx, body, m::DeleteTopicsRequest, admin::delete_topics),
        Api::CreatePartitions => answer!(id, cx, body, m::CreatePartitionsRequest, admin::create_partitions),
        Api::DeleteRecords => answer!(id, cx, body, m::DeleteRecordsRequest, admin::delete_records),
        Api::DescribeConfigs => answer!(id, cx, body, m::DescribeConfigsRequest, configs::describe),
        Api::AlterConfigs => answer!(id, cx, body, m::AlterConfigsRequest, configs::alter),
        Api::IncrementalAlterConfigs => {
            answer!(id, cx, body, m::IncrementalAlterConfigsRequest, configs::alter_incrementally)
        }
        Api::FindCoordinator => answer!(id, cx, body, m::FindCoordinatorRequest, coordinator::find),
        Api::InitProducerId => answer!(id, cx, body, m::InitProducerIdRequest, transactions::init_producer_id),
        Api::AddPartitionsToTxn => answer!(id, cx, body, m::AddPartitionsToTxnRequest, transactions::add_partitions),
        Api::AddOffsetsToTxn => answer!(id, cx, body, m::AddOffsetsToTxnRequest, transactions::add_offsets),
        Api::TxnOffsetCommit => answer!(id, cx, body, m::TxnOffsetCommitRequest, transactions::commit_offsets),
        Api::EndTxn => answer!(id, cx, body, m::EndTxnRequest, transactions::end),
        Api::JoinGroup => answer!(parks: id, cx, body, m::JoinGroupRequest, groups::join),
        Api::SyncGroup => answer!(parks: id, cx, body, m::SyncGroupRequest, groups::sync),
        Api::Heartbeat => answer!(id, cx, body, m::HeartbeatRequest, groups::heartbeat),
        Api::LeaveGroup => answer!(id, cx, body, m::LeaveGroupRequest, groups::leave),
        Api::OffsetCommit => answer!(id, cx, body, m::OffsetCommitRequest, group_offsets::commit),
        Api::OffsetFetch => answer!(id, cx, body, m::OffsetFetchRequest, group_offsets::fetch),
        Api::OffsetDelete => answer!(id, cx, body, m::OffsetDeleteRequest, group_offsets::delete),
        Api::DescribeGroups => answer!(id, cx, body, m::DescribeGroupsRequest, group_admin::describe),
        Api::ListGroups => answer!(id, cx, body, m::ListGroupsRequest, group_admin::list),
        Api::DeleteGroups => answer!(id, cx, body, m::DeleteGroupsRequest, group_admin::delete),
        Api::DescribeTransactions => {
            answer!(id, cx, body, m::DescribeTransactionsRequest, transactions_admin::describe)
        }
        Api::ListTransactions => answer!(id, cx, body, m::ListTransactionsRequest, transactions_admin::list),
        Api::DescribeProducers => {
            answer!(id, cx, body, m::DescribeProducersRequest, transactions_admin::describe_producers)
        }
        Api::WriteTxnMarkers => answer!(id, cx, body, m::WriteTxnMarkersRequest, transactions_admin::write_markers),
        Api::SaslHandshake => sasl::handshake(cx, id, &m::SaslHandshakeRequest::decode(&mut body, cx.version)?),
        Api::SaslAuthenticate => {
            sasl::authenticate(cx, id, &m::SaslAuthenticateRequest::decode(&mut body, cx.version)?)
        }
    }
}
