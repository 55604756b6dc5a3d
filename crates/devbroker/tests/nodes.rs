//! Several simulated nodes: who leads, who coordinates, and what happens when nodes go and come.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::*;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponsePartition;
use kafka_protocol::messages::*;
use milena_devbroker::{Coordinated, DevBroker, DevBrokerConfig, Error};
use milena_kafka::records::Compression;

async fn start(nodes: usize) -> DevBroker {
    DevBroker::start(DevBrokerConfig::nodes(nodes)).await.unwrap()
}

async fn client(broker: &DevBroker, node: i32) -> Client {
    Client::connect(&broker.address(node).unwrap()).await
}

async fn create(broker: &DevBroker, partitions: i32, replicas: i16) -> TestTopic {
    let name = unique("nodes");
    let request = CreateTopicsRequest::default().with_timeout_ms(10_000).with_topics(vec![
        create_topics_request::CreatableTopic::default()
            .with_name(topic_name(&name))
            .with_num_partitions(partitions)
            .with_replication_factor(replicas),
    ]);
    let response = client(broker, 1).await.send(7, &request).await;
    assert_eq!(response.topics[0].error_code, 0);
    TestTopic { name, id: response.topics[0].topic_id }
}

/// A topic whose partition 0 is led by `leader`, with a replica on each of three nodes.
async fn topic(broker: &DevBroker, leader: i32) -> TestTopic {
    let topic = create(broker, 1, -1).await;
    assert_eq!(broker.replicas(&topic.name, 0).len(), 3);
    if broker.leader(&topic.name, 0) != Some(leader) {
        broker.move_leader(&topic.name, 0, leader).unwrap();
    }
    topic
}

async fn partition(client: &mut Client, topic: &TestTopic) -> (MetadataResponse, MetadataResponsePartition) {
    let wanted = MetadataRequestTopic::default().with_name(Some(topic_name(&topic.name)));
    let response = client.send(12, &MetadataRequest::default().with_topics(Some(vec![wanted]))).await;
    let partition = response.topics[0].partitions[0].clone();
    (response, partition)
}

fn values() -> bytes::Bytes {
    batch(&["a"], Compression::None)
}

#[tokio::test]
async fn every_node_has_a_port_of_its_own_and_tells_of_all() {
    let broker = start(3).await;
    assert_eq!(broker.bootstrap().split(',').count(), 3);
    for node in 1..=3 {
        let mut client = client(&broker, node).await;
        let response = client.send(12, &MetadataRequest::default().with_topics(None)).await;
        let told: Vec<_> = response.brokers.iter().map(|one| (one.node_id.0, one.port as u16)).collect();
        let expected: Vec<_> = broker.node_ids().into_iter().map(|id| (id, broker.port_of(id).unwrap())).collect();
        assert_eq!(told, expected);
        let response = client.send(1, &DescribeClusterRequest::default().with_endpoint_type(1)).await;
        assert_eq!(response.brokers.len(), 3);
    }
    broker.stop().await;
}

