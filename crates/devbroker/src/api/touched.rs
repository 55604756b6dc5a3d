//! Which topics and partitions a request names, for faults that wait for one of them.

use super::Context;
use crate::faults::{Api, Touched};
use bytes::Bytes;
use kafka_protocol::messages as m;
use kafka_protocol::protocol::Decodable;
use uuid::Uuid;

/// What a request names; nothing for those that name none, and for those that cannot be read.
pub(super) fn touched(cx: &Context<'_>, api: Api, body: Bytes) -> Touched {
    read(cx, api, body).unwrap_or_default()
}

fn read(cx: &Context<'_>, api: Api, mut body: Bytes) -> Option<Touched> {
    let version = cx.version;
    macro_rules! request {
        ($request:ty) => {
            <$request>::decode(&mut body, version).ok()?
        };
    }
    macro_rules! partitions {
        ($request:ty, $topics:ident, $name:ident, $index:ident) => {
            request!($request)
                .$topics
                .iter()
                .flat_map(|topic| topic.partitions.iter().map(|one| (topic.$name.to_string(), Some(one.$index))))
                .collect()
        };
    }
    let named = |name: &str, id: &Uuid| {
        if id.is_nil() {
            name.to_owned()
        } else {
            cx.shared.topics.by_id(id).map(|topic| topic.name.to_string()).unwrap_or_default()
        }
    };
    let whole = |name: &m::TopicName| (name.to_string(), None);
    Some(match api {
        Api::Produce => request!(m::ProduceRequest)
            .topic_data
            .iter()
            .flat_map(|topic| {
                let name = named(&topic.name, &topic.topic_id);
                topic.partition_data.iter().map(move |one| (name.clone(), Some(one.index)))
            })
            .collect(),
        Api::Fetch => {
            let request = request!(m::FetchRequest);
            let sessions = cx.shared.cluster.node(cx.node()).map(|node| &node.sessions);
            let mut touched: Touched = request
                .topics
                .iter()
                .flat_map(|topic| {
                    let name = named(&topic.topic, &topic.topic_id);
                    topic.partitions.iter().map(move |one| (name.clone(), Some(one.partition)))
                })
                .collect();
            let remembered = sessions.map(|sessions| sessions.partitions(request.session_id)).unwrap_or_default();
            touched.extend(remembered.into_iter().map(|(name, id, index)| (named(&name, &id), Some(index))));
            touched
        }
        Api::ListOffsets => partitions!(m::ListOffsetsRequest, topics, name, partition_index),
        Api::OffsetForLeaderEpoch => partitions!(m::OffsetForLeaderEpochRequest, topics, topic, partition),
        Api::OffsetCommit => partitions!(m::OffsetCommitRequest, topics, name, partition_index),
        Api::OffsetDelete => partitions!(m::OffsetDeleteRequest, topics, name, partition_index),
        Api::TxnOffsetCommit => partitions!(m::TxnOffsetCommitRequest, topics, name, partition_index),
        Api::DeleteRecords => partitions!(m::DeleteRecordsRequest, topics, name, partition_index),
        Api::Metadata => request!(m::MetadataRequest)
            .topics
            .unwrap_or_default()
            .iter()
            .map(|topic| match &topic.name {
                Some(name) => whole(name),
                None => (named("", &topic.topic_id), None),
            })
            .collect(),
        Api::CreateTopics => request!(m::CreateTopicsRequest).topics.iter().map(|topic| whole(&topic.name)).collect(),
        Api::CreatePartitions => {
            request!(m::CreatePartitionsRequest).topics.iter().map(|topic| whole(&topic.name)).collect()
        }
        Api::DeleteTopics => {
            let request = request!(m::DeleteTopicsRequest);
            let by_state = request.topics.iter().map(|topic| match &topic.name {
                Some(name) => whole(name),
                None => (named("", &topic.topic_id), None),
            });
            by_state.chain(request.topic_names.iter().map(whole)).collect()
        }
        Api::DescribeTopicPartitions => {
            request!(m::DescribeTopicPartitionsRequest).topics.iter().map(|topic| whole(&topic.name)).collect()
        }
        _ => Touched::new(),
    })
}
