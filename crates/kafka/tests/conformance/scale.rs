//! Rules about many clients in one process.
//!
//! The clients live in a process of their own, which is this test program started again, so that a broker in this one does not count.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use milena_kafka::config::{ConsumerConfig, ProducerConfig};
use milena_kafka::consumer::{Consumer, Subscription};
use milena_kafka::producer::Producer;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::sync::Notify;

use crate::support::{Harness, PATIENCE, produce, properties, rule, unique};

/// Tells the other process what to do: bootstrap servers, topic, clients of each kind, seconds.
const ORDER: &str = "MILENA_IDLE_CLIENTS";
/// Members of one group, each with one partition.
const MEMBERS: usize = 10;

/// What the other process was seen to use.
#[derive(Debug)]
struct Usage {
    /// Memory of its own before there was any client, and in the end; KiB.
    own_before: usize,
    own_after: usize,
    /// Resident in the end, the program's code included; KiB.
    resident: usize,
    threads_before: usize,
    threads_after: usize,
    /// Of a core while all were idle; per mille.
    cpu: usize,
}

rule!(a_hundred_idle_clients_of_each_kind_cost_next_to_nothing: dev, real);
async fn a_hundred_idle_clients_of_each_kind_cost_next_to_nothing(on: Harness) {
    let usage = idle_clients(&on, 100, 5).await;
    assert_eq!(usage.threads_before, usage.threads_after, "{usage:?}");
    assert!(usage.own_after - usage.own_before < 10 * 1024, "{usage:?}");
    // Without optimization everything costs several times as much.
    assert!(usage.cpu < if cfg!(debug_assertions) { 40 } else { 5 }, "{usage:?}");
}

rule!(a_thousand_idle_clients_of_each_kind_stay_below_a_hundred_megabytes: dev, real; long);
async fn a_thousand_idle_clients_of_each_kind_stay_below_a_hundred_megabytes(on: Harness) {
    let usage = idle_clients(&on, 1_000, 20).await;
    println!("{usage:?}");
    assert_eq!(usage.threads_before, usage.threads_after, "{usage:?}");
    assert!(usage.resident < 100 * 1024, "{usage:?}");
    assert!(usage.cpu < if cfg!(debug_assertions) { 400 } else { 50 }, "{usage:?}");
}

async fn idle_clients(on: &Harness, each: usize, seconds: u64) -> Usage {
    many_open_files();
    let topic = on.topic(MEMBERS.try_into().unwrap(), &[]).await;
    let output = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "scale::idle_clients_of_another_process", "--nocapture"])
        .env(ORDER, format!("{} {topic} {each} {seconds}", on.bootstrap()))
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.split_once("idle clients: "));
    let (_, line) = line.unwrap_or_else(|| panic!("the clients' process says nothing of use: {text}"));
    let figures: Vec<usize> = line.split_whitespace().map(|figure| figure.parse().unwrap()).collect();
    let [own_before, own_after, resident, threads_before, threads_after, cpu] = figures[..] else { panic!("{line}") };
    Usage { own_before, own_after, resident, threads_before, threads_after, cpu }
}

/// Every client has a few connections.
fn many_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// The other process; alone it is no test.
#[test]
fn idle_clients_of_another_process() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let order: Vec<&str> = order.split(' ').collect();
    let [bootstrap, topic, each, seconds] = order[..] else { panic!("{order:?}") };
    let (each, seconds) = (each.parse().unwrap(), seconds.parse().unwrap());
    many_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (before, threads_before) =
        runtime.block_on(async { tokio::spawn(async { (own(), threads()) }).await.unwrap() });
    let producers = runtime.block_on(producers(bootstrap, topic, each));
    runtime.block_on(consumers(bootstrap, topic, each));
    // What is measured is the passing of time.
    let cpu = cpu_time();
    std::thread::sleep(Duration::from_secs(seconds));
    let cpu = (cpu_time() - cpu).as_millis() as usize / seconds as usize;
    println!("idle clients: {before} {} {} {threads_before} {} {cpu}", own(), resident(), threads());
    drop(producers);
    // Nobody takes leave: a thousand members that do are another rule's business.
    std::process::exit(0);
}

/// Producers that have written one record each.
async fn producers(bootstrap: &str, topic: &str, count: usize) -> Vec<Producer> {
    let mut all = Vec::with_capacity(count);
    for number in 0..count {
        let config = properties(bootstrap, &[("client.id", &format!("idle-producer-{number}"))]);
        let (producer, mut completions) = Producer::new(ProducerConfig::from_properties(&config).unwrap()).unwrap();
        produce(&producer, &mut completions, topic, 0, 0..1).await;
        all.push(producer);
    }
    all
}

/// Members of groups, each in a task that polls. Returns when each has its one partition.
async fn consumers(bootstrap: &str, topic: &str, count: usize) {
    let (ready, all_ready) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let mut group = String::new();
    for number in 0..count {
        if number % MEMBERS == 0 {
            group = unique("idle");
        }
        let id = format!("idle-consumer-{number}");
        // From the end: there is nothing to read.
        let pairs = [("group.id", group.as_str()), ("client.id", &id), ("enable.auto.commit", "false")];
        let config = ConsumerConfig::from_properties(&properties(bootstrap, &pairs)).unwrap();
        let mut consumer = Consumer::new(config).unwrap();
        consumer.subscribe(Subscription::Topics(vec![topic.to_owned()]));
        tokio::spawn(poll(consumer, Arc::clone(&ready), Arc::clone(&all_ready), count));
    }
    tokio::time::timeout(PATIENCE * 3, all_ready.notified()).await.unwrap();
}

async fn poll(mut consumer: Consumer, ready: Arc<AtomicUsize>, all_ready: Arc<Notify>, count: usize) {
    let mut was_ready = false;
    loop {
        consumer.poll(Duration::from_secs(30)).await.unwrap();
        let is_ready = consumer.assignment().len() == 1;
        let now = match (was_ready, is_ready) {
            (false, true) => ready.fetch_add(1, Ordering::AcqRel) + 1,
            (true, false) => ready.fetch_sub(1, Ordering::AcqRel) - 1,
            _ => continue,
        };
        was_ready = is_ready;
        if now == count {
            all_ready.notify_one();
        }
    }
}

/// Resident memory without what files back, the program's code for instance; KiB.
fn own() -> usize {
    status("RssAnon:")
}

/// Resident memory, KiB.
fn resident() -> usize {
    status("VmRSS:")
}

fn threads() -> usize {
    status("Threads:")
}

fn status(field: &str) -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// User and system time of this process.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second())
}
