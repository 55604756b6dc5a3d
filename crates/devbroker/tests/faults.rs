//! Faults and quotas: what clients see of them.

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
use kafka_protocol::messages::*;
use milena_devbroker::{Api, DevBroker, DevBrokerConfig, Fault, FaultAction, FaultPlan, Quota};
use milena_kafka::records::Compression;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;

const NOT_LEADER: i16 = 6;

async fn start() -> (DevBroker, Client) {
    let broker = DevBroker::start(DevBrokerConfig::default()).await.unwrap();
    let client = Client::connect(&broker.bootstrap()).await;
    (broker, client)
}

fn values() -> bytes::Bytes {
    batch(&["a"], Compression::None)
}

async fn end(client: &mut Client, topic: &TestTopic, partition: i32) -> (i16, i64) {
    let wanted = ListOffsetsPartition::default()
        .with_partition_index(partition)
        .with_current_leader_epoch(-1)
        .with_timestamp(-1);
    let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![
        ListOffsetsTopic::default().with_name(topic_name(&topic.name)).with_partitions(vec![wanted]),
    ]);
    let partition = client.send(8, &request).await.topics[0].partitions[0].clone();
    (partition.error_code, partition.offset)
}

#[tokio::test]
async fn half_an_answer_comes_after_the_effect_and_before_the_end() {
    let (broker, mut client) = start().await;
    let topic = client.create("half", 1).await;
    broker.faults().next(Api::Produce, 1, FaultAction::HalfAnswer);
    client.write(13, &produce_request(13, -1, &topic, 0, values())).await;
    let length = usize::try_from(client.stream.read_i32().await.unwrap()).unwrap();
    let mut rest = Vec::new();
    client.stream.read_to_end(&mut rest).await.unwrap();
    assert!(!rest.is_empty() && rest.len() < length, "{} of {length} bytes", rest.len());
    let mut client = Client::connect(&broker.bootstrap()).await;
    assert_eq!(end(&mut client, &topic, 0).await, (0, 1));
    broker.stop().await;
}

#[tokio::test]
async fn a_stalled_request_is_answered_when_it_is_let_go() {
    let (broker, mut client) = start().await;
    let topic = client.create("stalled", 1).await;
    for (action, applied) in [(FaultAction::Stall, 0), (FaultAction::ApplyThenStall, 2)] {
        broker.faults().add(Fault::on(Api::Produce, action).client("conformance"));
        client.write(13, &produce_request(13, -1, &topic, 0, values())).await;
        let hit = broker.faults().hit().await;
        assert_eq!((hit.api, hit.node, hit.client_id.as_str(), hit.action), (Api::Produce, 1, "conformance", action));
        // Others are served in the meantime.
        let mut other = Client::connect(&broker.bootstrap()).await;
        while end(&mut other, &topic, 0).await != (0, applied) {
            tokio::task::yield_now().await;
        }
        broker.faults().release();
        let response = client.read::<ProduceRequest>(13).await.unwrap();
        assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    }
    assert_eq!(broker.faults().history().len(), 2);
    broker.stop().await;
}

#[tokio::test]
async fn an_error_goes_to_the_partition_it_is_meant_for() {
    let (broker, mut client) = start().await;
    let topic = client.create("placed", 2).await;
    let fault = |api, action| Fault::on(api, action).partition(&topic.name, 1);
    broker.faults().add(fault(Api::Produce, FaultAction::Error(NOT_LEADER)));
    broker.faults().add(fault(Api::ListOffsets, FaultAction::Error(NOT_LEADER)));
    broker.faults().add(fault(Api::Fetch, FaultAction::Error(NOT_LEADER)));
    assert_eq!(client.produce(&topic, 0, values()).await.error_code, 0);
    assert_eq!(end(&mut client, &topic, 0).await, (0, 1));
    let request = produce_request(13, -1, &topic, 1, values());
    let response = client.send(13, &request).await;
    assert_eq!(response.responses[0].partition_responses[0].error_code, NOT_LEADER);
    assert_eq!(response.node_endpoints[0].port as u16, broker.port());
    assert_eq!(end(&mut client, &topic, 1).await, (NOT_LEADER, -1));
    assert_eq!(end(&mut client, &topic, 1).await, (0, 0), "nothing was stored");
    let request = fetch_request(17, &topic, &[(0, 0, 1 << 20), (1, 0, 1 << 20)]).with_max_wait_ms(60_000);
    let response = client.send(17, &request).await;
    let errors: Vec<_> = response.responses[0].partitions.iter().map(|one| one.error_code).collect();
    assert_eq!(errors, [0, NOT_LEADER], "and a fetch with an error is not parked");
    assert_eq!(broker.faults().pending(), 0);
    broker.stop().await;
}