#[tokio::test]
async fn only_the_leader_takes_records_and_the_others_say_who_it_is() {
    let broker = start(3).await;
    let topic = topic(&broker, 2).await;
    let epoch = broker.leader_epoch(&topic.name, 0).unwrap();
    assert_eq!(client(&broker, 2).await.produce(&topic, 0, values()).await.error_code, 0);

    let mut wrong = client(&broker, 3).await;
    let response = wrong.send(13, &produce_request(13, -1, &topic, 0, values())).await;
    let refused = &response.responses[0].partition_responses[0];
    assert_eq!(refused.error_code, ResponseError::NotLeaderOrFollower.code());
    assert_eq!((refused.current_leader.leader_id.0, refused.current_leader.leader_epoch), (2, epoch));
    let hint = &response.node_endpoints[0];
    assert_eq!((hint.node_id.0, hint.port as u16), (2, broker.port_of(2).unwrap()));

    // A client that does not know of followers is refused as well, and what is known of the epoch is checked.
    let old = wrong.fetch_as(10, &topic, 0, 0, 1 << 20, 1 << 20).await;
    assert_eq!(old.error_code, ResponseError::NotLeaderOrFollower.code());
    broker.move_leader(&topic.name, 0, 3).unwrap();
    let mut request = fetch_request(17, &topic, &[(0, 0, 1 << 20)]);
    request.topics[0].partitions[0].current_leader_epoch = epoch;
    let response = wrong.send(17, &request).await;
    let fenced = &response.responses[0].partitions[0];
    assert_eq!(fenced.error_code, ResponseError::FencedLeaderEpoch.code());
    assert_eq!((fenced.current_leader.leader_id.0, fenced.current_leader.leader_epoch), (3, epoch + 1));
    assert_eq!(response.node_endpoints[0].node_id.0, 3);
    assert_eq!(wrong.produce(&topic, 0, values()).await.base_offset, 1, "the log is the same one");
    let fetched = wrong.fetch(&topic, 0, 0).await.records.unwrap();
    let epochs: Vec<_> = batches(&fetched).iter().map(|(header, _)| header.leader_epoch).collect();
    assert_eq!(epochs, [epoch, epoch + 1]);
    broker.stop().await;
}

#[tokio::test]
async fn a_parked_fetch_is_told_when_its_leader_changes() {
    let broker = start(3).await;
    let topic = topic(&broker, 1).await;
    let mut fetching = client(&broker, 1).await;
    let mut request = fetch_request(17, &topic, &[(0, 0, 1 << 20)]).with_max_wait_ms(60_000);
    request.topics[0].partitions[0].current_leader_epoch = broker.leader_epoch(&topic.name, 0).unwrap();
    fetching.write(17, &request).await;
    // Answered after the fetch is parked or before it is read: told in both cases.
    broker.move_leader(&topic.name, 0, 2).unwrap();
    let response = fetching.read::<FetchRequest>(17).await.unwrap();
    assert_eq!(response.responses[0].partitions[0].error_code, ResponseError::FencedLeaderEpoch.code());
    broker.stop().await;
}

#[tokio::test]
async fn a_stopped_node_is_refused_and_others_lead_until_it_is_back() {
    let broker = start(3).await;
    let topic = topic(&broker, 2).await;
    let epoch = broker.leader_epoch(&topic.name, 0).unwrap();
    let mut broken = client(&broker, 2).await;
    broker.stop_node(2).await.unwrap();
    assert!(broken.read_frame().await.is_none(), "its connections are closed");
    assert!(tokio::net::TcpStream::connect(broker.address(2).unwrap()).await.is_err());
    assert!(matches!(broker.move_leader(&topic.name, 0, 2), Err(Error::NodeIsDown { node: 2 })));

    let mut other = client(&broker, 1).await;
    let (response, told) = partition(&mut other, &topic).await;
    assert_eq!(response.brokers.iter().map(|one| one.node_id.0).collect::<Vec<_>>(), [1, 3]);
    assert_ne!(told.leader_id.0, 2);
    assert_eq!(told.leader_epoch, epoch + 1);
    assert_eq!((told.isr_nodes.len(), told.offline_replicas.as_slice()), (2, &[BrokerId(2)][..]));

    broker.start_node(2).await.unwrap();
    let (response, again) = partition(&mut client(&broker, 2).await, &topic).await;
    assert_eq!((response.brokers.len(), again.isr_nodes.len()), (3, 3));
    assert_eq!(again.leader_id, told.leader_id, "nobody moves without need");

    for node in [1, 2, 3] {
        broker.stop_node(node).await.unwrap();
    }
    assert_eq!(broker.leader(&topic.name, 0), None);
    assert_eq!(broker.coordinator(Coordinated::Group("g")), None);
    broker.start_node(3).await.unwrap();
    assert_eq!(broker.leader(&topic.name, 0), Some(3));
    assert_eq!(broker.coordinator(Coordinated::Group("g")), Some(3));
    broker.stop().await;
}

