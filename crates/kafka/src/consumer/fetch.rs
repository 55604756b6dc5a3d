//! Fetch requests and their answers.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.Fetcher.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{FetchRequest, FetchResponse, TopicName};
use kafka_protocol::protocol::{Request, StrBytes};
use milena_api::record::TopicPartition;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::config::ConsumerConfig;
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::net::{Cluster, Connection, Lane, Target, decode_response, encode_request};

/// One partition of a request.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub at: TopicPartition,
    pub jump: u64,
    pub offset: i64,
    /// Leader epoch that the client knows; -1 if none.
    pub epoch: i32,
}

/// What came of a request.
pub(super) struct Fetched {
    pub node: i32,
    pub asked: Vec<Asked>,
    pub result: Result<Vec<Answer>>,
}

/// A broker's answer for one partition.
pub(super) struct Answer {
    pub topic: String,
    pub partition: i32,
    pub code: Option<ErrorCode>,
    pub records: Bytes,
    /// Aborted transactions: first offset and producer id, in the order of offsets.
    pub aborted: Vec<(i64, i64)>,
}

/// A request that is with the broker.
struct Sent {
    connection: Arc<Connection>,
    version: i16,
    correlation_id: i32,
    answer: oneshot::Receiver<Bytes>,
}

/// Fetches from one broker. On an open connection the request goes out before this returns, so that the answer comes while the
/// consumer's owner is busy.
pub(super) fn fetch(
    cluster: &Arc<Cluster>,
    config: &Arc<ConsumerConfig>,
    node: i32,
    asked: Vec<Asked>,
) -> impl Future<Output = Fetched> + Send + 'static + use<> {
    let deadline = Instant::now() + config.client.request_timeout + config.fetch_max_wait;
    let at_once = cluster.open_connection(node, Lane::Fetch).map(|connection| send(connection, config, &asked));
    let (cluster, config) = (Arc::clone(cluster), Arc::clone(config));
    async move {
        let exchange = async {
            let sent = match at_once {
                Some(sent) => sent?,
                None => send(cluster.connection(Target::Node(node), Lane::Fetch).await?, &config, &asked)?,
            };
            receive(sent).await
        };
        let result = match tokio::time::timeout_at(deadline, exchange).await {
            Ok(result) => result,
            Err(_) => {
                cluster.disconnect(Target::Node(node), Lane::Fetch);
                Err(Error::timeout(format!("Fetch request to broker {node}"), "no answer in time"))
            }
        };
        Fetched { node, asked, result }
    }
}

fn send(connection: Arc<Connection>, config: &ConsumerConfig, asked: &[Asked]) -> Result<Sent> {
    let version = connection.version::<FetchRequest>()?;
    let mut topics: Vec<FetchTopic> = Vec::new();
    for by_topic in asked.chunk_by(|a, b| a.at.topic == b.at.topic) {
        let Some(first) = by_topic.first() else { continue };
        let partitions = by_topic.iter().map(|asked| {
            let partition = FetchPartition::default()
                .with_partition(asked.at.partition)
                .with_fetch_offset(asked.offset)
                .with_partition_max_bytes(config.max_partition_fetch_bytes);
            if version >= 9 { partition.with_current_leader_epoch(asked.epoch) } else { partition }
        });
        let name = TopicName(StrBytes::from_string(first.at.topic.to_string()));
        topics.push(FetchTopic::default().with_topic(name).with_partitions(partitions.collect()));
    }
    let mut request = FetchRequest::default()
        .with_replica_id((-1).into())
        .with_max_wait_ms(i32::try_from(config.fetch_max_wait.as_millis()).unwrap_or(i32::MAX))
        .with_min_bytes(config.fetch_min_bytes)
        .with_max_bytes(config.fetch_max_bytes)
        .with_isolation_level(config.isolation.id())
        .with_topics(topics);
    if version >= 7 {
        // No session: the broker keeps nothing about this consumer.
        request = request.with_session_id(0).with_session_epoch(-1);
    }
    if version >= 11 {
        request = request.with_rack_id(StrBytes::from_string(config.rack.clone()));
    }
    let correlation_id = connection.correlation_id();
    let frame = encode_request(&request, version, correlation_id, connection.client_id(), 0)?;
    let answer = connection.send(vec![frame.freeze()], correlation_id);
    Ok(Sent { connection, version, correlation_id, answer })
}

async fn receive(sent: Sent) -> Result<Vec<Answer>> {
    let Sent { connection, version, correlation_id, answer } = sent;
    let doing = || connection.doing(FetchRequest::KEY);
    let answer = answer.await.map_err(|_| connection.broken(doing()))?;
    let response: FetchResponse = decode_response::<FetchRequest>(answer, version, correlation_id)
        .map_err(|reason| Error::protocol(doing(), reason))?;
    if let Some(code) = ErrorCode::from_wire(response.error_code) {
        return Err(Error::broker(doing(), code, None));
    }
    let mut answers = Vec::new();
    for topic in response.responses {
        for partition in topic.partitions {
            let aborted = partition.aborted_transactions.unwrap_or_default();
            let mut aborted: Vec<(i64, i64)> = aborted.iter().map(|t| (t.first_offset, t.producer_id.0)).collect();
            aborted.sort_unstable();
            answers.push(Answer {
                topic: topic.topic.0.to_string(),
                partition: partition.partition_index,
                code: ErrorCode::from_wire(partition.error_code),
                records: partition.records.unwrap_or_default(),
                aborted,
            });
        }
    }
    if response.throttle_time_ms > 0 {
        // The broker does not answer sooner anyway; asking later spares it the queue.
        tokio::time::sleep(Duration::from_millis(u64::try_from(response.throttle_time_ms).unwrap_or(0))).await;
    }
    Ok(answers)
}
