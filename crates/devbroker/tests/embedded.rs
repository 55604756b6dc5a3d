//! What only the embedded broker can be asked: data folders, faults, start and stop.

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
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::*;
use milena_devbroker::{Api, DevBroker, DevBrokerConfig, Error, Fault, FaultAction};
use milena_kafka::records::Compression;
use std::io::BufRead;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

async fn start(dir: &Path) -> DevBroker {
    DevBroker::start(DevBrokerConfig { dir: Some(dir.to_owned()), ..DevBrokerConfig::default() }).await.unwrap()
}

async fn commit(client: &mut Client, topic: &TestTopic, offset: i64) {
    let one = OffsetCommitRequestPartition::default().with_committed_offset(offset);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(text("group")))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![
            OffsetCommitRequestTopic::default().with_name(topic_name(&topic.name)).with_partitions(vec![one]),
        ]);
    assert_eq!(client.send(8, &request).await.topics[0].partitions[0].error_code, 0);
}

async fn committed(client: &mut Client) -> Vec<(String, i64)> {
    let request = OffsetFetchRequest::default()
        .with_groups(vec![OffsetFetchRequestGroup::default().with_group_id(GroupId(text("group"))).with_topics(None)]);
    let response = client.send(8, &request).await;
    let topics = response.groups[0].topics.iter();
    topics.map(|topic| (topic.name.to_string(), topic.partitions[0].committed_offset)).collect()
}

async fn values(client: &mut Client, topic: &TestTopic) -> i64 {
    let fetched = client.fetch(topic, 0, 0).await;
    assert_eq!(fetched.error_code, 0);
    batches(&fetched.records.unwrap()).iter().map(|(header, _)| i64::from(header.count)).sum()
}

#[tokio::test]
async fn a_data_folder_keeps_topics_records_and_offsets() {
    let dir = tempfile::tempdir().unwrap();
    let broker = start(dir.path()).await;
    let cluster = broker.cluster_id().to_owned();
    let mut client = Client::connect(&broker.bootstrap()).await;
    let topic = client.create_with("kept", 2, &[("retention.ms", "-1")]).await;
    let deleted = client.create("deleted", 1).await;
    client.produce(&deleted, 0, batch(&["x"], Compression::None)).await;
    client.produce(&topic, 0, batch(&["a", "b"], Compression::Zstd)).await;
    commit(&mut client, &topic, 1).await;
    commit(&mut client, &deleted, 1).await;
    let request = DeleteTopicsRequest::default().with_topic_names(vec![topic_name(&deleted.name)]);
    assert_eq!(client.send(5, &request).await.responses[0].error_code, 0);
    broker.stop().await;

    for round in 1..=3 {
        let broker = start(dir.path()).await;
        assert_eq!(broker.cluster_id(), cluster);
        let mut client = Client::connect(&broker.bootstrap()).await;
        let found = client.send(12, &MetadataRequest::default().with_topics(None)).await.topics;
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].topic_id, found[0].partitions.len()), (topic.id, 2));
        assert_eq!(values(&mut client, &topic).await, 1 + round);
        assert_eq!(committed(&mut client).await, [(topic.name.clone(), round)]);
        let answer = client.produce(&topic, 0, batch(&["c"], Compression::None)).await;
        assert_eq!((answer.error_code, answer.base_offset), (0, 1 + round));
        commit(&mut client, &topic, round + 1).await;
        if round == 2 {
            // Not stopped: what was answered is in the files all the same.
            drop(broker);
            // The lock goes with the value; the tasks end with their connections.
            continue;
        }
        broker.stop().await;
    }
}

#[tokio::test]
async fn a_folder_has_one_broker_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let broker = start(dir.path()).await;
    let config = DevBrokerConfig { dir: Some(dir.path().to_owned()), ..DevBrokerConfig::default() };
    assert!(matches!(DevBroker::start(config).await, Err(Error::DirInUse { .. })));
    broker.stop().await;
    start(dir.path()).await.stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_it() {
    let first = DevBroker::start(DevBrokerConfig::default()).await.unwrap();
    let listen = format!("127.0.0.1:{}", first.port()).parse().unwrap();
    let error = DevBroker::start(DevBrokerConfig { listen, ..DevBrokerConfig::default() }).await.unwrap_err();
    assert!(matches!(error, Error::Listen { .. }));
    assert!(error.to_string().contains(&first.port().to_string()), "{error}");
}

const SERVE: &str = "MILENA_DEVBROKER_TEST_DIR";

/// Not a test of its own: the kill test runs this program again, with only this in it, as a broker that can be killed.
#[test]
fn the_broker_that_the_kill_test_kills() {
    let Some(dir) = std::env::var_os(SERVE) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let broker = start(Path::new(&dir)).await;
        println!("\nbootstrap.servers={}", broker.bootstrap());
        let mut line = String::new();
        BufReader::new(tokio::io::stdin()).read_line(&mut line).await.unwrap();
        broker.stop().await;
    });
}

/// The broker as a process of its own; it fails to print if nobody holds its output.
struct Process {
    child: std::process::Child,
    address: String,
    _output: std::io::Lines<std::io::BufReader<std::process::ChildStdout>>,
}