#[tokio::test]
async fn a_fault_finds_the_partitions_that_a_fetch_session_remembers() {
    let (broker, mut client) = start().await;
    let topic = client.create("remembered", 1).await;
    let request = fetch_request(17, &topic, &[(0, 0, 1 << 20)]).with_session_epoch(0).with_max_wait_ms(0);
    let session = client.send(17, &request).await.session_id;
    broker.faults().add(Fault::on(Api::Fetch, FaultAction::Error(NOT_LEADER)).partition(&topic.name, 0));
    let next = FetchRequest::default().with_session_id(session).with_session_epoch(1).with_max_bytes(1 << 20);
    let response = client.send(17, &next.clone().with_max_wait_ms(60_000)).await;
    assert_eq!(response.responses[0].partitions[0].error_code, NOT_LEADER);
    broker.faults().next(Api::Fetch, 1, FaultAction::Error(ResponseError::FetchSessionIdNotFound.code()));
    let response = client.send(17, &next.with_session_epoch(2)).await;
    assert_eq!(response.error_code, ResponseError::FetchSessionIdNotFound.code(), "sessions fail as a whole");
    broker.stop().await;
}

#[tokio::test]
async fn an_error_may_come_although_the_request_took_effect() {
    let (broker, mut client) = start().await;
    let topic = client.create("after", 1).await;
    let timed_out = ResponseError::RequestTimedOut.code();
    broker.faults().next(Api::Produce, 1, FaultAction::ApplyThenError(timed_out));
    assert_eq!(client.produce(&topic, 0, values()).await.error_code, timed_out);
    assert_eq!(end(&mut client, &topic, 0).await, (0, 1));
    broker.stop().await;
}

#[tokio::test]
async fn metadata_can_ask_for_a_rebootstrap() {
    let (broker, mut client) = start().await;
    let code = ResponseError::RebootstrapRequired.code();
    broker.faults().next(Api::Metadata, 1, FaultAction::Error(code));
    let response = client.send(13, &MetadataRequest::default().with_topics(None)).await;
    assert_eq!((response.error_code, response.brokers.len()), (code, 0));
    broker.faults().add(Fault::on(Api::Metadata, FaultAction::Error(5)).topic("nowhere"));
    let wanted = MetadataRequestTopic::default().with_name(Some(topic_name("nowhere")));
    let response = client.send(13, &MetadataRequest::default().with_topics(Some(vec![wanted]))).await;
    assert_eq!((response.brokers.len(), response.topics[0].error_code), (1, 5));
    broker.stop().await;
}

#[tokio::test]
async fn every_api_has_a_place_for_an_error() {
    let (broker, mut client) = start().await;
    let code = ResponseError::ClusterAuthorizationFailed.code();
    macro_rules! refused {
        ($($version:literal $request:expr => $code:expr;)*) => {$({
            broker.faults().add(Fault::on_any(FaultAction::Error(code)));
            let response = client.send($version, &$request).await;
            let place: fn(_) -> i16 = $code;
            assert_eq!(place(response), code, "{}", stringify!($request));
        })*};
    }
    let id = || GroupId(text("g"));
    refused! {
        4 ApiVersionsRequest::default() => |one: ApiVersionsResponse| one.error_code;
        1 DescribeClusterRequest::default() => |one: DescribeClusterResponse| one.error_code;
        5 InitProducerIdRequest::default() => |one: InitProducerIdResponse| one.error_code;
        9 JoinGroupRequest::default() => |one: JoinGroupResponse| one.error_code;
        3 SyncGroupRequest::default() => |one: SyncGroupResponse| one.error_code;
        4 HeartbeatRequest::default() => |one: HeartbeatResponse| one.error_code;
        5 LeaveGroupRequest::default() => |one: LeaveGroupResponse| one.error_code;
        5 OffsetFetchRequest::default() => |one: OffsetFetchResponse| one.error_code;
        0 OffsetDeleteRequest::default() => |one: OffsetDeleteResponse| one.error_code;
        5 ListGroupsRequest::default() => |one: ListGroupsResponse| one.error_code;
        3 FindCoordinatorRequest::default() => |one: FindCoordinatorResponse| one.error_code;
        4 FindCoordinatorRequest::default().with_coordinator_keys(vec![text("g")])
            => |one: FindCoordinatorResponse| one.coordinators[0].error_code;
        6 DescribeGroupsRequest::default().with_groups(vec![id()]) => |one: DescribeGroupsResponse| one.groups[0].error_code;
        2 DeleteGroupsRequest::default().with_groups_names(vec![id()]) => |one: DeleteGroupsResponse| one.results[0].error_code;
        5 DeleteTopicsRequest::default().with_topic_names(vec![topic_name("t")])
            => |one: DeleteTopicsResponse| one.responses[0].error_code;
        7 CreateTopicsRequest::default().with_topics(vec![Default::default()])
            => |one: CreateTopicsResponse| one.topics[0].error_code;
        3 CreatePartitionsRequest::default().with_topics(vec![Default::default()])
            => |one: CreatePartitionsResponse| one.results[0].error_code;
        4 DescribeConfigsRequest::default().with_resources(vec![Default::default()])
            => |one: DescribeConfigsResponse| one.results[0].error_code;
        2 AlterConfigsRequest::default().with_resources(vec![Default::default()])
            => |one: AlterConfigsResponse| one.responses[0].error_code;
        1 IncrementalAlterConfigsRequest::default().with_resources(vec![Default::default()])
            => |one: IncrementalAlterConfigsResponse| one.responses[0].error_code;
        0 DescribeTopicPartitionsRequest::default().with_topics(vec![Default::default()])
            => |one: DescribeTopicPartitionsResponse| one.topics[0].error_code;
    }
    broker.stop().await;
}

