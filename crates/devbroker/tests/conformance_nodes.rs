//! How a cluster turns away those who ask the wrong node.
//!
//! Against the embedded broker with three nodes; against a real cluster when `MILENA_TEST_CLUSTER` names one.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::*;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseBroker;
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_protocol::messages::*;
use milena_devbroker::{DevBroker, DevBrokerConfig};
use milena_kafka::records::Compression;
use std::time::Duration;

const NOT_LEADER: i16 = 6;

/// A topic with one replica, its leader, and a node that has nothing of it.
struct Place {
    _broker: Option<DevBroker>,
    topic: TestTopic,
    leader: MetadataResponseBroker,
    other: MetadataResponseBroker,
    epoch: i32,
}

async fn to(node: &MetadataResponseBroker) -> Client {
    Client::connect(&format!("{}:{}", &*node.host, node.port)).await
}

async fn place() -> Place {
    let (bootstrap, broker) = match std::env::var("MILENA_TEST_CLUSTER") {
        Ok(address) if !address.is_empty() => (address.split(',').next().unwrap().to_owned(), None),
        _ => {
            let broker = DevBroker::start(DevBrokerConfig::nodes(3)).await.unwrap();
            (broker.address(1).unwrap(), Some(broker))
        }
    };
    let mut client = Client::connect(&bootstrap).await;
    let name = unique("elsewhere");
    let topic = create_topics_request::CreatableTopic::default()
        .with_name(topic_name(&name))
        .with_num_partitions(1)
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_timeout_ms(10_000).with_topics(vec![topic]);
    let id = client.send(7, &request).await.topics[0].topic_id;
    let wanted = MetadataRequestTopic::default().with_name(Some(topic_name(&name)));
    let request = MetadataRequest::default().with_topics(Some(vec![wanted]));
    for _ in 0..500 {
        let response = client.send(12, &request).await;
        let partition = response.topics[0].partitions.first().filter(|one| one.error_code == 0);
        if let Some(partition) = partition.filter(|_| response.brokers.len() == 3) {
            let leads = |node: &&MetadataResponseBroker| node.node_id == partition.leader_id;
            let leader = response.brokers.iter().find(leads).unwrap().clone();
            let other = response.brokers.iter().find(|node| !leads(node)).unwrap().clone();
            let topic = TestTopic { name, id };
            // Every node has to have heard of it.
            for node in &response.brokers {
                let mut client = to(node).await;
                while client.send(12, &request).await.topics[0].error_code != 0 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            let mut at_leader = to(&leader).await;
            while at_leader.produce(&topic, 0, values()).await.error_code != 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            return Place { _broker: broker, topic, leader, other, epoch: partition.leader_epoch };
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the topic got no leader");
}

fn values() -> bytes::Bytes {
    batch(&["a"], Compression::None)
}

#[tokio::test]
async fn a_produce_at_the_wrong_node_is_told_the_right_one() {
    let place = place().await;
    for version in [9, 10, 13] {
        let mut client = to(&place.other).await;
        let response = client.send(version, &produce_request(version, -1, &place.topic, 0, values())).await;
        let answer = &response.responses[0].partition_responses[0];
        assert_eq!(answer.error_code, NOT_LEADER);
        assert_eq!((answer.base_offset, answer.log_append_time_ms, answer.log_start_offset), (-1, -1, -1));
        if version < 10 {
            assert!(response.node_endpoints.is_empty());
            continue;
        }
        assert_eq!(answer.current_leader.leader_id, place.leader.node_id);
        assert_eq!(answer.current_leader.leader_epoch, place.epoch);
        let hint = &response.node_endpoints[0];
        assert_eq!((hint.node_id, hint.port), (place.leader.node_id, place.leader.port));
    }
}

#[tokio::test]
async fn a_fetch_at_the_wrong_node_is_told_the_right_one() {
    let place = place().await;
    for version in [10, 12, 15, 16, 17] {
        let mut client = to(&place.other).await;
        let request = fetch_request(version, &place.topic, &[(0, 0, 1 << 20)]);
        let response = client.send(version, &request).await;
        let answer = &response.responses[0].partitions[0];
        assert_eq!(answer.error_code, NOT_LEADER, "version {version}");
        let told = if version >= 16 { (place.leader.node_id, place.epoch) } else { (BrokerId(-1), -1) };
        assert_eq!((answer.current_leader.leader_id, answer.current_leader.leader_epoch), told, "version {version}");
        assert_eq!(response.node_endpoints.len(), usize::from(version >= 16));
    }
}

#[tokio::test]
async fn an_epoch_that_is_not_the_leaders_is_refused() {
    let place = place().await;
    let mut client = to(&place.leader).await;
    let ahead = ResponseError::UnknownLeaderEpoch.code();
    let mut request = fetch_request(17, &place.topic, &[(0, 0, 1 << 20)]);
    request.topics[0].partitions[0].current_leader_epoch = place.epoch + 1;
    let response = client.send(17, &request).await;
    assert_eq!(response.responses[0].partitions[0].error_code, ahead);
    assert!(response.node_endpoints.is_empty(), "who knows more is not told anything");
    for (node, epoch, code) in [(&place.leader, place.epoch + 1, ahead), (&place.other, -1, NOT_LEADER)] {
        let wanted = ListOffsetsPartition::default().with_current_leader_epoch(epoch).with_timestamp(-1);
        let topic = ListOffsetsTopic::default().with_name(topic_name(&place.topic.name)).with_partitions(vec![wanted]);
        let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
        assert_eq!(to(node).await.send(8, &request).await.topics[0].partitions[0].error_code, code);
        let wanted = OffsetForLeaderPartition::default().with_current_leader_epoch(epoch).with_leader_epoch(0);
        let topic =
            OffsetForLeaderTopic::default().with_topic(topic_name(&place.topic.name)).with_partitions(vec![wanted]);
        let request = OffsetForLeaderEpochRequest::default().with_replica_id(BrokerId(-2)).with_topics(vec![topic]);
        assert_eq!(to(node).await.send(4, &request).await.topics[0].partitions[0].error_code, code);
    }
}

#[tokio::test]
async fn all_nodes_name_the_same_coordinator_and_only_that_one_takes_members() {
    let place = place().await;
    let group = unique("group");
    let mut named = Vec::new();
    for node in [&place.leader, &place.other] {
        let mut client = to(node).await;
        let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text(&group)]);
        let coordinator = loop {
            let found = client.send(4, &request).await.coordinators[0].clone();
            if found.error_code == 0 {
                break found;
            }
            // A real cluster creates the offsets topic first.
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        named.push(coordinator.node_id);
    }
    assert_eq!(named[0], named[1]);
    let elsewhere = if place.leader.node_id == named[0] { &place.other } else { &place.leader };
    let mut client = to(elsewhere).await;
    let not_coordinator = ResponseError::NotCoordinator.code();
    let id = || GroupId(text(&group));
    let protocol = join_group_request::JoinGroupRequestProtocol::default().with_name(text("range"));
    let join = JoinGroupRequest::default()
        .with_group_id(id())
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(10_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    assert_eq!(client.send(9, &join).await.error_code, not_coordinator);
    let beat = HeartbeatRequest::default().with_group_id(id()).with_generation_id(1).with_member_id(text("m"));
    assert_eq!(client.send(4, &beat).await.error_code, not_coordinator);
    let fetch = offset_fetch_request::OffsetFetchRequestGroup::default().with_group_id(id()).with_topics(None);
    let response = client.send(8, &OffsetFetchRequest::default().with_groups(vec![fetch])).await;
    assert_eq!(response.groups[0].error_code, not_coordinator);
    let describe = DescribeGroupsRequest::default().with_groups(vec![id()]);
    assert_eq!(client.send(5, &describe).await.groups[0].error_code, not_coordinator);
}
