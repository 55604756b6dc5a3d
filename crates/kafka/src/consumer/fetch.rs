//! Fetch requests and their answers.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.Fetcher.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::fetch_response::NodeEndpoint;
use kafka_protocol::messages::{FetchRequest, FetchResponse, TopicName};
use kafka_protocol::protocol::{Request, StrBytes};
use milena_api::record::TopicPartition;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use super::buffer::{Arrived, Place};
use super::session::{Asked, Change, LAST, Session};
use crate::config::{ConsumerConfig, IsolationLevel};
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::memory::{Grant, MemoryGovernor};
use crate::net::{Cluster, Connection, Endpoint, Lane, NewLeader, Target, decode_response, encode_request};
use crate::records::legacy;

/// From this version on, topics go by their ids.
const BY_ID: i16 = 13;

/// A fetch to be made.
pub(super) struct Order {
    pub node: i32,
    pub session: Session,
    /// Sorted.
    pub wanted: Vec<Asked>,
    /// How long the broker may wait for records.
    pub wait: Duration,
    /// Whether the broker is told the consumer's rack.
    pub rack: bool,
    /// Something comes here when the fetch is to be given up.
    pub given_up: Option<oneshot::Receiver<()>>,
}

/// What came of a request.
pub(super) struct Fetched {
    pub node: i32,
    /// Knows what was asked, if it was.
    pub session: Session,
    /// What was to be asked, where it has not come to that.
    pub unsent: Option<Vec<Asked>>,
    pub outcome: Outcome,
}

pub(super) enum Outcome {
    Answered(Vec<Answer>),
    /// Given up for another fetch.
    Cut,
    Failed(Error),
}

/// A broker's answer for one partition.
pub(super) struct Answer {
    /// Place of the question in [`Session::asked`].
    pub asked: usize,
    pub code: Option<ErrorCode>,
    pub arrived: Arrived,
    /// The replica that the leader would rather have this consumer read from.
    pub preferred: Option<i32>,
    /// The first offset that the partition still has, and the one behind the last that may be read; -1 if not known.
    pub bounds: (i64, i64),
    /// Where the leader's log stops being the one that was read.
    pub diverging: Option<Place>,
}

/// What a fetch needs beside the order.
#[derive(Clone)]
pub(super) struct Means {
    pub cluster: Arc<Cluster>,
    pub config: Arc<ConsumerConfig>,
    pub memory: MemoryGovernor,
}

/// How a broker is to answer.
#[derive(Clone, Copy)]
struct How {
    wait: Duration,
    rack: bool,
}

/// A request that is with the broker.
struct Sent {
    connection: Arc<Connection>,
    version: i16,
    correlation_id: i32,
    answer: oneshot::Receiver<Bytes>,
    grant: Option<oneshot::Receiver<Grant>>,
}

/// Fetches from one broker. On an open connection the request goes out before this returns, so that the answer comes while the
/// consumer's owner is busy.
pub(super) fn fetch(means: &Means, order: Order) -> impl Future<Output = Fetched> + Send + 'static + use<> {
    let Order { node, mut session, wanted, wait, rack, given_up } = order;
    let how = How { wait, rack };
    let timeout = means.config.client.request_timeout.saturating_add(means.config.fetch_max_wait);
    let means = means.clone();
    let mut wanted = Some(wanted);
    let asked_at = Instant::now();
    let at_once = means
        .cluster
        .open_connection(node, Lane::Fetch)
        .map(|connection| send(connection, &means, &mut session, &mut wanted, how));
    async move {
        let cut = async {
            let Some(given_up) = given_up else { return std::future::pending().await };
            if given_up.await.is_err() {
                std::future::pending().await
            }
        };
        let exchanged = tokio::select! {
            biased;
            exchanged = exchange(&means, node, &mut session, at_once, &mut wanted, how, timeout) => exchanged,
            () = cut => {
                // The broker would not look at another request before the one that waits there.
                means.cluster.disconnect(Target::Node(node), Lane::Fetch);
                session.renew();
                return Fetched { node, session, unsent: wanted, outcome: Outcome::Cut };
            }
        };
        if let Ok((response, _)) = &exchanged {
            let now = Instant::now();
            let throttle = Duration::from_millis(u64::try_from(response.throttle_time_ms).unwrap_or(0));
            means.cluster.metrics().fetch_answered(now, now - asked_at, throttle);
        }
        let outcome = match exchanged {
            Ok((response, grant)) => match ErrorCode::from_wire(response.error_code) {
                None => {
                    let read_committed = means.config.isolation == IsolationLevel::ReadCommitted;
                    Outcome::Answered(read(&means.cluster, &mut session, response, grant, read_committed))
                }
                Some(code) => {
                    session.refused(code);
                    Outcome::Failed(Error::broker(format!("Fetch request to broker {node}"), code, None))
                }
            },
            Err(error) => {
                session.renew();
                Outcome::Failed(error)
            }
        };
        Fetched { node, session, unsent: wanted, outcome }
    }
}

