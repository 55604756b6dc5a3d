//! One request of the producer and its answer.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{InitProducerIdRequest, ProduceRequest, ProducerId as WireProducerId};
use kafka_protocol::protocol::Request;

use super::accumulator::InFlight;
use super::request;
use crate::config::Acks;
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::net::{Cluster, Lane, Target, decode_response};

/// A broker's answer for one batch.
pub(super) struct PartitionAnswer {
    pub topic: String,
    pub partition: i32,
    pub code: Option<ErrorCode>,
    pub message: Option<String>,
    pub base_offset: i64,
    pub append_time: i64,
}

/// Sends batches to the broker that leads them, `timeout` at most with everything it takes.
pub(super) async fn produce(
    cluster: &Cluster,
    node: i32,
    acks: Acks,
    timeout: Duration,
    batches: &[InFlight],
    wires: &[Bytes],
) -> Result<Vec<PartitionAnswer>> {
    match tokio::time::timeout(timeout, exchange(cluster, node, acks, timeout, batches, wires)).await {
        Ok(result) => result,
        Err(_) => {
            // Answers come in order: later requests on this connection would wait for this one.
            cluster.disconnect(Target::Node(node), Lane::Produce);
            let reason = format!("no answer within {} ms", timeout.as_millis());
            Err(Error::timeout(format!("Produce request to broker {node}"), reason))
        }
    }
}

async fn exchange(
    cluster: &Cluster,
    node: i32,
    acks: Acks,
    timeout: Duration,
    batches: &[InFlight],
    wires: &[Bytes],
) -> Result<Vec<PartitionAnswer>> {
    let connection = cluster.connection(Target::Node(node), Lane::Produce).await?;
    let version = connection.version::<ProduceRequest>()?;
    let correlation_id = connection.correlation_id();
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let frame = request::frame(&connection, version, correlation_id, acks, timeout_ms, batches, wires)?;
    let doing = || connection.doing(ProduceRequest::KEY);
    if acks == Acks::None {
        connection.send_unanswered(frame).await.map_err(|_| connection.broken(doing()))?;
        let unknown = |batch: &InFlight| PartitionAnswer {
            topic: batch.topic.to_string(),
            partition: batch.partition,
            code: None,
            message: None,
            base_offset: -1,
            append_time: -1,
        };
        return Ok(batches.iter().map(unknown).collect());
    }
    let answer = connection.send(frame, correlation_id).await.map_err(|_| connection.broken(doing()))?;
    let response = decode_response::<ProduceRequest>(answer, version, correlation_id)
        .map_err(|reason| Error::protocol(doing(), reason))?;
    let mut answers = Vec::with_capacity(batches.len());
    for topic in response.responses {
        for partition in topic.partition_responses {
            answers.push(PartitionAnswer {
                topic: topic.name.0.to_string(),
                partition: partition.index,
                code: ErrorCode::from_wire(partition.error_code),
                message: partition.error_message.map(|text| text.to_string()),
                base_offset: partition.base_offset,
                append_time: partition.log_append_time_ms,
            });
        }
    }
    Ok(answers)
}

/// Asks for a producer id and its epoch.
pub(super) async fn new_identity(cluster: &Cluster) -> Result<(i64, i16)> {
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
