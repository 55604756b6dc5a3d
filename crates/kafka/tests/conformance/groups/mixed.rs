//! Java's consumers and ours in one group: nothing is lost, and nothing is read twice where everyone leaves in good order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use milena_kafka::consumer::Polled;
use tokio::sync::watch;

use super::*;
use crate::support::{JavaProgram, rule};

const PARTITIONS: i32 = 6;
const RANGE: &str = "org.apache.kafka.clients.consumer.RangeAssignor";
const STICKY: &str = "org.apache.kafka.clients.consumer.StickyAssignor";
const COOPERATIVE_STICKY: &str = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor";

/// How often each record was read.
type Seen = Arc<Mutex<BTreeMap<(i32, i64), u32>>>;

/// One of our members, on a runtime of its own that can be stopped dead.
struct Ours {
    runtime: Option<tokio::runtime::Runtime>,
    stop: watch::Sender<bool>,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Ours {
    fn start(on: &Harness, group: &str, topic: &str, strategy: &str, seen: &Seen) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (stop, stopped) = watch::channel(false);
        let mut consumer = {
            let _inside = runtime.enter();
            member(on, group, &[("partition.assignment.strategy", strategy), ("heartbeat.interval.ms", "200")])
        };
        consumer.subscribe(topics(topic));
        let seen = Arc::clone(seen);
        let task = runtime.spawn(async move {
            let mut done: BTreeMap<TopicPartition, OffsetAndMetadata> = BTreeMap::new();
            while !*stopped.borrow() {
                match consumer.poll(Duration::from_millis(50)).await.unwrap() {
                    Polled::Records(batches) => {
                        for batch in batches {
                            let here = at(&batch.topic, batch.partition);
                            for view in batch.records() {
                                *seen.lock().unwrap().entry((batch.partition, view.offset)).or_default() += 1;
                                done.insert(here.clone(), OffsetAndMetadata::new(view.offset + 1));
                            }
                        }
                        drop(consumer.commit_async(&done));
                    }
                    Polled::Revoking(partitions) => {
                        let theirs = done.extract_if(.., |here, _| partitions.contains(here)).collect();
                        consumer.commit_sync(&theirs).await.unwrap();
                    }
                    Polled::Lost(partitions) => done.retain(|here, _| !partitions.contains(here)),
                    Polled::Assigned(_) | Polled::Woken | Polled::Empty => {}
                }
            }
            consumer.commit_sync(&done).await.unwrap();
            consumer.close(PATIENCE).await;
        });
        Self { runtime: Some(runtime), stop, task: Some(task) }
    }

    async fn leave(mut self) {
        self.stop.send(true).unwrap();
        self.task.take().unwrap().await.unwrap();
        self.kill();
    }

    /// Everything stops at once, without a word to the coordinator.
    fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.kill();
    }
}

fn take_down(lines: Vec<String>, seen: &Seen) {
    let mut seen = seen.lock().unwrap();
    for line in lines {
        if let ["read", partition, offset] = line.split(' ').collect::<Vec<_>>().as_slice() {
            *seen.entry((partition.parse().unwrap(), offset.parse().unwrap())).or_default() += 1;
        }
    }
}

