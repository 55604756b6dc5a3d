//! One request of the producer and its answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{InitProducerIdRequest, ProduceRequest, ProducerId as WireProducerId};
use kafka_protocol::protocol::Request;
use uuid::Uuid;

use super::answers::{PartitionAnswer, SentBatch};
use super::partition_queue::Identity;
use super::request::{self, Framing};
use crate::config::Acks;
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::net::{Cluster, Connection, Departure, Endpoint, NewLeader, Target, decode_response};

/// From this version on topics go by id.
const TOPIC_IDS: i16 = 13;
/// The newest version for transactions of version 1: later ones enrol partitions by themselves.
const TRANSACTIONS_V1: i16 = 11;

/// What is the same for all requests of a producer.
#[derive(Clone)]
pub(super) struct Terms {
    pub acks: Acks,
    pub timeout: Duration,
    pub transactional_id: Option<Arc<str>>,
    /// Partitions are enrolled in their transaction by being written to.
    pub v2: bool,
}

/// A request to be made.
pub(super) struct Parcel {
    pub batches: Vec<SentBatch>,
    /// Ids of their topics, nil if not known.
    pub ids: Vec<Uuid>,
    pub wires: Vec<Bytes>,
    pub departure: Arc<Departure>,
}

/// A broker's answer: per batch in the order of the request, then what it says about itself and others.
#[derive(Default)]
pub(super) struct Answered {
    /// `None` where the broker said nothing.
    pub batches: Vec<Option<PartitionAnswer>>,
    pub throttle: Duration,
    /// Place in the request, leader, epoch.
    leaders: Vec<(usize, i32, i32)>,
    endpoints: Vec<Endpoint>,
}

impl Answered {
    /// Leaders that the broker named (KIP-951).
    pub(super) fn learn(&self, cluster: &Cluster, sent: &[SentBatch]) {
        if self.leaders.is_empty() {
            return;
        }
        let leaders: Vec<NewLeader<'_>> = self
            .leaders
            .iter()
            .filter_map(|(at, leader, epoch)| {
                let SentBatch { topic, partition, .. } = sent.get(*at)?;
                Some(NewLeader { topic, partition: *partition, leader: *leader, epoch: *epoch })
            })
            .collect();
        cluster.learn_leaders(&leaders, &self.endpoints);
    }
}

/// Sends batches over a connection to the broker that leads them.
///
/// # Errors
/// No answer within the time allowed, after which the connection is closed, since later answers would come behind this one.
pub(super) async fn produce(connection: &Connection, terms: &Terms, parcel: &Parcel) -> Result<Answered> {
    match tokio::time::timeout(terms.timeout, exchange(connection, terms, parcel)).await {
        Ok(result) => result,
        Err(_) => {
            connection.close();
            let reason = format!("no answer within {} ms", terms.timeout.as_millis());
            Err(Error::timeout(connection.doing(ProduceRequest::KEY), reason))
        }
    }
}

async fn exchange(connection: &Connection, terms: &Terms, parcel: &Parcel) -> Result<Answered> {
    let Parcel { batches, ids, wires, departure } = parcel;
    let mut version = connection.version::<ProduceRequest>()?;
    if terms.transactional_id.is_some() && !terms.v2 {
        version = version.min(TRANSACTIONS_V1);
    }
    if ids.iter().any(Uuid::is_nil) {
        version = version.min(TOPIC_IDS - 1);
    }
    let correlation_id = connection.correlation_id();
    let framing = Framing { version, correlation_id, by_id: version >= TOPIC_IDS };
    let frame = request::frame(connection, &framing, terms, batches, ids, wires)?;
    let doing = || connection.doing(ProduceRequest::KEY);
    if terms.acks == Acks::None {
        connection.send_unanswered(frame, departure).await.map_err(|_| connection.broken(doing()))?;
        let unknown = || PartitionAnswer { base_offset: -1, append_time: -1, ..PartitionAnswer::default() };
        return Ok(Answered { batches: batches.iter().map(|_| Some(unknown())).collect(), ..Answered::default() });
    }
    let answer = connection.send_unless_held_back(frame, correlation_id, departure);
    let answer = answer.await.map_err(|_| connection.broken(doing()))?;
    let response = decode_response::<ProduceRequest>(answer, version, correlation_id)
        .map_err(|reason| Error::protocol(doing(), reason))?;
    let mut answered = Answered {
        batches: batches.iter().map(|_| None).collect(),
        throttle: Duration::from_millis(u64::try_from(response.throttle_time_ms).unwrap_or(0)),
        leaders: Vec::new(),
        endpoints: response.node_endpoints.iter().map(Endpoint::from).collect(),
    };
    let mut expected = 0;
    for topic in response.responses {
        for partition in topic.partition_responses {
            let is_it = |at: usize| {
                let same_topic = match framing.by_id {
                    true => ids.get(at) == Some(&topic.topic_id),
                    false => batches.get(at).is_some_and(|batch| *batch.topic == *topic.name.0),
                };
                same_topic && batches.get(at).is_some_and(|batch| batch.partition == partition.index)
            };
            // Brokers mostly answer in the order of the request.
            let at = if is_it(expected) { Some(expected) } else { (0..batches.len()).find(|at| is_it(*at)) };
            let Some(at) = at else { continue };
            expected = at + 1;
            if partition.current_leader.leader_id.0 >= 0 {
                answered.leaders.push((
                    at,
                    partition.current_leader.leader_id.0,
                    partition.current_leader.leader_epoch,
                ));
            }
            if let Some(slot) = answered.batches.get_mut(at) {
                *slot = Some(PartitionAnswer {
                    code: ErrorCode::from_wire(partition.error_code),
                    message: partition.error_message.map(|text| text.to_string()),
                    base_offset: partition.base_offset,
                    append_time: partition.log_append_time_ms,
                    log_start: partition.log_start_offset,
                    records: partition
                        .record_errors
                        .into_iter()
                        .map(|record| {
                            let reason = record.batch_index_error_message.map(|text| text.to_string());
                            (record.batch_index, reason)
                        })
                        .collect(),
                });
            }
        }
    }
    Ok(answered)
}

/// Asks for a producer id and its epoch.
pub(super) async fn new_identity(cluster: &Cluster) -> Result<Identity> {
    let response = cluster
        .call(Target::Any, |version| {
            let request =
                InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(i32::MAX);
            if version >= 3 { request.with_producer_id(WireProducerId(-1)).with_producer_epoch(-1) } else { request }
        })
        .await?;
    match ErrorCode::from_wire(response.error_code) {
        Some(code) => Err(Error::broker("cannot get a producer id", code, None)),
        None => Ok((response.producer_id.0, response.producer_epoch)),
    }
}
