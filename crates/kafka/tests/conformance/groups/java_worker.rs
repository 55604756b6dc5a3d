//! A Java worker and a member of ours in one `connect` group, each as its leader.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use milena_kafka::config::AdminConfig;
use milena_kafka::group::{ConnectEvent, ConnectGeneration, ConnectGroup, ConnectMember, ConnectOffer};
use milena_testkit::{port, reference};

use super::*;
use crate::support::rule;

/// Kafka's own distributed worker; killed when it is dropped.
struct JavaWorker {
    child: Child,
    url: String,
    file: PathBuf,
}

impl JavaWorker {
    fn start(bootstrap: &str, group: &str) -> Self {
        let url = format!("http://127.0.0.1:{}/", port::free().unwrap());
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{group}.properties"));
        let mut lines = vec![
            format!("bootstrap.servers={bootstrap}"),
            format!("group.id={group}"),
            format!("listeners={}", url.trim_end_matches('/')),
            "key.converter=org.apache.kafka.connect.storage.StringConverter".to_owned(),
            "value.converter=org.apache.kafka.connect.storage.StringConverter".to_owned(),
            "heartbeat.interval.ms=200".to_owned(),
            "session.timeout.ms=6000".to_owned(),
        ];
        for store in ["config", "offset", "status"] {
            lines.push(format!("{store}.storage.topic={group}-{store}"));
            lines.push(format!("{store}.storage.replication.factor=1"));
        }
        std::fs::write(&file, lines.join("\n")).unwrap();
        let child = Command::new(reference::script())
            .arg("connect-distributed")
            .arg(&file)
            .env("CONNECT_HEAP", "256m")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, url, file }
    }
}

impl Drop for JavaWorker {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_file(&self.file));
    }
}

fn put_text(out: &mut BytesMut, text: &str) {
    out.put_i16(i16::try_from(text.len()).unwrap());
    out.put_slice(text.as_bytes());
}

fn take_text(bytes: &mut Bytes) -> String {
    let len = usize::try_from(bytes.get_i16()).unwrap();
    String::from_utf8(bytes.split_to(len).to_vec()).unwrap()
}

const OUR_URL: &str = "http://127.0.0.1:1/";

/// What a worker without any work tells the leader.
fn metadata(version: i16) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(version);
    put_text(&mut out, OUR_URL);
    out.put_i64(-1);
    if version > 0 {
        out.put_i32(-1);
    }
    out.freeze()
}

/// What a leader without any connectors gives to a worker.
fn share(version: i16, leader: &str, offset: i64) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(version);
    out.put_i16(0);
    put_text(&mut out, leader);
    put_text(&mut out, OUR_URL);
    out.put_i64(offset);
    out.put_i32(0);
    if version > 0 {
        out.put_i32(0);
        out.put_i32(0);
    }
    out.freeze()
}

/// Takes part until a generation has begun whose leader is in the right place: its number and the leader's address.
async fn take_part(member: &mut ConnectMember, java: &JavaWorker, java_leads: bool) -> (ConnectGeneration, String) {
    let started = Instant::now();
    let mut urls = Vec::new();
    while started.elapsed() < PATIENCE {
        match member.poll(Duration::from_millis(100)).await {
            None | Some(ConnectEvent::Lost) => {}
            Some(ConnectEvent::Joining(reply)) => {
                let names = [("sessioned", 2), ("compatible", 1), ("default", 0)];
                let offer = |(name, version): (&str, i16)| ConnectOffer {
                    protocol: name.to_owned(),
                    metadata: metadata(version),
                };
                reply.join(names.map(offer).to_vec());
            }
            Some(ConnectEvent::Leading { generation, peers, reply }) => {
                let mut offset = -1;
                urls.clear();
                for peer in &peers {
                    let mut theirs = peer.metadata.clone();
                    assert_eq!(theirs.get_i16(), 2, "{generation:?}");
                    urls.push(take_text(&mut theirs));
                    offset = offset.max(theirs.get_i64());
                }
                let leader = generation.leader_id.as_str();
                reply.share_out(peers.iter().map(|peer| (peer.member_id.clone(), share(2, leader, offset))).collect());
            }
            Some(ConnectEvent::Joined { generation, share }) => {
                let mut share = share;
                assert_eq!((share.get_i16(), share.get_i16()), (2, 0), "version and error");
                assert_eq!(take_text(&mut share), generation.leader_id);
                let leader_url = take_text(&mut share);
                let both = java_leads || urls.contains(&java.url);
                if both && (leader_url == java.url) == java_leads {
                    return (generation, leader_url);
                }
            }
            Some(ConnectEvent::Failed(error)) => panic!("{error}"),
        }
    }
    panic!("not together with the Java worker after {PATIENCE:?}");
}

rule!(a_java_worker_and_ours_share_a_group: real; long);
async fn a_java_worker_and_ours_share_a_group(on: Harness) {
    let group = unique("connect");
    let ours = || {
        let group = ConnectGroup {
            id: group.clone(),
            session_timeout: Duration::from_secs(6),
            rebalance_timeout: Duration::from_secs(20),
            heartbeat_interval: Duration::from_millis(200),
        };
        ConnectMember::start(AdminConfig::from_properties(&on.properties(&[])).unwrap(), &group).unwrap()
    };
    let java = JavaWorker::start(on.bootstrap(), &group);
    // The first member leads; who that is depends on how long a JVM takes to start.
    let mut member = ours();
    let (led, url) = take_part(&mut member, &java, false).await;
    assert_eq!((led.protocol.as_str(), url.as_str(), &led.leader_id), ("sessioned", OUR_URL, &led.member_id));
    // With this one gone the Java worker leads, also when this one comes back.
    member.leave().await;
    let mut member = ours();
    let (followed, url) = take_part(&mut member, &java, true).await;
    assert!(followed.generation > led.generation);
    assert_eq!((url, followed.leader_id == followed.member_id), (java.url.clone(), false));
    member.leave().await;
}