#[tokio::test]
async fn a_partition_without_replicas_that_are_up_has_no_leader() {
    let broker = start(2).await;
    let mut first = client(&broker, 1).await;
    let topic = create(&broker, 2, 1).await;
    let led: Vec<_> = (0..2).map(|index| broker.leader(&topic.name, index).unwrap()).collect();
    assert_eq!(led.iter().sum::<i32>(), 3, "partitions are spread");
    broker.stop_node(2).await.unwrap();
    let response = first.send(12, &MetadataRequest::default().with_topics(None)).await;
    let errors: Vec<_> = response.topics[0].partitions.iter().map(|one| (one.leader_id.0, one.error_code)).collect();
    let lost = (-1, ResponseError::LeaderNotAvailable.code());
    assert!(errors.contains(&lost) && errors.contains(&(1, 0)), "{errors:?}");
    broker.stop().await;
}

#[tokio::test]
async fn a_node_that_comes_back_elsewhere_is_told_at_its_new_port() {
    let broker = start(2).await;
    let before = broker.port_of(1).unwrap();
    let port = broker.change_port(1).await.unwrap();
    assert_ne!(port, before);
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", before)).await.is_err());
    let response = client(&broker, 2).await.send(12, &MetadataRequest::default().with_topics(None)).await;
    assert_eq!(response.brokers[0].port as u16, port);
    client(&broker, 1).await.send(12, &MetadataRequest::default().with_topics(None)).await;
    broker.stop().await;
}

async fn coordinator(client: &mut Client, group: &str) -> i32 {
    let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text(group)]);
    let response = client.send(4, &request).await;
    assert_eq!(response.coordinators[0].error_code, 0);
    response.coordinators[0].node_id.0
}

#[tokio::test]
async fn groups_live_on_one_node_and_can_be_moved() {
    let broker = start(3).await;
    let home = coordinator(&mut client(&broker, 1).await, "group").await;
    assert_eq!(Some(home), broker.coordinator(Coordinated::Group("group")));
    let other = home % 3 + 1;
    let join = || {
        let protocol = join_group_request::JoinGroupRequestProtocol::default().with_name(text("range"));
        JoinGroupRequest::default()
            .with_group_id(GroupId(text("group")))
            .with_session_timeout_ms(10_000)
            .with_rebalance_timeout_ms(60_000)
            .with_protocol_type(text("consumer"))
            .with_protocols(vec![protocol])
    };
    let refused = client(&broker, other).await.send(9, &join()).await;
    assert_eq!(refused.error_code, ResponseError::NotCoordinator.code());

    let mut member = client(&broker, home).await;
    let id = member.send(9, &join()).await.member_id;
    let joined = member.send(9, &join().with_member_id(id.clone())).await;
    assert_eq!(joined.error_code, 0);
    // Of two members, the follower's sync waits for the leader's.
    let mut second = client(&broker, home).await;
    let second_id = second.send(9, &join()).await.member_id;
    second.write(9, &join().with_member_id(second_id)).await;
    let request = HeartbeatRequest::default()
        .with_group_id(GroupId(text("group")))
        .with_generation_id(joined.generation_id)
        .with_member_id(id.clone());
    while member.send(4, &request).await.error_code != ResponseError::RebalanceInProgress.code() {
        tokio::task::yield_now().await;
    }
    broker.move_coordinator(Coordinated::Group("group"), other).unwrap();
    let parked = second.read::<JoinGroupRequest>(9).await.unwrap();
    assert_eq!(parked.error_code, ResponseError::NotCoordinator.code(), "who waits is told");
    assert_eq!(coordinator(&mut second, "group").await, other);
    let beat = client(&broker, other).await.send(4, &request).await;
    assert_eq!(beat.error_code, ResponseError::RebalanceInProgress.code(), "the group goes on where it is now");

    let listed = client(&broker, home).await.send(5, &ListGroupsRequest::default()).await;
    assert!(listed.groups.is_empty());
    let listed = client(&broker, other).await.send(5, &ListGroupsRequest::default()).await;
    assert_eq!(listed.groups.len(), 1);
    broker.stop_node(other).await.unwrap();
    assert_ne!(coordinator(&mut member, "group").await, other);
    broker.stop().await;
}

