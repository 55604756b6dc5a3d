//! The group state machine, driven through its coordinator.

use super::*;
use crate::config::DevBrokerConfig;
use crate::journal::Committed;
use bytes::Bytes;
use kafka_protocol::ResponseError;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

fn groups() -> Arc<Groups> {
    Arc::new(Groups::new(Arc::new(DevBrokerConfig::default()), Arc::default(), KeptGroups::default()))
}

fn joining(member: &str) -> Joining {
    Joining {
        group: "g".into(),
        member_id: member.into(),
        instance_id: None,
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout: Duration::from_secs(10),
        rebalance_timeout: Duration::from_secs(60),
        protocol_type: "connect".into(),
        protocols: vec![("p".into(), Bytes::from_static(b"m"))],
        needs_known_id: true,
        can_skip_assignment: true,
    }
}

/// A new member's id, and its parked join.
fn join(groups: &Groups) -> (String, Pending<JoinAnswer>) {
    let Pending::Now(first) = groups.join(joining("")) else { panic!("parked without an id") };
    assert_eq!(first.error, Some(ResponseError::MemberIdRequired));
    let parked = groups.join(joining(&first.member_id));
    (first.member_id, parked)
}

async fn answer<T>(pending: Pending<T>) -> T {
    match pending {
        Pending::Now(answer) => answer,
        Pending::Later(answer) => answer.await.unwrap(),
    }
}

fn parked<T: std::fmt::Debug>(pending: Pending<T>) -> oneshot::Receiver<T> {
    match pending {
        Pending::Later(mut receiver) => {
            assert!(receiver.try_recv().is_err(), "answered already");
            receiver
        }
        Pending::Now(answer) => panic!("answered at once: {answer:?}"),
    }
}

