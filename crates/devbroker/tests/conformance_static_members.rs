//! Static group members (KIP-345), as every Kafka broker treats them.
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
use common::transactional::find;
use common::*;
use kafka_protocol::ResponseError as E;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    DescribeGroupsRequest, GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    OffsetCommitRequest, SyncGroupRequest,
};

fn group_id(group: &str) -> GroupId {
    GroupId(text(group))
}

/// Of a type of its own: what members of `consumer` groups say, the real broker reads, and these texts are nothing it could read.
fn join(group: &str, member: &str, instance: &str, metadata: &'static str) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default().with_name(text("p")).with_metadata(Bytes::from(metadata));
    JoinGroupRequest::default()
        .with_group_id(group_id(group))
        .with_session_timeout_ms(30_000)
        .with_rebalance_timeout_ms(20_000)
        .with_member_id(text(member))
        .with_group_instance_id(Some(text(instance)))
        .with_protocol_type(text("plain"))
        .with_protocols(vec![protocol])
}

fn sync(
    group: &str,
    joined: &JoinGroupResponse,
    instance: &str,
    assignments: &[(&str, &'static str)],
) -> SyncGroupRequest {
    SyncGroupRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_group_instance_id(Some(text(instance)))
        .with_protocol_type(Some(text("plain")))
        .with_protocol_name(Some(text("p")))
        .with_assignments(
            assignments
                .iter()
                .map(|(member, data)| {
                    SyncGroupRequestAssignment::default()
                        .with_member_id(text(member))
                        .with_assignment(Bytes::from(*data))
                })
                .collect(),
        )
}

async fn beat(client: &mut Client, group: &str, member: &str, instance: &str, generation: i32) -> i16 {
    let request = HeartbeatRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id(generation)
        .with_member_id(text(member))
        .with_group_instance_id(Some(text(instance)));
    client.send(4, &request).await.error_code
}

async fn leave(client: &mut Client, group: &str, member: &str, instance: Option<&str>) -> i16 {
    let member = MemberIdentity::default().with_member_id(text(member)).with_group_instance_id(instance.map(text));
    let request = LeaveGroupRequest::default().with_group_id(group_id(group)).with_members(vec![member]);
    let answer = client.send(5, &request).await;
    assert_eq!(answer.error_code, 0);
    answer.members[0].error_code
}

/// A stable group of two static members, the first of which leads; their connections and joins.
async fn pair(target: &Target, group: &str) -> [(Client, JoinGroupResponse); 2] {
    let mut admin = target.client().await;
    find(&mut admin, group, 0).await;
    let mut one = target.client().await;
    let mut first = one.send(9, &join(group, "", "one", "m1")).await;
    for _ in 0..400 {
        if ![E::CoordinatorLoadInProgress.code(), E::NotCoordinator.code()].contains(&first.error_code) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        first = one.send(9, &join(group, "", "one", "m1")).await;
    }
    assert_eq!((first.error_code, first.generation_id), (0, 1), "no id has to be known first");
    assert!(first.member_id.starts_with("one-"), "{}", first.member_id);
    assert_eq!(first.members[0].group_instance_id.as_deref(), Some("one"));
    let member = first.member_id.to_string();
    assert_eq!(one.send(5, &sync(group, &first, "one", &[(&member, "all")])).await.error_code, 0);
    let mut two = target.client().await;
    two.write(9, &join(group, "", "two", "m2")).await;
    while beat(&mut one, group, &member, "one", 1).await == 0 {
        tokio::task::yield_now().await;
    }
    let first = one.send(9, &join(group, &member, "one", "m1")).await;
    let second = two.read::<JoinGroupRequest>(9).await.unwrap();
    assert_eq!((first.generation_id, second.generation_id, first.members.len()), (2, 2, 2));
    assert_eq!(first.leader, first.member_id);
    two.write(5, &sync(group, &second, "two", &[])).await;
    let assigned = [(first.member_id.as_str(), "a1"), (second.member_id.as_str(), "a2")];
    assert_eq!(one.send(5, &sync(group, &first, "one", &assigned)).await.assignment, Bytes::from("a1"));
    assert_eq!(two.read::<SyncGroupRequest>(5).await.unwrap().assignment, Bytes::from("a2"));
    [(one, first), (two, second)]
}

#[tokio::test]
async fn a_member_that_comes_back_takes_its_place_without_a_rebalance() {
    let target = target().await;
    let group = unique("static");
    let [(mut one, first), (mut two, second)] = pair(&target, &group).await;
    let mut again = target.client().await;
    let back = again.send(9, &join(&group, "", "two", "m2")).await;
    assert_eq!((back.error_code, back.generation_id, back.skip_assignment), (0, 2, false));
    assert_ne!(back.member_id, second.member_id);
    assert_eq!((back.leader.clone(), back.members.len()), (first.member_id.clone(), 0));
    assert_eq!(beat(&mut one, &group, &first.member_id, "one", 2).await, 0);
    assert_eq!(beat(&mut two, &group, &second.member_id, "two", 2).await, E::FencedInstanceId.code());
    assert_eq!(beat(&mut again, &group, &back.member_id, "two", 2).await, 0);
    assert_eq!(beat(&mut again, &group, &back.member_id, "three", 2).await, E::UnknownMemberId.code());
    let synced = again.send(5, &sync(&group, &back, "two", &[])).await;
    assert_eq!((synced.error_code, synced.assignment), (0, Bytes::from("a2")));
    assert_eq!(two.send(5, &sync(&group, &second, "two", &[])).await.error_code, E::FencedInstanceId.code());
    let fenced = two.send(9, &join(&group, &second.member_id, "two", "m2")).await;
    assert_eq!(fenced.error_code, E::FencedInstanceId.code());
    assert_eq!(leave(&mut two, &group, &second.member_id, Some("two")).await, E::FencedInstanceId.code());
    let described = one.send(5, &DescribeGroupsRequest::default().with_groups(vec![group_id(&group)])).await;
    let described = &described.groups[0];
    assert_eq!((described.group_state.as_str(), described.members.len()), ("Stable", 2));
    let mut instances: Vec<_> = described.members.iter().map(|one| one.group_instance_id.clone().unwrap()).collect();
    instances.sort();
    assert_eq!(instances, [text("one"), text("two")]);
}

#[tokio::test]
async fn a_leader_that_comes_back_is_told_that_the_assignment_stands() {
    let target = target().await;
    let group = unique("static");
    let [(_, first), (mut two, second)] = pair(&target, &group).await;
    let mut again = target.client().await;
    let back = again.send(9, &join(&group, "", "one", "m1")).await;
    assert_eq!((back.error_code, back.generation_id, back.skip_assignment), (0, 2, true));
    assert_eq!((back.leader.clone(), back.members.len()), (back.member_id.clone(), 2));
    let synced = again.send(5, &sync(&group, &back, "one", &[])).await;
    assert_eq!((synced.error_code, synced.assignment), (0, Bytes::from("a1")));
    // A client that cannot skip is told that somebody else leads.
    let older = again.send(8, &join(&group, "", "one", "m1")).await;
    assert_eq!((older.error_code, older.generation_id, older.members.len()), (0, 2, 0));
    assert_ne!(older.leader, older.member_id);
    assert_ne!(older.member_id, first.member_id);
    assert_eq!(beat(&mut two, &group, &second.member_id, "two", 2).await, 0);
}

#[tokio::test]
async fn a_member_that_comes_back_with_another_subscription() {
    let target = target().await;
    let group = unique("static");
    let [(mut one, first), _] = pair(&target, &group).await;
    let mut again = target.client().await;
    let back = again.send(9, &join(&group, "", "two", "other")).await;
    assert_eq!((back.error_code, back.generation_id), (0, 2));
    assert_eq!(beat(&mut one, &group, &first.member_id, "one", 2).await, 0);
    // It has its way when it joins again under its id.
    again.write(9, &join(&group, &back.member_id, "two", "another")).await;
    while beat(&mut one, &group, &first.member_id, "one", 2).await == 0 {
        tokio::task::yield_now().await;
    }
    let joined = one.send(9, &join(&group, &first.member_id, "one", "m1")).await;
    assert_eq!((joined.error_code, joined.generation_id, joined.members.len()), (0, 3, 2));
    assert_eq!(again.read::<JoinGroupRequest>(9).await.unwrap().generation_id, 3);
}

#[tokio::test]
async fn static_members_are_removed_by_their_instance_ids() {
    let target = target().await;
    let group = unique("static");
    let [(mut one, first), (_, second)] = pair(&target, &group).await;
    assert_eq!(leave(&mut one, &group, "", Some("nobody")).await, E::UnknownMemberId.code());
    assert_eq!(leave(&mut one, &group, &first.member_id, Some("two")).await, E::FencedInstanceId.code());
    assert_eq!(leave(&mut one, &group, "", Some("two")).await, 0);
    assert_eq!(leave(&mut one, &group, &second.member_id, Some("two")).await, E::UnknownMemberId.code());
    assert_eq!(beat(&mut one, &group, &first.member_id, "one", 2).await, E::RebalanceInProgress.code());
    let alone = one.send(9, &join(&group, &first.member_id, "one", "m1")).await;
    assert_eq!((alone.generation_id, alone.members.len()), (3, 1));
    // Without its instance id, by its member id.
    assert_eq!(leave(&mut one, &group, &first.member_id, None).await, 0);
}

#[tokio::test]
async fn a_fenced_member_commits_nothing() {
    let target = target().await;
    let group = unique("static");
    let [(mut one, first), _] = pair(&target, &group).await;
    let topic = one.create("static", 1).await;
    let mut again = target.client().await;
    let back = again.send(9, &join(&group, "", "one", "m1")).await;
    let commit = |member: &str, instance: Option<&str>, generation| {
        let one = OffsetCommitRequestPartition::default().with_committed_offset(3).with_committed_leader_epoch(0);
        OffsetCommitRequest::default()
            .with_group_id(group_id(&group))
            .with_member_id(text(member))
            .with_group_instance_id(instance.map(text))
            .with_generation_id_or_member_epoch(generation)
            .with_topics(vec![
                OffsetCommitRequestTopic::default().with_name(topic_name(&topic.name)).with_partitions(vec![one]),
            ])
    };
    let mut result =
        async |request: OffsetCommitRequest| one.send(9, &request).await.topics[0].partitions[0].error_code;
    assert_eq!(result(commit(&first.member_id, Some("one"), 2)).await, E::FencedInstanceId.code());
    assert_eq!(result(commit(&first.member_id, None, 2)).await, E::UnknownMemberId.code());
    assert_eq!(result(commit(&back.member_id, Some("one"), 1)).await, E::IllegalGeneration.code());
    assert_eq!(result(commit(&back.member_id, Some("one"), 2)).await, 0);
}