async fn exchange(
    means: &Means,
    node: i32,
    session: &mut Session,
    at_once: Option<Result<Sent>>,
    wanted: &mut Option<Vec<Asked>>,
    how: How,
    timeout: Duration,
) -> Result<(FetchResponse, Option<Arc<Grant>>)> {
    let mut deadline = Instant::now() + timeout;
    let late = || {
        means.cluster.disconnect(Target::Node(node), Lane::Fetch);
        Error::timeout(
            format!("Fetch request to broker {node}"),
            format!(
                "no answer within {} ms (request.timeout.ms and the time the broker may wait)",
                timeout.as_millis()
            ),
        )
    };
    let mut sent = match at_once {
        Some(sent) => sent?,
        None => {
            let connecting = means.cluster.connection(Target::Node(node), Lane::Fetch);
            let connection = tokio::time::timeout_at(deadline, connecting).await.map_err(|_| late())??;
            send(connection, means, session, wanted, how)?
        }
    };
    // Time for which the broker wants silence does not count.
    if let Some(until) = sent.connection.muted_until() {
        deadline = until + timeout;
    }
    let answer = loop {
        match tokio::time::timeout_at(deadline, &mut sent.answer).await {
            Ok(answer) => break answer,
            // The answer is there, and waits for memory: that is not the broker's fault.
            Err(_) if sent.connection.waits_for_memory() => deadline = Instant::now() + timeout,
            Err(_) => return Err(late()),
        }
    };
    let doing = || sent.connection.doing(FetchRequest::KEY);
    let answer = answer.map_err(|_| sent.connection.broken(doing()))?;
    let grant = sent.grant.and_then(|mut grant| grant.try_recv().ok()).map(Arc::new);
    let response = decode_response::<FetchRequest>(answer, sent.version, sent.correlation_id)
        .map_err(|reason| Error::protocol(doing(), reason))?;
    Ok((response, grant))
}

fn topic_name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

fn send(
    connection: Arc<Connection>,
    means: &Means,
    session: &mut Session,
    wanted: &mut Option<Vec<Asked>>,
    how: How,
) -> Result<Sent> {
    let config = &means.config;
    let mut version = connection.version::<FetchRequest>()?;
    let mut wanted = wanted.take().unwrap_or_default();
    // Without all ids the names are used, as long as the broker takes names.
    if version >= BY_ID && wanted.iter().any(|asked| asked.topic_id.is_nil()) {
        version = BY_ID - 1;
    }
    if version < BY_ID {
        wanted.iter_mut().for_each(|asked| asked.topic_id = Uuid::nil());
    }
    if version < 7 {
        session.renew();
    }
    let Change { session_id, session_epoch, told, forgotten } = session.next(wanted);
    let mut request = limits(config, version, how).with_topics(topics(&told, config, version));
    if version >= 7 {
        request = request
            .with_session_id(session_id)
            .with_session_epoch(session_epoch)
            .with_forgotten_topics_data(forgotten_topics(&forgotten, version));
    }
    let correlation_id = connection.correlation_id();
    let frame = encode_request(&request, version, correlation_id, connection.client_id(), 0)?.freeze();
    let (answer, grant) = if means.memory.limit().is_some() {
        let (answer, grant) = connection.send_governed(vec![frame], correlation_id, means.memory.clone());
        (answer, Some(grant))
    } else {
        (connection.send(vec![frame], correlation_id), None)
    };
    Ok(Sent { connection, version, correlation_id, answer, grant })
}

fn limits(config: &ConsumerConfig, version: i16, how: How) -> FetchRequest {
    let request = FetchRequest::default()
        .with_replica_id((-1).into())
        .with_max_wait_ms(i32::try_from(how.wait.as_millis()).unwrap_or(i32::MAX))
        .with_min_bytes(config.fetch_min_bytes)
        .with_max_bytes(config.fetch_max_bytes)
        .with_isolation_level(config.isolation.id());
    let rack = if how.rack { config.rack.clone() } else { String::new() };
    if version >= 11 { request.with_rack_id(StrBytes::from_string(rack)) } else { request }
}

fn topics(told: &[Asked], config: &ConsumerConfig, version: i16) -> Vec<FetchTopic> {
    let by_topic = told.chunk_by(|a, b| a.at.topic == b.at.topic).filter_map(|asked| Some((asked.first()?, asked)));
    let topics = by_topic.map(|(first, asked)| {
        let partitions = asked.iter().map(|asked| {
            let partition = FetchPartition::default()
                .with_partition(asked.at.partition)
                .with_fetch_offset(asked.offset)
                .with_partition_max_bytes(config.max_partition_fetch_bytes);
            if version >= 9 { partition.with_current_leader_epoch(asked.epoch) } else { partition }
        });
        let topic = FetchTopic::default().with_partitions(partitions.collect());
        if version >= BY_ID {
            topic.with_topic_id(first.topic_id)
        } else {
            topic.with_topic(topic_name(&first.at.topic))
        }
    });
    topics.collect()
}