fn sync(groups: &Groups, member: &str, generation: i32, assignments: &[(&str, &'static [u8])]) -> Pending<SyncAnswer> {
    groups.sync(Syncing {
        group: "g".into(),
        member_id: member.into(),
        instance_id: None,
        generation,
        protocol_type: Some("connect".into()),
        protocol_name: Some("p".into()),
        assignments: assignments
            .iter()
            .map(|(id, data)| ((*id).to_owned(), Bytes::from_static(data)))
            .collect::<HashMap<_, _>>(),
    })
}

#[tokio::test]
async fn two_members_rebalance_and_each_gets_its_assignment() {
    let groups = groups();
    let (first, pending) = join(&groups);
    let joined = answer(pending).await;
    assert_eq!((joined.generation, joined.leader.as_str(), joined.members.len()), (1, first.as_str(), 1));
    let synced = answer(sync(&groups, &first, 1, &[(&first, b"all")])).await;
    assert_eq!(synced.assignment.as_ref(), b"all");
    assert_eq!(groups.heartbeat("g", &first, None, 1), Ok(()));

    let (second, second_join) = join(&groups);
    let second_join = parked(second_join);
    assert_eq!(groups.heartbeat("g", &first, None, 1), Err(ResponseError::RebalanceInProgress));
    let first_join = answer(groups.join(joining(&first))).await;
    let second_join = second_join.await.unwrap();
    assert_eq!((first_join.generation, first_join.members.len()), (2, 2));
    assert_eq!((second_join.generation, second_join.members.len()), (2, 0));

    let waiting = parked(sync(&groups, &second, 2, &[]));
    assert_eq!(answer(sync(&groups, &second, 1, &[])).await.error, Some(ResponseError::IllegalGeneration));
    let led = answer(sync(&groups, &first, 2, &[(&first, b"a"), (&second, b"b")])).await;
    assert_eq!(led.assignment.as_ref(), b"a");
    assert_eq!(waiting.await.unwrap().assignment.as_ref(), b"b");

    let leaving = Leaving { member_id: first.clone(), instance_id: None };
    assert_eq!(groups.leave("g", &[leaving]), [Ok(())]);
    assert_eq!(groups.heartbeat("g", &second, None, 2), Err(ResponseError::RebalanceInProgress));
    let alone = answer(groups.join(joining(&second))).await;
    assert_eq!((alone.generation, alone.leader.as_str()), (3, second.as_str()));
}

#[tokio::test(start_paused = true)]
async fn a_silent_member_is_removed_when_its_session_ends() {
    let groups = groups();
    let (_stop, stopping) = watch::channel(false);
    let timers = Arc::clone(&groups);
    let _timers = crate::spawn::spawn(async move { timers.run_timers(stopping).await });
    let (first, pending) = join(&groups);
    assert_eq!(answer(pending).await.generation, 1);
    answer(sync(&groups, &first, 1, &[])).await;
    let (second, second_join) = join(&groups);
    let second_join = parked(second_join);
    // The first never joins again: its session ends before the rebalance time-out does.
    let joined = tokio::time::timeout(Duration::from_secs(11), second_join).await.unwrap().unwrap();
    assert_eq!((joined.generation, joined.leader.as_str(), joined.members.len()), (2, second.as_str(), 1));
    assert_eq!(groups.heartbeat("g", &first, None, 1), Err(ResponseError::UnknownMemberId));
}

#[tokio::test(start_paused = true)]
async fn a_member_that_beats_but_does_not_join_is_removed_at_the_rebalance_timeout() {
    let groups = groups();
    let (_stop, stopping) = watch::channel(false);
    let timers = Arc::clone(&groups);
    let _timers = crate::spawn::spawn(async move { timers.run_timers(stopping).await });
    let (first, pending) = join(&groups);
    answer(pending).await;
    answer(sync(&groups, &first, 1, &[])).await;
    let (_, second_join) = join(&groups);
    let mut second_join = parked(second_join);
    let started = tokio::time::Instant::now();
    let joined = loop {
        tokio::select! {
            joined = &mut second_join => break joined.unwrap(),
            () = tokio::time::sleep(Duration::from_secs(3)) => {
                assert_eq!(groups.heartbeat("g", &first, None, 1), Err(ResponseError::RebalanceInProgress));
            }
        }
    };
    assert_eq!((joined.generation, joined.members.len()), (2, 1));
    assert!((59..=61).contains(&started.elapsed().as_secs()));
}

#[tokio::test]
async fn a_static_member_comes_back_without_a_rebalance_and_fences_its_former_self() {
    let groups = groups();
    let fixed = |member: &str| Joining { instance_id: Some("i".into()), ..joining(member) };
    let first = answer(groups.join(fixed(""))).await;
    assert_eq!(first.generation, 1);
    answer(groups.sync(Syncing {
        group: "g".into(),
        member_id: first.member_id.clone(),
        instance_id: Some("i".into()),
        generation: 1,
        protocol_type: None,
        protocol_name: None,
        assignments: HashMap::from([(first.member_id.clone(), Bytes::from_static(b"x"))]),
    }))
    .await;
    let back = answer(groups.join(fixed(""))).await;
    assert_eq!((back.error, back.generation, back.skip_assignment), (None, 1, true));
    assert_ne!(back.member_id, first.member_id);
    assert_eq!(groups.heartbeat("g", &first.member_id, Some("i"), 1), Err(ResponseError::FencedInstanceId));
    assert_eq!(groups.heartbeat("g", &back.member_id, Some("i"), 1), Ok(()));
    assert_eq!(answer(sync(&groups, &back.member_id, 1, &[])).await.assignment.as_ref(), b"x");
}

#[tokio::test]
async fn other_protocols_and_bad_requests_are_refused() {
    let groups = groups();
    let (_, pending) = join(&groups);
    answer(pending).await;
    let refused = |request| async { answer(groups.join(request)).await.error };
    let other = Joining { protocol_type: "consumer".into(), ..joining("") };
    assert_eq!(refused(other).await, Some(ResponseError::InconsistentGroupProtocol));
    let short = Joining { session_timeout: Duration::from_millis(1), ..joining("") };
    assert_eq!(refused(short).await, Some(ResponseError::InvalidSessionTimeout));
    let unnamed = Joining { group: String::new(), ..joining("") };
    assert_eq!(refused(unnamed).await, Some(ResponseError::InvalidGroupId));
    assert_eq!(refused(joining("nobody")).await, Some(ResponseError::UnknownMemberId));
}

fn committed(offset: i64) -> Vec<((String, i32), Committed)> {
    vec![(("t".into(), 0), Committed { offset, leader_epoch: -1, metadata: String::new() })]
}

#[tokio::test]
async fn only_the_current_generation_commits() {
    let groups = groups();
    let by = |member_id, generation| CommitBy {
        member_id,
        instance_id: None,
        generation,
        knows_missing_groups: false,
        transactional: false,
    };
    assert_eq!(groups.commit("g", by("x", 3), committed(1)), Err(ResponseError::IllegalGeneration));
    assert!(groups.all().is_empty(), "a refused commit makes no group");
    assert_eq!(groups.commit("g", by("", -1), committed(5)), Ok(()));

    let (id, pending) = join(&groups);
    answer(pending).await;
    assert_eq!(groups.commit("g", by(&id, 1), committed(6)), Err(ResponseError::RebalanceInProgress));
    answer(sync(&groups, &id, 1, &[])).await;
    assert_eq!(groups.commit("g", by(&id, 1), committed(7)), Ok(()));
    assert_eq!(groups.commit("g", by(&id, 0), committed(8)), Err(ResponseError::IllegalGeneration));
    assert_eq!(groups.commit("g", by("", -1), committed(9)), Err(ResponseError::UnknownMemberId));
    assert_eq!(groups.with("g", |group| group.offsets[&("t".to_owned(), 0)].offset), Some(7));

    assert_eq!(groups.delete("g"), Err(ResponseError::NonEmptyGroup));
    assert_eq!(groups.leave("g", &[Leaving { member_id: id, instance_id: None }]), [Ok(())]);
    assert_eq!(groups.delete("g"), Ok(()));
    assert_eq!(groups.delete("g"), Err(ResponseError::GroupIdNotFound));
}
