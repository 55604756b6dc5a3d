//! What idle connections cost.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::*;
use kafka_protocol::messages::*;
use milena_devbroker::{DevBroker, DevBrokerConfig};

const CONNECTIONS: usize = 2000;

/// Resident memory of this process, in kB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The only test of its process, which it measures.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn two_thousand_idle_connections_are_cheap_and_end_with_their_node() {
    let broker = DevBroker::start(DevBrokerConfig::nodes(2)).await.unwrap();
    let before = resident();
    let mut clients = Vec::new();
    for index in 0..CONNECTIONS {
        let mut client = Client::connect(&broker.address(1 + i32::from(index % 2 == 0)).unwrap()).await;
        client.send(12, &MetadataRequest::default().with_topics(Some(Vec::new()))).await;
        clients.push(client);
    }
    let each = resident().saturating_sub(before) * 1024 / CONNECTIONS as u64;
    println!("{each} bytes per connection, both ends");
    assert!(each < 12_000, "{each} bytes per connection, both ends");
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert!(tasks > CONNECTIONS);
    broker.stop_node(1).await.unwrap();
    let left = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert!(left < tasks - CONNECTIONS / 2, "{left} of {tasks} tasks are left");
    broker.stop().await;
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0, "nothing is left behind");
}
