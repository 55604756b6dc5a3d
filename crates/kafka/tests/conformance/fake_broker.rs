//! A broker that says exactly what a test tells it to, and keeps what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{ApiKey, ApiVersionsResponse, MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request, without its header.
#[derive(Debug, Clone)]
pub struct Asked {
    pub key: ApiKey,
    pub version: i16,
    pub body: Bytes,
    /// Number of the connection, from 0.
    pub connection: usize,
    pub at: Instant,
}

/// What comes of a request.
pub enum Reply {
    /// The body of the answer.
    Body(Bytes),
    /// The answer, then the end of the connection.
    BodyAndClose(Bytes),
    /// That an answer of so many bytes comes, and nothing of it.
    Announcement(u32),
    Silence,
    Close,
}

type Script = dyn Fn(&Asked) -> Reply + Send + Sync;

/// What happened so far.
#[derive(Default)]
struct Seen {
    asked: Vec<Asked>,
    opened: usize,
    closed: usize,
}

pub struct FakeBroker {
    port: u16,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Drop for FakeBroker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn body<T: Encodable>(answer: &T, version: i16) -> Bytes {
    let mut body = BytesMut::new();
    answer.encode(&mut body, version).unwrap();
    body.freeze()
}

/// Metadata with these brokers (id, port) and, led by the first of them, the topics that were asked for.
pub fn metadata(asked: &Asked, brokers: &[(i32, u16)]) -> MetadataResponse {
    let broker = |(id, port): &(i32, u16)| {
        MetadataResponseBroker::default()
            .with_node_id((*id).into())
            .with_host(StrBytes::from_static_str("127.0.0.1"))
            .with_port(i32::from(*port))
    };
    let leader = brokers.first().map_or(-1, |(id, _)| *id);
    let topic = |name: String| {
        let partition = MetadataResponsePartition::default().with_leader_id(leader.into()).with_leader_epoch(0);
        MetadataResponseTopic::default()
            .with_name(Some(TopicName(StrBytes::from_string(name))))
            .with_topic_id(uuid::Uuid::from_u128(7))
            .with_partitions(vec![partition])
    };
    MetadataResponse::default()
        .with_brokers(brokers.iter().map(broker).collect())
        .with_controller_id(leader.into())
        .with_topics(topics(asked).into_iter().map(topic).collect())
}

/// The topics that a Metadata request names.
pub fn topics(asked: &Asked) -> Vec<String> {
    let request = MetadataRequest::decode(&mut asked.body.clone(), asked.version).unwrap();
    request.topics.unwrap_or_default().into_iter().filter_map(|topic| Some(topic.name?.to_string())).collect()
}

impl FakeBroker {
    /// Starts one. ApiVersions it answers by itself, with the versions given; the rest is up to `script`.
    pub async fn start(
        versions: &'static [(ApiKey, i16, i16)],
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, versions, script)
    }

    /// As [`start`](Self::start), on a port that is known before.
    pub fn on(
        listener: TcpListener,
        versions: &'static [(ApiKey, i16, i16)],
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Seen>>::default();
        let (task_seen, script) = (Arc::clone(&seen), Arc::<Script>::from(Box::new(script) as Box<Script>));
        #[expect(clippy::disallowed_methods, reason = "a test's own server")]
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let connection = {
                    let mut seen = task_seen.lock().unwrap();
                    seen.opened += 1;
                    seen.opened - 1
                };
                let (seen, script) = (Arc::clone(&task_seen), Arc::clone(&script));
                connections.spawn(async move {
                    // Ends when the client closes or the script says so.
                    serve(stream, connection, versions, &seen, &*script).await.unwrap_or(());
                    seen.lock().unwrap().closed += 1;
                });
            }
        });
        Self { port, seen, task }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Everything but ApiVersions.
    pub fn asked(&self) -> Vec<Asked> {
        self.seen.lock().unwrap().asked.clone()
    }

    /// Connections so far: opened, and closed again.
    pub fn connections(&self) -> (usize, usize) {
        let seen = self.seen.lock().unwrap();
        (seen.opened, seen.closed)
    }
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    versions: &[(ApiKey, i16, i16)],
    seen: &Mutex<Seen>,
    script: &Script,
) -> std::io::Result<()> {
    loop {
        let len = usize::try_from(stream.read_i32().await?).unwrap();
        let mut frame = vec![0; len];
        stream.read_exact(&mut frame).await?;
        let mut frame = Bytes::from(frame);
        let (key, version, correlation_id) = (frame.get_i16(), frame.get_i16(), frame.get_i32());
        let key = ApiKey::try_from(key).unwrap();
        let client_id = usize::try_from(frame.get_i16()).unwrap_or(0);
        frame.advance(client_id);
        if key.request_header_version(version) >= 2 {
            assert_eq!(frame.get_u8(), 0, "no tags");
        }
        let asked = Asked { key, version, body: frame, connection, at: Instant::now() };
        let reply = match key {
            ApiKey::ApiVersions => Reply::Body(api_versions(versions, version)),
            _ => {
                seen.lock().unwrap().asked.push(asked.clone());
                script(&asked)
            }
        };
        let (body, close) = match reply {
            Reply::Body(body) => (body, false),
            Reply::BodyAndClose(body) => (body, true),
            Reply::Announcement(len) => {
                stream.write_u32(len).await?;
                continue;
            }
            Reply::Silence => continue,
            Reply::Close => return Ok(()),
        };
        let mut answer = BytesMut::new();
        answer.put_i32(0);
        answer.put_i32(correlation_id);
        if key.response_header_version(version) >= 1 {
            answer.put_u8(0);
        }
        answer.put(body);
        let len = i32::try_from(answer.len() - 4).unwrap();
        answer[..4].copy_from_slice(&len.to_be_bytes());
        stream.write_all(&answer).await?;
        if close {
            return Ok(());
        }
    }
}

/// As a broker that knows ApiVersions up to 3: what is newer it answers in version 0, with an error.
fn api_versions(versions: &[(ApiKey, i16, i16)], version: i16) -> Bytes {
    let own = (ApiKey::ApiVersions, 0, 3);
    let api = |(key, min, max): &(ApiKey, i16, i16)| {
        ApiVersion::default().with_api_key(*key as i16).with_min_version(*min).with_max_version(*max)
    };
    let answer = ApiVersionsResponse::default().with_api_keys(versions.iter().chain([&own]).map(api).collect());
    if version > 3 { body(&answer.with_error_code(35), 0) } else { body(&answer, version) }
}