/// A group of two of each kind while records keep coming: all leave and come back in good order, and are killed too if `kill` says so.
async fn mixed(on: &Harness, strategy: &str, kill: bool, pace: Duration) {
    let (topic, group) = (on.topic(PARTITIONS, &[]).await, unique("mixed"));
    let seen = Seen::default();
    let (produced_all, mut produced) = watch::channel(0u32);
    let writing = {
        let (topic, writer, stop) = (topic.clone(), on.producer(&[("linger.ms", "0")]), produced_all.subscribe());
        let (producer, mut completions) = writer;
        tokio::spawn(async move {
            let mut next = 0;
            // Until somebody says that it is enough.
            while *stop.borrow() == 0 {
                for partition in 0..PARTITIONS {
                    produce(&producer, &mut completions, &topic, partition, next..next + 5).await;
                }
                next += 5;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            producer.close(PATIENCE).await.unwrap();
            i64::from(next)
        })
    };
    let java = |name: &'static str| {
        let (bootstrap, group, topic, strategy) =
            (on.bootstrap().to_owned(), group.clone(), topic.clone(), strategy.to_owned());
        async move {
            let start = move || JavaProgram::start(name, &[&bootstrap, &group, &topic, &strategy]);
            tokio::task::spawn_blocking(start).await.unwrap()
        }
    };
    let ours = || Ours::start(on, &group, &topic, strategy, &seen);
    // Long enough for a rebalance to be over, or under way.
    let wait = || tokio::time::sleep(pace);

    let first = ours();
    let mut java_one = java("MixedMember").await;
    wait().await;
    let mut second = ours();
    let mut java_two = java("MixedMember").await;
    wait().await;
    first.leave().await;
    wait().await;
    let third = ours();
    wait().await;
    take_down(tokio::task::block_in_place(|| java_one.finish()), &seen);
    wait().await;
    let mut java_three = java("MixedMember").await;
    wait().await;
    if kill {
        take_down(tokio::task::block_in_place(|| java_two.kill()), &seen);
        wait().await;
        second.kill();
        wait().await;
        second = ours();
        wait().await;
    } else {
        take_down(tokio::task::block_in_place(|| java_two.finish()), &seen);
    }
    produced_all.send(1).unwrap();
    let count = writing.await.unwrap();
    produced.mark_unchanged();
    let expected = usize::try_from(i64::from(PARTITIONS) * count).unwrap();
    let started = Instant::now();
    while seen.lock().unwrap().len() < expected && started.elapsed() < PATIENCE {
        take_down(java_three.lines(), &seen);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    third.leave().await;
    take_down(tokio::task::block_in_place(|| java_three.finish()), &seen);
    second.leave().await;
    eprintln!("{expected} records under {strategy}");

    let seen = seen.lock().unwrap();
    assert!(expected > 500, "{expected} records are too few to say anything");
    let missing: Vec<_> = (0..PARTITIONS)
        .flat_map(|partition| (0..count).map(move |offset| (partition, offset)))
        .filter(|record| !seen.contains_key(record))
        .take(10)
        .collect();
    assert!(missing.is_empty(), "lost, of {expected}: {missing:?} …");
    if !kill {
        let twice: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).take(10).collect();
        assert!(twice.is_empty(), "read again, of {expected}: {twice:?} …");
    }
}

rule!(java_and_ours_share_a_group_under_range: real);
async fn java_and_ours_share_a_group_under_range(on: Harness) {
    mixed(&on, RANGE, false, Duration::from_millis(1500)).await;
}

rule!(java_and_ours_share_a_group_under_cooperative_sticky: real);
async fn java_and_ours_share_a_group_under_cooperative_sticky(on: Harness) {
    mixed(&on, COOPERATIVE_STICKY, false, Duration::from_millis(1500)).await;
}

rule!(java_and_ours_share_a_group_under_sticky: real; long);
async fn java_and_ours_share_a_group_under_sticky(on: Harness) {
    mixed(&on, STICKY, false, Duration::from_secs(3)).await;
}

rule!(nothing_is_lost_when_members_of_both_kinds_are_killed_under_range: real; long);
async fn nothing_is_lost_when_members_of_both_kinds_are_killed_under_range(on: Harness) {
    mixed(&on, RANGE, true, Duration::from_secs(3)).await;
}

rule!(nothing_is_lost_when_members_of_both_kinds_are_killed_under_cooperative_sticky: real);
async fn nothing_is_lost_when_members_of_both_kinds_are_killed_under_cooperative_sticky(on: Harness) {
    mixed(&on, COOPERATIVE_STICKY, true, Duration::from_millis(1500)).await;
}
