//! Which group or transactional id a request is about: only the node that coordinates it answers.

use super::Context;
use crate::faults::Api;
use crate::nodes::Coordinated;
use bytes::Bytes;
use kafka_protocol::messages as m;
use kafka_protocol::protocol::{Decodable, StrBytes};

/// What a request names.
pub(super) enum Named {
    Groups(Vec<StrBytes>),
    Transaction(StrBytes),
}

impl Named {
    fn each(&self) -> impl Iterator<Item = Coordinated<'_>> {
        let (groups, transaction) = match self {
            Self::Groups(ids) => (ids.as_slice(), None),
            Self::Transaction(id) => (&[] as &[StrBytes], Some(id)),
        };
        let groups = groups.iter().map(|id| Coordinated::Group(id));
        groups.chain(transaction.into_iter().map(|id| Coordinated::Transaction(id)))
    }

    /// Whether the node of this connection coordinates all of it.
    pub fn is_here(&self, cx: &Context<'_>) -> bool {
        self.each().all(|of| cx.shared.cluster.coordinator(of) == cx.connection.node)
    }

    /// Waits until another node coordinates the first of it.
    pub async fn left(&self, cx: &Context<'_>) {
        match self.each().next() {
            Some(of) => cx.shared.cluster.coordinator_left(of, cx.connection.node).await,
            None => std::future::pending().await,
        }
    }
}

/// What a request for a coordinator is about; `None` for other requests, and for those that cannot be read.
pub(super) fn named(api: Api, version: i16, mut body: Bytes) -> Option<Named> {
    macro_rules! request {
        ($request:ty) => {
            <$request>::decode(&mut body, version).ok()?
        };
    }
    let one = |id: m::GroupId| Some(Named::Groups(vec![id.0]));
    let many = |ids: Vec<m::GroupId>| Some(Named::Groups(ids.into_iter().map(|id| id.0).collect()));
    match api {
        Api::JoinGroup => one(request!(m::JoinGroupRequest).group_id),
        Api::SyncGroup => one(request!(m::SyncGroupRequest).group_id),
        Api::Heartbeat => one(request!(m::HeartbeatRequest).group_id),
        Api::LeaveGroup => one(request!(m::LeaveGroupRequest).group_id),
        Api::OffsetCommit => one(request!(m::OffsetCommitRequest).group_id),
        Api::OffsetDelete => one(request!(m::OffsetDeleteRequest).group_id),
        Api::TxnOffsetCommit => one(request!(m::TxnOffsetCommitRequest).group_id),
        Api::OffsetFetch => {
            let request = request!(m::OffsetFetchRequest);
            if version < 8 {
                return one(request.group_id);
            }
            many(request.groups.into_iter().map(|group| group.group_id).collect())
        }
        Api::DescribeGroups => many(request!(m::DescribeGroupsRequest).groups),
        Api::DeleteGroups => many(request!(m::DeleteGroupsRequest).groups_names),
        Api::InitProducerId => request!(m::InitProducerIdRequest).transactional_id.map(|id| Named::Transaction(id.0)),
        Api::AddPartitionsToTxn if version < 4 => {
            Some(Named::Transaction(request!(m::AddPartitionsToTxnRequest).v3_and_below_transactional_id.0))
        }
        Api::AddOffsetsToTxn => Some(Named::Transaction(request!(m::AddOffsetsToTxnRequest).transactional_id.0)),
        Api::DescribeTransactions => request!(m::DescribeTransactionsRequest)
            .transactional_ids
            .into_iter()
            .next()
            .map(|id| Named::Transaction(id.0)),
        Api::EndTxn => Some(Named::Transaction(request!(m::EndTxnRequest).transactional_id.0)),
        _ => None,
    }
}