#[tokio::test]
async fn consumers_are_sent_to_a_replica_in_their_rack() {
    let racks = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let config = DevBrokerConfig { racks, follower_fetching: true, ..DevBrokerConfig::nodes(3) };
    let broker = DevBroker::start(config).await.unwrap();
    let topic = topic(&broker, 1).await;
    let mut leader = client(&broker, 1).await;
    leader.produce(&topic, 0, values()).await;
    let response = leader.send(12, &MetadataRequest::default().with_topics(None)).await;
    assert_eq!(response.brokers[1].rack.as_deref(), Some("b"));
    let fetch = |rack: &str| fetch_request(17, &topic, &[(0, 0, 1 << 20)]).with_rack_id(text(rack));
    let told = leader.send(17, &fetch("b")).await.responses[0].partitions[0].clone();
    assert_eq!((told.error_code, told.preferred_read_replica.0), (0, 2));
    assert!(told.records.unwrap_or_default().is_empty());
    for (node, rack) in [(2, "b"), (1, "a"), (1, "elsewhere"), (1, "")] {
        let response = client(&broker, node).await.send(17, &fetch(rack)).await;
        let read = &response.responses[0].partitions[0];
        assert_eq!((read.error_code, read.preferred_read_replica.0), (0, -1), "node {node}, rack {rack}");
        assert_eq!(batches(read.records.as_ref().unwrap()).len(), 1);
    }
    // Its replica is down: the leader serves.
    broker.stop_node(2).await.unwrap();
    let read = leader.send(17, &fetch("b")).await.responses[0].partitions[0].clone();
    assert_eq!(read.preferred_read_replica.0, -1);
    assert!(!read.records.unwrap().is_empty());
    broker.stop().await;
}

#[tokio::test]
async fn sessions_of_a_node_end_with_it() {
    let broker = start(1).await;
    let mut before = client(&broker, 1).await;
    let topic = before.create("session", 1).await;
    let partition = FetchPartition::default().with_partition(0).with_partition_max_bytes(1 << 20);
    let wanted = FetchTopic::default().with_topic_id(topic.id).with_partitions(vec![partition]);
    let request = FetchRequest::default().with_session_epoch(0).with_topics(vec![wanted]).with_max_bytes(1 << 20);
    let session = before.send(17, &request).await.session_id;
    assert_ne!(session, 0);
    let epoch = broker.leader_epoch(&topic.name, 0).unwrap();
    broker.restart_node(1).await.unwrap();
    assert!(broker.leader_epoch(&topic.name, 0).unwrap() > epoch);
    let next = FetchRequest::default().with_session_id(session).with_session_epoch(1);
    let response = client(&broker, 1).await.send(17, &next).await;
    assert_eq!(response.error_code, ResponseError::FetchSessionIdNotFound.code());
    broker.stop().await;
}

#[tokio::test]
async fn a_node_that_dies_before_its_records_got_anywhere_loses_the_newest_ones() {
    let broker = start(3).await;
    let (lost, kept) = (topic(&broker, 2).await, topic(&broker, 1).await);
    for _ in 0..5 {
        assert_eq!(client(&broker, 2).await.produce(&lost, 0, values()).await.error_code, 0);
        assert_eq!(client(&broker, 1).await.produce(&kept, 0, values()).await.error_code, 0);
    }
    let epoch = broker.leader_epoch(&lost.name, 0).unwrap();
    broker.restart_node_losing(2, 2).await.unwrap();
    let leader = broker.leader(&lost.name, 0).unwrap();
    let mut reader = client(&broker, leader).await;
    assert_eq!(reader.fetch(&lost, 0, 4).await.error_code, ResponseError::OffsetOutOfRange.code());
    assert_eq!(reader.fetch(&lost, 0, 3).await.high_watermark, 3);
    assert_eq!(client(&broker, 1).await.fetch(&kept, 0, 0).await.high_watermark, 5);
    assert!(broker.leader_epoch(&lost.name, 0).unwrap() > epoch);
    assert_eq!(reader.produce(&lost, 0, values()).await.base_offset, 3);
    broker.stop().await;
}
