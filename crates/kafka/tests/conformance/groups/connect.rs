//! `connect` groups: workers, of which one shares out.

use std::time::{Duration, Instant};

use bytes::Bytes;
use milena_kafka::config::AdminConfig;
use milena_kafka::group::{ConnectEvent, ConnectGeneration, ConnectGroup, ConnectMember, ConnectOffer};

use super::*;
use crate::support::rule;

fn worker(on: &Harness, group: &str) -> ConnectMember {
    let group = ConnectGroup {
        id: group.to_owned(),
        session_timeout: Duration::from_secs(6),
        rebalance_timeout: Duration::from_secs(5),
        heartbeat_interval: Duration::from_millis(100),
    };
    ConnectMember::start(AdminConfig::from_properties(&on.properties(&[])).unwrap(), &group).unwrap()
}

/// What a worker that answers everything has seen last.
#[derive(Default, Debug, Clone)]
struct Now {
    generation: Option<ConnectGeneration>,
    share: Bytes,
    peers: usize,
    lost: usize,
}

/// One event: offers its name under the usual protocols, and as the leader gives each worker what that worker told it.
async fn step(member: &mut ConnectMember, name: &str, now: &mut Now, protocols: &[&str]) {
    match member.poll(Duration::from_millis(20)).await {
        None => {}
        Some(ConnectEvent::Joining(reply)) => {
            let offer = |protocol: &&str| ConnectOffer {
                protocol: (*protocol).to_owned(),
                metadata: Bytes::from(format!("{name} as {protocol}")),
            };
            reply.join(protocols.iter().map(offer).collect());
        }
        Some(ConnectEvent::Leading { peers, reply, .. }) => {
            now.peers = peers.len();
            let share = |metadata: Bytes| Bytes::from([b"for ", &metadata[..]].concat());
            reply.share_out(peers.into_iter().map(|peer| (peer.member_id, share(peer.metadata))).collect());
        }
        Some(ConnectEvent::Joined { generation, share }) => {
            now.generation = Some(generation);
            now.share = share;
        }
        Some(ConnectEvent::Lost) => now.lost += 1,
        Some(ConnectEvent::Failed(error)) => panic!("{error}"),
    }
}

rule!(workers_exchange_what_they_have_to_say_through_their_leader: dev, real);
async fn workers_exchange_what_they_have_to_say_through_their_leader(on: Harness) {
    const ALL: [&str; 3] = ["sessioned", "compatible", "default"];
    let group = unique("connect");
    let (mut one, mut two) = (worker(&on, &group), worker(&on, &group));
    let (mut of_one, mut of_two) = (Now::default(), Now::default());
    let started = Instant::now();
    let together = |one: &Now, two: &Now| match (&one.generation, &two.generation) {
        (Some(one), Some(two)) => one.generation == two.generation && one.leader_id == two.leader_id,
        _ => false,
    };
    while !together(&of_one, &of_two) {
        assert!(started.elapsed() < PATIENCE, "{of_one:?} {of_two:?}");
        step(&mut one, "one", &mut of_one, &ALL).await;
        // The second knows the old protocols only.
        step(&mut two, "two", &mut of_two, &ALL[1..]).await;
    }
    let generation = of_one.generation.clone().unwrap();
    assert_eq!(generation.protocol, "compatible", "the best that both know");
    assert_eq!((&of_one.share[..], &of_two.share[..]), (&b"for one as compatible"[..], &b"for two as compatible"[..]));
    assert_eq!(of_one.peers.max(of_two.peers), 2);
    assert_ne!(one.member_id(), two.member_id());
    assert!(one.coordinator_is_known());

    // One asks for another rebalance.
    two.rejoin("the configuration has changed");
    while of_one.generation.as_ref().unwrap().generation == generation.generation || !together(&of_one, &of_two) {
        assert!(started.elapsed() < PATIENCE);
        step(&mut one, "one again", &mut of_one, &ALL).await;
        step(&mut two, "two again", &mut of_two, &ALL).await;
    }
    assert_eq!(of_two.generation.as_ref().unwrap().protocol, "sessioned");
    assert_eq!(&of_two.share[..], b"for two again as sessioned");
    assert_eq!((of_one.lost, of_two.lost), (0, 0));

    // One leaves in good order: the other hears of it long before a session times out.
    let left = Instant::now();
    let before = of_one.generation.as_ref().unwrap().generation;
    two.leave().await;
    while of_one.generation.as_ref().unwrap().generation == before {
        step(&mut one, "one", &mut of_one, &ALL).await;
    }
    assert!(left.elapsed() < Duration::from_secs(5));
    assert_eq!(of_one.peers, 1);

    // A worker that is not heard of leaves; when it is back, it is told that it has lost what it had.
    tokio::time::sleep(Duration::from_millis(5500)).await;
    while of_one.lost == 0 {
        assert!(started.elapsed() < PATIENCE);
        step(&mut one, "one", &mut of_one, &ALL).await;
    }
    let lost_at = of_one.generation.clone();
    while of_one.generation == lost_at {
        assert!(started.elapsed() < PATIENCE);
        step(&mut one, "one", &mut of_one, &ALL).await;
    }
    one.leave().await;
}