fn spawn_process(dir: &Path) -> Process {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_broker_that_the_kill_test_kills", "--nocapture"])
        .env(SERVE, dir)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("bootstrap.servers=").map(str::to_owned))
        .unwrap();
    Process { child, address, _output: lines }
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = spawn_process(dir.path());
    let mut client = Client::connect(&process.address).await;
    let topic = client.create("killed", 1).await;
    let mut expected = 0;
    for round in 0..3 {
        for number in 0..50 {
            let answer = client.produce(&topic, 0, batch(&["a", "b", "c"], Compression::Lz4)).await;
            assert_eq!((answer.error_code, answer.base_offset), (0, expected), "round {round}, batch {number}");
            expected += 3;
        }
        commit(&mut client, &topic, expected).await;
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        process = spawn_process(dir.path());
        client = Client::connect(&process.address).await;
        assert_eq!(values(&mut client, &topic).await, expected);
        assert_eq!(committed(&mut client).await, [(topic.name.clone(), expected)]);
    }
    // The end of its input stops the last one cleanly, which leaves a mark.
    drop(process.child.stdin.take());
    process.child.wait().unwrap();
    assert!(dir.path().join("stopped-cleanly").exists());
}

#[tokio::test]
async fn faults_delay_lose_and_refuse_requests() {
    let broker = DevBroker::start(DevBrokerConfig::default()).await.unwrap();
    let address = broker.bootstrap();
    let mut client = Client::connect(&address).await;
    let topic = client.create("faults", 1).await;
    let record = || batch(&["x"], Compression::None);

    broker.faults().next(Api::Produce, 1, FaultAction::Error(ResponseError::NotLeaderOrFollower.code()));
    let answer = client.produce(&topic, 0, record()).await;
    assert_eq!(answer.error_code, ResponseError::NotLeaderOrFollower.code());

    broker.faults().next(Api::Produce, 1, FaultAction::Drop);
    client.write(13, &produce_request(13, -1, &topic, 0, record())).await;
    assert!(client.read::<ProduceRequest>(13).await.is_none());
    let mut client = Client::connect(&address).await;
    assert_eq!(client.fetch(&topic, 0, 0).await.high_watermark, 0);

    broker.faults().next(Api::Produce, 1, FaultAction::ApplyThenDrop);
    client.write(13, &produce_request(13, -1, &topic, 0, record())).await;
    assert!(client.read::<ProduceRequest>(13).await.is_none());
    let mut client = Client::connect(&address).await;
    assert_eq!(client.fetch(&topic, 0, 0).await.high_watermark, 1);

    let delay = Duration::from_millis(120);
    let action = FaultAction::Delay(delay);
    broker.faults().add(Fault::on(Api::Fetch, action).client("conformance"));
    let started = Instant::now();
    client.fetch(&topic, 0, 0).await;
    assert!(started.elapsed() >= delay);
    assert_eq!(broker.faults().pending(), 0);
}

#[tokio::test]
async fn bytes_that_are_no_request_close_their_connection_only() {
    let broker = DevBroker::start(DevBrokerConfig::default()).await.unwrap();
    let mut good = Client::connect(&broker.bootstrap()).await;
    let topic = good.create("garbage", 1).await;
    let garbage: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01],
        &[0, 0, 0, 0],
        &[0, 0, 0, 3, 0, 18, 0],
        &[0, 0, 0, 12, 0, 1, 0, 17, 0, 0, 0, 1, 0xff, 0xff, 0, 9],
        &[0, 0, 0, 10, 0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff],
    ];
    for bytes in garbage {
        let mut bad = Client::connect(&broker.bootstrap()).await;
        bad.stream.write_all(bytes).await.unwrap();
        assert!(bad.read_frame().await.is_none(), "{bytes:?}");
    }
    assert_eq!(good.produce(&topic, 0, batch(&["fine"], Compression::None)).await.error_code, 0);
}

#[tokio::test]
async fn a_stop_ends_parked_requests() {
    let broker = DevBroker::start(DevBrokerConfig::default()).await.unwrap();
    let mut client = Client::connect(&broker.bootstrap()).await;
    let topic = client.create("parked", 1).await;
    client.write(17, &fetch_request(17, &topic, &[(0, 0, 100)]).with_max_wait_ms(600_000)).await;
    tokio::time::timeout(Duration::from_secs(5), broker.stop()).await.unwrap();
    assert!(client.read::<FetchRequest>(17).await.is_none());
}

#[tokio::test]
async fn a_memory_broker_starts_in_milliseconds() {
    let times = async || {
        let started = Instant::now();
        let broker = DevBroker::start(DevBrokerConfig::default()).await.unwrap();
        let elapsed = started.elapsed();
        broker.stop().await;
        elapsed
    };
    let mut best = Duration::MAX;
    for _ in 0..5 {
        best = best.min(times().await);
    }
    assert!(best < Duration::from_millis(20), "{best:?}");
}

#[tokio::test]
async fn fewer_bytes_are_kept_than_the_broker_allows() {
    let config = DevBrokerConfig { retention_bytes: 10_000, ..DevBrokerConfig::default() };
    let broker = DevBroker::start(config).await.unwrap();
    let mut client = Client::connect(&broker.bootstrap()).await;
    let topic = client.create("bounded", 1).await;
    let value = "x".repeat(1000);
    for _ in 0..100 {
        client.produce(&topic, 0, batch(&[&value], Compression::None)).await;
    }
    let fetched = client.fetch(&topic, 0, 99).await;
    assert!((85..95).contains(&fetched.log_start_offset), "{}", fetched.log_start_offset);
    assert!(fetched.records.as_ref().is_some_and(|records| !Bytes::is_empty(records)));
}
