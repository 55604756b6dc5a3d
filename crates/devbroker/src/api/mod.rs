//! The APIs: which versions, and which function answers.
//!
//! Versions are those of Kafka 4.3.1 as far as the message definitions and this broker's features go. Each file answers one API or a
//! few that belong together.

mod admin;
mod api_versions;
mod cluster;
mod configs;
mod coordinator;
mod describe_topics;
mod fetch;
mod fetch_session;
mod group_admin;
mod group_offsets;
mod groups;
mod list_offsets;
mod produce;
mod wire;

use crate::broker::Shared;
use crate::faults::{Api, FaultAction};
use crate::server::Connection;
use bytes::Bytes;
pub(crate) use fetch_session::FetchSessions;
use kafka_protocol::messages as m;
use kafka_protocol::messages::RequestHeader;
use kafka_protocol::protocol::Decodable;
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
    (Api::ApiVersions, 0, 4),
    (Api::CreateTopics, 2, 7),
    (Api::DeleteTopics, 1, 6),
    (Api::DeleteRecords, 0, 2),
    (Api::InitProducerId, 0, 5),
    (Api::OffsetForLeaderEpoch, 2, 4),
    (Api::DescribeConfigs, 1, 4),
    (Api::AlterConfigs, 0, 2),
    (Api::CreatePartitions, 0, 3),
    (Api::DeleteGroups, 0, 2),
    (Api::IncrementalAlterConfigs, 0, 1),
    (Api::OffsetDelete, 0, 0),
    (Api::DescribeCluster, 0, 2),
    (Api::DescribeTopicPartitions, 0, 0),
];

/// A request on its way to its handler.
pub(crate) struct Context<'a> {
    pub shared: &'a Shared,
    pub connection: &'a Connection,
    pub client_id: &'a str,
    pub version: i16,
    /// Error that a fault wants to be answered instead of the effect; 0 is none.
    pub fault: i16,
}

/// Answers one request frame.
pub(crate) async fn handle(shared: &Shared, connection: &Connection, mut frame: Bytes) -> Reply {
    let Some((key, version)) = wire::key_and_version(&frame) else {
        return Reply::Close("a request shorter than its header");
    };
    let Some(&(api, min, max)) = VERSIONS.iter().find(|(api, _, _)| *api as i16 == key) else {
        return Reply::Close("an API that this broker does not have");
    };
    let supported = (min..=max).contains(&version);
    if !supported && api != Api::ApiVersions {
        return Reply::Close("an API version that this broker does not have");
    }
    let header_version = if supported { wire::request_header_version(key, version) } else { 1 };
    let Ok(header) = RequestHeader::decode(&mut frame, header_version) else {
        return Reply::Close("a request header that cannot be read");
    };
    if !supported {
        return api_versions::unsupported(header.correlation_id);
    }
    let client_id = header.client_id.as_deref().unwrap_or("");
    let mut context = Context { shared, connection, client_id, version, fault: 0 };
    let fault = shared.faults.take(key, header.client_id.as_deref());
    match fault {
        Some(FaultAction::Drop) => return Reply::Close("a fault that was asked for"),
        Some(FaultAction::Delay(delay)) => tokio::time::sleep(delay).await,
        Some(FaultAction::Error(code)) => context.fault = code,
        Some(FaultAction::ApplyThenDrop) | None => {}
    }
    let answered = Box::pin(dispatch(&context, api, header.correlation_id, frame)).await;
    match (answered, fault) {
        (Ok(_), Some(FaultAction::ApplyThenDrop)) => Reply::Close("a fault that was asked for, after the effect"),
        (Ok(reply), _) => reply,
        (Err(error), _) => {
            tracing::warn!(?api, version, client = client_id, %error, "request cannot be read or answered");
            Reply::Close("a request that cannot be read")
        }
    }
}

/// Decodes, calls the handler and encodes the answer.
macro_rules! answer {
    // For requests that may be parked.
    (parks: $correlation:expr, $context:expr, $body:expr, $request:ty, $handler:expr) => {{
        let request = <$request>::decode(&mut $body, $context.version)?;
        wire::encode($correlation, $context.version, &Box::pin($handler($context, request)).await)
    }};
    // For APIs whose answer has no room for an error that a fault asks for.
    (plain: $correlation:expr, $context:expr, $body:expr, $request:ty, $handler:expr) => {{
        if $context.fault != 0 {
            return Ok(Reply::Close("a fault that the answer has no room for"));
        }
        answer!($correlation, $context, $body, $request, $handler)
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
            answer!(plain: id, cx, body, m::OffsetForLeaderEpochRequest, list_offsets::for_leader_epoch)
        }
        Api::Metadata => answer!(id, cx, body, m::MetadataRequest, cluster::metadata),
        Api::DescribeCluster => answer!(plain: id, cx, body, m::DescribeClusterRequest, cluster::describe),
        Api::DescribeTopicPartitions => {
            answer!(plain: id, cx, body, m::DescribeTopicPartitionsRequest, describe_topics::describe)
        }
        Api::ApiVersions => answer!(plain: id, cx, body, m::ApiVersionsRequest, api_versions::handle),
        Api::CreateTopics => answer!(id, cx, body, m::CreateTopicsRequest, admin::create_topics),
        Api::DeleteTopics => answer!(plain: id, cx, body, m::DeleteTopicsRequest, admin::delete_topics),
        Api::CreatePartitions => answer!(plain: id, cx, body, m::CreatePartitionsRequest, admin::create_partitions),
        Api::DeleteRecords => answer!(plain: id, cx, body, m::DeleteRecordsRequest, admin::delete_records),
        Api::DescribeConfigs => answer!(plain: id, cx, body, m::DescribeConfigsRequest, configs::describe),
        Api::AlterConfigs => answer!(plain: id, cx, body, m::AlterConfigsRequest, configs::alter),
        Api::IncrementalAlterConfigs => {
            answer!(plain: id, cx, body, m::IncrementalAlterConfigsRequest, configs::alter_incrementally)
        }
        Api::FindCoordinator => answer!(id, cx, body, m::FindCoordinatorRequest, coordinator::find),
        Api::InitProducerId => answer!(id, cx, body, m::InitProducerIdRequest, coordinator::init_producer_id),
        Api::JoinGroup => answer!(parks: id, cx, body, m::JoinGroupRequest, groups::join),
        Api::SyncGroup => answer!(parks: id, cx, body, m::SyncGroupRequest, groups::sync),
        Api::Heartbeat => answer!(id, cx, body, m::HeartbeatRequest, groups::heartbeat),
        Api::LeaveGroup => answer!(plain: id, cx, body, m::LeaveGroupRequest, groups::leave),
        Api::OffsetCommit => answer!(id, cx, body, m::OffsetCommitRequest, group_offsets::commit),
        Api::OffsetFetch => answer!(id, cx, body, m::OffsetFetchRequest, group_offsets::fetch),
        Api::OffsetDelete => answer!(plain: id, cx, body, m::OffsetDeleteRequest, group_offsets::delete),
        Api::DescribeGroups => answer!(plain: id, cx, body, m::DescribeGroupsRequest, group_admin::describe),
        Api::ListGroups => answer!(plain: id, cx, body, m::ListGroupsRequest, group_admin::list),
        Api::DeleteGroups => answer!(plain: id, cx, body, m::DeleteGroupsRequest, group_admin::delete),
    }
}