fn forgotten_topics(forgotten: &[(TopicPartition, Uuid)], version: i16) -> Vec<ForgottenTopic> {
    let by_topic = forgotten.chunk_by(|a, b| a.0.topic == b.0.topic && a.1 == b.1);
    let topics = by_topic.filter_map(|gone| {
        let (at, id) = gone.first()?;
        let topic = ForgottenTopic::default().with_partitions(gone.iter().map(|(at, _)| at.partition).collect());
        Some(if version >= BY_ID { topic.with_topic_id(*id) } else { topic.with_topic(topic_name(&at.topic)) })
    });
    topics.collect()
}

/// Records in whole batches by their headers; those of old formats, which have none, count as one each.
fn count_records(mut batches: &[u8]) -> u64 {
    let mut count = 0;
    while let Ok(header) = legacy::read_header(batches)
        && let Some(rest) = batches.get(header.total_len()..)
    {
        if !header.is_control() {
            count += u64::try_from(header.count).unwrap_or(0).max(u64::from(header.magic < 2));
        }
        batches = rest;
    }
    count
}

fn read(
    cluster: &Cluster,
    session: &mut Session,
    response: FetchResponse,
    grant: Option<Arc<Grant>>,
    read_committed: bool,
) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut only_known = true;
    let mut leaders = Vec::new();
    let metadata = cluster.metadata();
    let mut brought: Vec<(Arc<str>, u64, u64)> = Vec::new();
    for topic in response.responses {
        let name = match topic.topic_id.is_nil() {
            true => Some(topic.topic.0.as_str()),
            // The metadata may be newer than the question.
            false => {
                metadata.topic_name(topic.topic_id).or_else(|| session.topic_of(topic.topic_id)).map(|name| &**name)
            }
        };
        for partition in topic.partitions {
            let Some(asked) = name.and_then(|name| session.find(name, partition.partition_index)) else {
                only_known = false;
                continue;
            };
            let aborted = partition.aborted_transactions.unwrap_or_default();
            let mut aborted: Vec<(i64, i64)> = aborted.iter().map(|t| (t.first_offset, t.producer_id.0)).collect();
            aborted.sort_unstable();
            if partition.current_leader.leader_id.0 >= 0 {
                leaders.push((asked, partition.current_leader.leader_id.0, partition.current_leader.leader_epoch));
            }
            let diverging =
                Place { offset: partition.diverging_epoch.end_offset, epoch: partition.diverging_epoch.epoch };
            let records = partition.records.unwrap_or_default();
            if !records.is_empty()
                && let Some(one) = session.asked().get(asked)
            {
                let (bytes, count) = (records.len() as u64, count_records(&records));
                match brought.iter_mut().find(|(topic, ..)| *topic == one.at.topic) {
                    Some((_, all_bytes, all)) => (*all_bytes, *all) = (*all_bytes + bytes, *all + count),
                    None => brought.push((Arc::clone(&one.at.topic), bytes, count)),
                }
            }
            let grant = grant.as_ref().filter(|_| !records.is_empty()).map(Arc::clone);
            answers.push(Answer {
                asked,
                code: ErrorCode::from_wire(partition.error_code),
                arrived: Arrived { records, aborted, grant },
                bounds: (
                    partition.log_start_offset,
                    if read_committed { partition.last_stable_offset } else { partition.high_watermark },
                ),
                preferred: Some(partition.preferred_read_replica.0).filter(|node| *node >= 0),
                diverging: (diverging.offset >= 0).then_some(diverging),
            });
        }
    }
    if !brought.is_empty() {
        let topics = brought.iter().map(|(topic, bytes, records)| (topic, *bytes, *records));
        cluster.metrics().fetch_brought(Instant::now(), topics);
    }
    learn(cluster, session.asked(), &leaders, &response.node_endpoints);
    session.answered(response.session_id, answers.len(), only_known);
    answers
}

/// Takes over the leaders that an answer named (KIP-951).
fn learn(cluster: &Cluster, asked: &[Asked], leaders: &[(usize, i32, i32)], endpoints: &[NodeEndpoint]) {
    if leaders.is_empty() {
        return;
    }
    let named = leaders.iter().filter_map(|(place, leader, epoch)| {
        let at = &asked.get(*place)?.at;
        Some(NewLeader { topic: &at.topic, partition: at.partition, leader: *leader, epoch: *epoch })
    });
    let endpoints: Vec<Endpoint> = endpoints.iter().map(Endpoint::from).collect();
    cluster.learn_leaders(&named.collect::<Vec<_>>(), &endpoints);
}

/// Ends a session, so that the broker need not keep it until it is old. Not on the connection for fetches, where a request may wait.
pub(super) async fn end(means: &Means, node: i32, session_id: i32) -> Result<()> {
    let Some(connection) = means.cluster.open_connection(node, Lane::Control) else { return Ok(()) };
    let build = |version: i16| {
        limits(&means.config, version, How { wait: Duration::ZERO, rack: false })
            .with_session_id(session_id)
            .with_session_epoch(LAST)
    };
    let version = connection.version::<FetchRequest>()?;
    connection.call(&build(version), version, means.config.client.request_timeout).await.map(drop)
}
