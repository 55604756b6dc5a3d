//! Group membership and committed offsets, as every Kafka broker answers them.
//!
//! Runs against an embedded broker, or against the real one that `MILENA_TEST_BOOTSTRAP` names: both must pass.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use bytes::Bytes;
use common::*;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::*;
use std::time::Duration;

fn code(error: ResponseError) -> i16 {
    error.code()
}

fn group_id(group: &str) -> GroupId {
    GroupId(text(group))
}

/// A real broker needs a moment until the coordinator of a new group is ready.
async fn find_coordinator(client: &mut Client, group: &str) {
    for _ in 0..400 {
        let request = FindCoordinatorRequest::default().with_key_type(0).with_coordinator_keys(vec![text(group)]);
        let found = client.send(4, &request).await;
        let beat = client.send(4, &beat(group, "nobody", 1)).await;
        let loading = [ResponseError::CoordinatorLoadInProgress, ResponseError::NotCoordinator].map(code);
        if found.coordinators[0].error_code == 0 && !loading.contains(&beat.error_code) {
            assert!(found.coordinators[0].port > 0);
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("no coordinator");
}

fn join_request(group: &str, member: &str) -> JoinGroupRequest {
    JoinGroupRequest::default()
        .with_group_id(group_id(group))
        .with_session_timeout_ms(6000)
        .with_rebalance_timeout_ms(20_000)
        .with_member_id(text(member))
        .with_protocol_type(text("connect"))
        .with_protocols(vec![
            JoinGroupRequestProtocol::default()
                .with_name(text("sessioned"))
                .with_metadata(Bytes::from(format!("m-{member}"))),
            JoinGroupRequestProtocol::default().with_name(text("default")).with_metadata(Bytes::from_static(b"old")),
        ])
}

fn sync_request(group: &str, member: &str, generation: i32, assignments: &[(&str, &str)]) -> SyncGroupRequest {
    SyncGroupRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id(generation)
        .with_member_id(text(member))
        .with_protocol_type(Some(text("connect")))
        .with_protocol_name(Some(text("sessioned")))
        .with_assignments(
            assignments
                .iter()
                .map(|(member, data)| {
                    SyncGroupRequestAssignment::default()
                        .with_member_id(text(member))
                        .with_assignment(Bytes::from((*data).to_owned()))
                })
                .collect(),
        )
}

fn beat(group: &str, member: &str, generation: i32) -> HeartbeatRequest {
    HeartbeatRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id(generation)
        .with_member_id(text(member))
}

fn leave(group: &str, member: &str) -> LeaveGroupRequest {
    LeaveGroupRequest::default()
        .with_group_id(group_id(group))
        .with_members(vec![MemberIdentity::default().with_member_id(text(member))])
}

/// A member's own connection and id; its first join was answered with the id only.
async fn new_member(target: &Target, group: &str) -> (Client, String) {
    let mut client = target.client().await;
    let answer = client.send(9, &join_request(group, "")).await;
    assert_eq!(answer.error_code, code(ResponseError::MemberIdRequired));
    assert!(answer.member_id.starts_with("conformance-"), "{}", answer.member_id);
    (client, answer.member_id.to_string())
}

#[tokio::test]
async fn members_join_sync_beat_rebalance_and_leave() {
    let target = target().await;
    let group = unique("group");
    let mut admin = target.client().await;
    find_coordinator(&mut admin, &group).await;

    let (mut one, first) = new_member(&target, &group).await;
    let joined = one.send(9, &join_request(&group, &first)).await;
    assert_eq!((joined.error_code, joined.generation_id, joined.leader.to_string()), (0, 1, first.clone()));
    assert_eq!(joined.protocol_name.unwrap().to_string(), "sessioned");
    assert_eq!(joined.members.len(), 1);
    assert_eq!(joined.members[0].metadata, Bytes::from(format!("m-{first}")));
    let synced = one.send(5, &sync_request(&group, &first, 1, &[(&first, "everything")])).await;
    assert_eq!((synced.error_code, synced.assignment), (0, Bytes::from_static(b"everything")));
    assert_eq!(one.send(4, &beat(&group, &first, 1)).await.error_code, 0);
    assert_eq!(one.send(4, &beat(&group, &first, 7)).await.error_code, code(ResponseError::IllegalGeneration));
    assert_eq!(one.send(4, &beat(&group, "x", 1)).await.error_code, code(ResponseError::UnknownMemberId));

    let described =
        admin.send(5, &DescribeGroupsRequest::default().with_groups(vec![group_id(&group)])).await.groups.remove(0);
    assert_eq!(
        (described.group_state.as_str(), described.protocol_type.as_str(), described.protocol_data.as_str()),
        ("Stable", "connect", "sessioned")
    );
    assert_eq!(described.members[0].member_assignment, Bytes::from_static(b"everything"));
    assert_eq!(described.members[0].client_id.as_str(), "conformance");

    let (mut two, second) = new_member(&target, &group).await;
    two.write(9, &join_request(&group, &second)).await;
    let mut beats = 0;
    while one.send(4, &beat(&group, &first, 1)).await.error_code == 0 {
        beats += 1;
        assert!(beats < 500, "no rebalance");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let first_joined = one.send(9, &join_request(&group, &first)).await;
    let second_joined = two.read::<JoinGroupRequest>(9).await.unwrap();
    assert_eq!((first_joined.generation_id, first_joined.members.len()), (2, 2));
    assert_eq!((second_joined.generation_id, second_joined.members.len()), (2, 0));
    assert_eq!(second_joined.leader.to_string(), first);
    two.write(5, &sync_request(&group, &second, 2, &[])).await;
    let led = one.send(5, &sync_request(&group, &first, 2, &[(&first, "a"), (&second, "b")])).await;
    let followed = two.read::<SyncGroupRequest>(5).await.unwrap();
    assert_eq!((led.assignment, followed.assignment), (Bytes::from_static(b"a"), Bytes::from_static(b"b")));

    let left = one.send(5, &leave(&group, &first)).await;
    assert_eq!((left.error_code, left.members[0].error_code), (0, 0));
    assert_eq!(two.send(4, &beat(&group, &second, 2)).await.error_code, code(ResponseError::RebalanceInProgress));
    let alone = two.send(9, &join_request(&group, &second)).await;
    assert_eq!((alone.generation_id, alone.leader.to_string()), (3, second.clone()));
    let left = two.send(5, &leave(&group, "stranger")).await;
    assert_eq!(left.members[0].error_code, code(ResponseError::UnknownMemberId));
    two.send(5, &leave(&group, &second)).await;
    let listed = admin.send(4, &ListGroupsRequest::default().with_states_filter(vec![text("Empty")])).await;
    let listed = listed.groups.iter().find(|one| one.group_id == group_id(&group)).unwrap();
    assert_eq!((listed.group_state.as_str(), listed.protocol_type.as_str()), ("Empty", "connect"));
}

#[tokio::test]
async fn a_silent_members_session_ends() {
    let target = target().await;
    let group = unique("silent");
    let mut admin = target.client().await;
    find_coordinator(&mut admin, &group).await;
    let (mut one, first) = new_member(&target, &group).await;
    one.send(9, &join_request(&group, &first)).await;
    one.send(5, &sync_request(&group, &first, 1, &[])).await;
    let (mut two, second) = new_member(&target, &group).await;
    let started = std::time::Instant::now();
    let joined = two.send(9, &join_request(&group, &second)).await;
    assert!((4..12).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    assert_eq!((joined.generation_id, joined.members.len()), (2, 1));
    assert_eq!(one.send(4, &beat(&group, &first, 1)).await.error_code, code(ResponseError::UnknownMemberId));
}

#[tokio::test]
async fn joins_that_do_not_fit_are_refused() {
    let target = target().await;
    let group = unique("refused");
    let mut client = target.client().await;
    find_coordinator(&mut client, &group).await;
    let (mut one, first) = new_member(&target, &group).await;
    one.send(9, &join_request(&group, &first)).await;
    let mut refused = async |request: JoinGroupRequest| client.send(9, &request).await.error_code;
    let other = join_request(&group, "").with_protocol_type(text("consumer"));
    assert_eq!(refused(other).await, code(ResponseError::InconsistentGroupProtocol));
    let mut other = join_request(&group, "");
    other.protocols = vec![JoinGroupRequestProtocol::default().with_name(text("unheard"))];
    assert_eq!(refused(other).await, code(ResponseError::InconsistentGroupProtocol));
    let short = join_request(&group, "").with_session_timeout_ms(10);
    assert_eq!(refused(short).await, code(ResponseError::InvalidSessionTimeout));
    assert_eq!(refused(join_request("", "")).await, code(ResponseError::InvalidGroupId));
    assert_eq!(refused(join_request(&group, "ghost")).await, code(ResponseError::UnknownMemberId));
}

#[tokio::test]
async fn old_versions_join_without_an_id_first() {
    let target = target().await;
    let group = unique("old");
    let mut client = target.client().await;
    find_coordinator(&mut client, &group).await;
    for version in 0..=3 {
        let joined = client.send(version, &join_request(&group, "")).await;
        assert_eq!(joined.error_code, 0, "version {version}");
        let member = joined.member_id.to_string();
        let synced = client.send(0, &sync_request(&group, &member, joined.generation_id, &[(&member, "x")])).await;
        assert_eq!((synced.error_code, synced.assignment), (0, Bytes::from_static(b"x")));
        let leaving = LeaveGroupRequest::default().with_group_id(group_id(&group)).with_member_id(text(&member));
        assert_eq!(client.send(0, &leaving).await.error_code, 0);
    }
}

fn commit(group: &str, member: &str, generation: i32, topic: &str, partition: i32, offset: i64) -> OffsetCommitRequest {
    let one = OffsetCommitRequestPartition::default()
        .with_partition_index(partition)
        .with_committed_offset(offset)
        .with_committed_metadata(Some(text("note")));
    OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id_or_member_epoch(generation)
        .with_member_id(text(member))
        .with_topics(vec![OffsetCommitRequestTopic::default().with_name(topic_name(topic)).with_partitions(vec![one])])
}

async fn committed(client: &mut Client, group: &str, topic: &str) -> Vec<(i32, i64)> {
    let wanted = OffsetFetchRequestTopics::default().with_name(topic_name(topic)).with_partition_indexes(vec![0, 1]);
    let request = OffsetFetchRequest::default().with_groups(vec![
        OffsetFetchRequestGroup::default().with_group_id(group_id(group)).with_topics(Some(vec![wanted])),
    ]);
    let response = client.send(8, &request).await;
    assert_eq!(response.groups[0].error_code, 0);
    response.groups[0].topics[0].partitions.iter().map(|one| (one.partition_index, one.committed_offset)).collect()
}

#[tokio::test]
async fn offsets_are_committed_fetched_and_deleted() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("offsets", 2).await;
    let group = unique("offsets");
    find_coordinator(&mut client, &group).await;
    assert_eq!(committed(&mut client, &group, &topic.name).await, [(0, -1), (1, -1)]);
    for version in 2..=9 {
        let offset = i64::from(version) * 10;
        let response = client.send(version, &commit(&group, "", -1, &topic.name, 1, offset)).await;
        assert_eq!(response.topics[0].partitions[0].error_code, 0, "version {version}");
        assert_eq!(committed(&mut client, &group, &topic.name).await, [(0, -1), (1, offset)]);
    }
    for version in 1..=7 {
        let wanted =
            OffsetFetchRequestTopic::default().with_name(topic_name(&topic.name)).with_partition_indexes(vec![1]);
        let request = OffsetFetchRequest::default().with_group_id(group_id(&group)).with_topics(Some(vec![wanted]));
        let response = client.send(version, &request).await;
        let found = &response.topics[0].partitions[0];
        assert_eq!((found.committed_offset, found.metadata.as_deref()), (90, Some("note")), "version {version}");
    }
    let all = OffsetFetchRequest::default()
        .with_groups(vec![OffsetFetchRequestGroup::default().with_group_id(group_id(&group)).with_topics(None)]);
    let response = client.send(9, &all).await;
    assert_eq!(response.groups[0].topics.len(), 1);
    assert_eq!(response.groups[0].topics[0].partitions.len(), 1);

    let response = client.send(8, &commit(&group, "", -1, &topic.name, 9, 1)).await;
    assert_eq!(response.topics[0].partitions[0].error_code, code(ResponseError::UnknownTopicOrPartition));
    let response = client.send(8, &commit(&group, "ghost", 4, &topic.name, 0, 1)).await;
    let refused = [ResponseError::IllegalGeneration, ResponseError::UnknownMemberId].map(code);
    assert!(refused.contains(&response.topics[0].partitions[0].error_code));

    let one = OffsetDeleteRequestPartition::default().with_partition_index(1);
    let request = OffsetDeleteRequest::default().with_group_id(group_id(&group)).with_topics(vec![
        OffsetDeleteRequestTopic::default().with_name(topic_name(&topic.name)).with_partitions(vec![one]),
    ]);
    let response = client.send(0, &request).await;
    assert_eq!((response.error_code, response.topics[0].partitions[0].error_code), (0, 0));
    assert_eq!(committed(&mut client, &group, &topic.name).await, [(0, -1), (1, -1)]);
    let unknown = request.with_group_id(group_id(&unique("none")));
    assert_eq!(client.send(0, &unknown).await.error_code, code(ResponseError::GroupIdNotFound));
}

#[tokio::test]
async fn members_commit_in_their_generation_and_only_empty_groups_are_deleted() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("member-offsets", 2).await;
    let group = unique("member-offsets");
    find_coordinator(&mut client, &group).await;
    let (mut one, first) = new_member(&target, &group).await;
    one.send(9, &join_request(&group, &first)).await;
    let mut result = async |member: &str, generation, offset| {
        let response = client.send(8, &commit(&group, member, generation, &topic.name, 0, offset)).await;
        response.topics[0].partitions[0].error_code
    };
    assert_eq!(result(&first, 1, 5).await, code(ResponseError::RebalanceInProgress));
    one.send(5, &sync_request(&group, &first, 1, &[])).await;
    assert_eq!(result(&first, 1, 6).await, 0);
    assert_eq!(result(&first, 2, 7).await, code(ResponseError::IllegalGeneration));
    assert_eq!(result("", -1, 8).await, code(ResponseError::UnknownMemberId));
    assert_eq!(committed(&mut one, &group, &topic.name).await[0], (0, 6));

    let delete = DeleteGroupsRequest::default().with_groups_names(vec![group_id(&group)]);
    assert_eq!(one.send(2, &delete).await.results[0].error_code, code(ResponseError::NonEmptyGroup));
    one.send(5, &leave(&group, &first)).await;
    assert_eq!(one.send(2, &delete).await.results[0].error_code, 0);
    assert_eq!(one.send(2, &delete).await.results[0].error_code, code(ResponseError::GroupIdNotFound));
    assert_eq!(committed(&mut one, &group, &topic.name).await[0], (0, -1));
    let described = one.send(5, &DescribeGroupsRequest::default().with_groups(vec![group_id(&group)])).await;
    assert_eq!(described.groups[0].group_state.as_str(), "Dead");
}
