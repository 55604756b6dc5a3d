//! The APIs: which versions, and which function answers.
//!
//! Versions are those of Kafka 4.3.1 as far as the message definitions and this broker's features go. Each file answers one API or a
//! few that belong together.

mod admin;
mod api_versions;
mod cluster;
mod configs;
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
mod wire;

use crate::broker::Shared;
use crate::faults::{Api, FaultAction};
use crate::nodes::Node;
use crate::server::Connection;
use crate::topics::Topic;
use bytes::Bytes;
pub(crate) use fetch_session::FetchSessions;
use kafka_protocol::ResponseError;
use kafka_protocol::messages as m;
use kafka_protocol::messages::RequestHeader;
use kafka_protocol::messages::produce_response::NodeEndpoint;
use kafka_protocol::protocol::Decodable;
use std::collections::BTreeSet;
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
    /// Error that a fault wants to be answered instead of the effect, in the APIs that look for themselves; 0 is none.
    pub fault: i16,
}

impl Context<'_> {
    /// The node that the client asked.
    fn node(&self) -> i32 {
        self.connection.node
    }

    /// Leader and epoch of a partition, as an answer hints at them.
    fn current_leader(&self, topic: &Topic, index: i32) -> Option<(i32, i32)> {
        let epoch = topic.partition(index)?.leader_epoch();
        Some((self.shared.cluster.placement(topic, index).leader, epoch)).filter(|(leader, _)| *leader > 0)
    }

    /// The endpoints of the nodes that answers hint at.
    fn endpoints(&self, ids: &BTreeSet<i32>) -> Vec<NodeEndpoint> {
        let nodes = ids.iter().filter_map(|&id| self.shared.cluster.node(id));
        let endpoint = |node: &Node| {
            NodeEndpoint::default()
                .with_node_id(m::BrokerId(node.id))
                .with_host(wire::text(&self.connection.host))
                .with_port(i32::from(node.port(self.connection.listener)))
                .with_rack(node.rack.as_ref().map(wire::text))
        };
        nodes.map(endpoint).collect()
    }

    /// Whether this node takes requests for a partition that only its leader takes; `epoch` is the one the client knows, -1 for none.
    fn check_leader(&self, topic: Option<&Topic>, index: i32, epoch: i32) -> Result<(), ResponseError> {
        match topic.and_then(|topic| Some((topic, topic.partition(index)?))) {
            Some((topic, log)) => self.shared.cluster.check_leader(self.node(), topic, index, &log, epoch),
            None => Err(ResponseError::UnknownTopicOrPartition),
        }
    }
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
    let answered = Box::pin(answer(&mut context, api, header.correlation_id, frame)).await;
    match (answered, fault) {
        (Ok(_), Some(FaultAction::ApplyThenDrop)) => Reply::Close("a fault that was asked for, after the effect"),
        (Ok(reply), _) => reply,
        (Err(error), _) => {
            tracing::warn!(?api, version, client = client_id, %error, "request cannot be read or answered");
            Reply::Close("a request that cannot be read")
        }
    }
}

/// Answers a request: with the error that a fault wants, as the wrong coordinator, or by its handler.
async fn answer(cx: &mut Context<'_>, api: Api, correlation: i32, body: Bytes) -> wire::Result<Reply> {
    if cx.fault != 0
        && let Some(refused) = refuse::reply(cx, api, correlation, body.clone(), cx.fault)?
    {
        return Ok(refused);
    }
    if cx.shared.cluster.nodes().len() > 1
        && let Some(named) = coordinated::named(api, cx.version, body.clone())
    {
        if named.is_here(cx) {
            tokio::select! {
                answered = Box::pin(dispatch(cx, api, correlation, body.clone())) => return answered,
                // What waits here is told at once; the group itself goes on at the other node.
                () = named.left(cx) => {}
            }
        }
        let code = ResponseError::NotCoordinator.code();
        return Ok(refuse::reply(cx, api, correlation, body, code)?.unwrap_or(Reply::Close("not the coordinator")));
    }
    Box::pin(dispatch(cx, api, correlation, body)).await
}

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
        Api::InitProducerId => answer!(id, cx, body, m::InitProducerIdRequest, coordinator::init_producer_id),
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
        Api::AddPartitionsToTxn
        | Api::AddOffsetsToTxn
        | Api::EndTxn
        | Api::WriteTxnMarkers
        | Api::TxnOffsetCommit
        | Api::DescribeProducers
        | Api::DescribeTransactions
        | Api::ListTransactions => Ok(Reply::Close("an API that this broker does not have")),
    }
}