#[tokio::test]
async fn a_throttled_client_is_told_and_its_connection_is_not_read() {
    let (broker, mut client) = start().await;
    let time = Duration::from_millis(300);
    for api in [Api::Metadata, Api::Produce, Api::ApiVersions] {
        broker.faults().next(api, 1, FaultAction::Throttle(time));
    }
    let topic = client.create("throttled", 1).await;
    // The creation asked for metadata, so that fault is gone by now.
    assert_eq!(broker.faults().pending(), 2);
    let response = client.send(13, &produce_request(13, -1, &topic, 0, values())).await;
    let begun = Instant::now();
    assert_eq!(response.throttle_time_ms, 300);
    assert_eq!(end(&mut client, &topic, 0).await, (0, 1));
    assert!(begun.elapsed() > time / 2, "the next request was read after {:?}", begun.elapsed());
    let request = ApiVersionsRequest::default().with_client_software_name(text("t"));
    let response = client.send(4, &request.with_client_software_version(text("1"))).await;
    assert_eq!(response.throttle_time_ms, 300);
    broker.stop().await;
}

#[tokio::test]
async fn quotas_throttle_producers_and_give_consumers_nothing_until_they_fit() {
    let (broker, mut client) = start().await;
    let topic = client.create("quota", 1).await;
    let large = batch(&["x".repeat(20_000).as_str()], Compression::None);
    broker.set_quota(Quota::Produce, Some("conformance"), Some(1_950.0));
    let response = client.send(13, &produce_request(13, -1, &topic, 0, large)).await;
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0, "over the quota is not an error");
    assert!((200..2_000).contains(&response.throttle_time_ms), "{} ms", response.throttle_time_ms);

    broker.set_quota(Quota::Consume, None, Some(1_900.0));
    let mut other = Client::connect(&broker.bootstrap()).await;
    let response = other.send(17, &fetch_request(17, &topic, &[(0, 0, 1 << 20)])).await;
    assert!(response.throttle_time_ms > 0 && response.responses.is_empty(), "{response:?}");
    broker.set_quota(Quota::Consume, None, None);
    let response = other.send(17, &fetch_request(17, &topic, &[(0, 0, 1 << 20)])).await;
    assert_eq!((response.throttle_time_ms, response.responses.len()), (0, 1));
    broker.set_quota(Quota::Request, None, Some(0.000_001));
    let response = other.send(13, &MetadataRequest::default().with_topics(None)).await;
    assert!((1..=1000).contains(&response.throttle_time_ms), "{} ms", response.throttle_time_ms);
    broker.stop().await;
}

#[tokio::test]
async fn a_plan_hits_the_same_requests_again_from_the_same_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let (broker, mut client) = start().await;
        let topic = client.create("plan", 1).await;
        let actions = [FaultAction::Error(NOT_LEADER), FaultAction::ApplyThenError(7)];
        broker.faults().follow(FaultPlan::from_seed(42).chance(0.4).apis(&[Api::Produce]).actions(&actions).at_most(9));
        let mut errors = Vec::new();
        for _ in 0..40 {
            errors.push(client.produce(&topic, 0, values()).await.error_code);
        }
        assert_eq!(broker.faults().history().len(), 9);
        runs.push(errors);
        broker.stop().await;
    }
    assert_eq!(runs[0], runs[1]);
    assert_eq!(runs[0].iter().filter(|code| **code != 0).count(), 9);
}
