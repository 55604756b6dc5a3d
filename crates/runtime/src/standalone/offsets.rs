//! Listing, altering and resetting offsets over REST (KIP-875).
//!
//! Counterpart: `org.apache.kafka.connect.runtime.Worker.{connectorOffsets, modifyConnectorOffsets}`, `SinkUtils`.

use std::collections::BTreeMap;
use std::sync::Arc;

use milena_api::config::ConfigMap;
use milena_api::data::{Map, Value};
use milena_api::error::{Error, ErrorKind};
use milena_api::record::TopicPartition;
use milena_api::sink::SinkOffsetChanges;
use milena_kafka::consumer::OffsetAndMetadata;

use super::herder::Inner;
use crate::herder::{ConnectorOffset, ConnectorType, HerderResult, Message, RequestError, TargetState};
use crate::logging::LogContext;
use crate::tasks::CallError;
use crate::worker::{AnyOffsetChanges, Worker, alter_offsets};

const TOPIC: &str = "kafka_topic";
const PARTITION: &str = "kafka_partition";
const OFFSET: &str = "kafka_offset";

impl Worker {
    /// Stored offsets of a connector: the source's own, or those of the sink's consumer group.
    ///
    /// # Errors
    /// The store or Kafka cannot be read.
    pub async fn connector_offsets(&self, name: &str, config: &ConfigMap) -> HerderResult<Vec<ConnectorOffset>> {
        match self.connector_type(config) {
            ConnectorType::Source => {
                let all = self.source_offsets(name).all().map_err(|error| {
                    tracing::error!(%error, connector = name, "could not read source offsets");
                    RequestError::internal(format!("Failed to retrieve offsets for source connector {name}"))
                })?;
                let entry = |(partition, offset)| ConnectorOffset { partition, offset: Some(offset) };
                Ok(all.into_iter().map(entry).collect())
            }
            _ => {
                let failed = |error: Error| {
                    tracing::error!(%error, connector = name, "could not read consumer group offsets");
                    let message = format!("Failed to retrieve consumer group offsets for sink connector {name}");
                    RequestError::internal(message)
                };
                let (admin, group) = self.builder().sink_group(name, config).map_err(failed)?;
                let stored = admin
                    .list_consumer_group_offsets(&group)
                    .await
                    .map_err(|error| failed(crate::worker::from_kafka(error)))?;
                Ok(stored
                    .into_iter()
                    .map(|(partition, committed)| ConnectorOffset {
                        partition: Some(
                            [
                                (Value::from(PARTITION), Value::I32(partition.partition)),
                                (Value::from(TOPIC), Value::from(&*partition.topic)),
                            ]
                            .into_iter()
                            .collect(),
                        ),
                        offset: Some([(Value::from(OFFSET), Value::I64(committed.offset))].into_iter().collect()),
                    })
                    .collect())
            }
        }
    }
}

/// Alters the offsets of a stopped connector, or with `None` resets all of them.
pub(super) async fn modify(
    inner: Arc<Inner>,
    name: String,
    offsets: Option<Vec<ConnectorOffset>>,
) -> HerderResult<Message> {
    let _turn = inner.turn.lock().await;
    let known = inner.known(&name)?;
    if known.target_state != TargetState::Stopped || !known.tasks.is_empty() {
        return Err(RequestError::bad_request(format!(
            "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified \
             connector by issuing a 'PUT' request to the '/connectors/{name}/stop' endpoint"
        )));
    }
    let worker = &inner.parts.worker;
    let verb = if offsets.is_some() { "altered" } else { "reset" };
    let taken_note = match worker.connector_type(&known.config) {
        ConnectorType::Source => modify_source(worker, &name, &known.config, offsets).await?,
        _ => modify_sink(worker, &name, &known.config, offsets).await?,
    };
    Ok(if taken_note {
        format!("The offsets for this connector have been {verb} successfully")
    } else {
        format!(
            "The Connect framework-managed offsets for this connector have been {verb} successfully. However, if this connector manages \
             offsets externally, they will need to be manually {verb} in the system that the connector uses."
        )
    })
}

async fn modify_source(
    worker: &Worker,
    name: &str,
    config: &ConfigMap,
    offsets: Option<Vec<ConnectorOffset>>,
) -> HerderResult<bool> {
    let store = worker.source_offsets(name);
    let changes: Vec<(Option<Map>, Option<Map>)> = match offsets {
        Some(offsets) => {
            let normal = |map: Option<Map>| map.map(|map| store.codec().normalize(&map)).transpose();
            let mut changes = Vec::with_capacity(offsets.len());
            for ConnectorOffset { partition, offset } in offsets {
                changes.push((normal(partition)?, normal(offset)?));
            }
            changes
        }
        None => store.all()?.into_iter().map(|(partition, _)| (partition, None)).collect(),
    };
    let taken_note = ask_connector(worker, name, config, AnyOffsetChanges::Source(changes.clone())).await?;
    store.put(changes.iter().map(|(partition, offset)| (partition.as_ref(), offset.as_ref()))).await?;
    Ok(taken_note)
}

async fn modify_sink(
    worker: &Worker,
    name: &str,
    config: &ConfigMap,
    offsets: Option<Vec<ConnectorOffset>>,
) -> HerderResult<bool> {
    let (admin, group) = worker.builder().sink_group(name, config)?;
    let reset = offsets.is_none();
    let changes = match offsets {
        Some(offsets) => parse_sink_offsets(offsets)?,
        None => {
            let stored = admin.list_consumer_group_offsets(&group).await.map_err(|error| {
                tracing::error!(%error, connector = name, "could not read consumer group offsets");
                RequestError::internal(format!("Failed to list offsets for consumer group {group}"))
            })?;
            stored.into_keys().map(|partition| (partition, None)).collect()
        }
    };
    let taken_note = ask_connector(worker, name, config, AnyOffsetChanges::Sink(changes.clone())).await?;
    let busy = |error: milena_kafka::Error, doing: &str, altering: &str| {
        tracing::error!(%error, connector = name, "could not modify consumer group offsets");
        if !error.is_group_not_empty() && !error.is_unknown_member() {
            return RequestError::internal(format!("Failed to {doing} consumer group offsets for connector {name}"));
        }
        RequestError::internal(format!(
            "Failed to {doing} consumer group offsets for connector {name} either because its tasks haven't stopped completely yet or the \
             connector was resumed before the request to {altering} could be successfully completed. If the connector is in a stopped state, \
             this operation can be safely retried. If it doesn't eventually succeed, the Connect cluster may need to be restarted to get rid \
             of the zombie sink tasks."
        ))
    };
    if reset {
        match admin.delete_consumer_group(&group).await {
            Err(error) if !error.is_group_id_not_found() => return Err(busy(error, "reset", "reset its offsets")),
            _ => return Ok(taken_note),
        }
    }
    if changes.values().flatten().any(|offset| *offset < 0) {
        return Err(RequestError::internal(format!("Failed to modify offsets for sink connector {name}")));
    }
    let set: BTreeMap<TopicPartition, OffsetAndMetadata> = changes
        .iter()
        .filter_map(|(partition, offset)| Some((partition.clone(), OffsetAndMetadata::new((*offset)?))))
        .collect();
    let removed: Vec<TopicPartition> =
        changes.iter().filter(|(_, offset)| offset.is_none()).map(|(partition, _)| partition.clone()).collect();
    if !set.is_empty() {
        admin
            .alter_consumer_group_offsets(&group, &set)
            .await
            .map_err(|error| busy(error, "alter", "alter its offsets"))?;
    }
    if !removed.is_empty() {
        admin
            .delete_consumer_group_offsets(&group, &removed)
            .await
            .map_err(|error| busy(error, "alter", "alter its offsets"))?;
    }
    Ok(taken_note)
}

/// Calls `alter_offsets` of a connector object made for the purpose, on a thread of its own.
async fn ask_connector(
    worker: &Worker,
    name: &str,
    config: &ConfigMap,
    changes: AnyOffsetChanges,
) -> HerderResult<bool> {
    let (mut connector, resolved) = worker.idle_connector(config)?;
    let asked = worker
        .spawner()
        .call(&LogContext::connector(name), None, move |runtime| {
            runtime.block_on(alter_offsets(&mut connector, &resolved, &changes))
        })
        .await;
    match asked {
        Ok(Ok(taken_note)) => Ok(taken_note),
        Ok(Err(error)) if error.kind() == ErrorKind::Unsupported => Err(RequestError::internal(format!(
            "Failed to modify offsets for connector {name} because it doesn't support external modification of offsets"
        ))),
        Ok(Err(error)) => Err(RequestError::from(error)),
        Err(CallError::Panicked(text)) => Err(RequestError::internal(format!("the connector panicked: {text}"))),
        Err(CallError::TimedOut) => Err(RequestError::internal(format!("Timed out while altering offsets of {name}"))),
    }
}

fn parse_sink_offsets(offsets: Vec<ConnectorOffset>) -> HerderResult<SinkOffsetChanges> {
    let mut changes = SinkOffsetChanges::new();
    for ConnectorOffset { partition, offset } in offsets {
        let bad = |message: &str| RequestError::bad_request(message);
        let partition =
            partition.ok_or_else(|| bad("The partition for a sink connector offset cannot be null or missing"))?;
        let (Some(topic), Some(number)) = (partition.get_str(TOPIC), partition.get_str(PARTITION)) else {
            return Err(RequestError::bad_request(format!(
                "The partition for a sink connector offset must contain the keys '{TOPIC}' and '{PARTITION}'"
            )));
        };
        if topic.is_null() {
            return Err(bad("Kafka topic names must be valid strings and may not be null"));
        }
        if number.is_null() {
            return Err(bad("Kafka partitions must be valid numbers and may not be null"));
        }
        let number: i32 = number.to_string().parse().map_err(|_| {
            RequestError::bad_request(format!(
                "Failed to parse the following Kafka partition value in the provided offsets: '{number}'. \
                 Partition values for sink connectors need to be integers."
            ))
        })?;
        let partition = TopicPartition::new(topic.to_string(), number);
        let Some(offset) = offset else {
            changes.insert(partition, None);
            continue;
        };
        let Some(value) = offset.get_str(OFFSET) else {
            return Err(RequestError::bad_request(format!(
                "The offset for a sink connector should either be null or contain the key '{OFFSET}'"
            )));
        };
        let value: i64 = value.to_string().parse().map_err(|_| {
            RequestError::bad_request(format!(
                "Failed to parse the following Kafka offset value in the provided offsets: '{value}'. \
                 Offset values for sink connectors need to be integers."
            ))
        })?;
        changes.insert(partition, Some(value));
    }
    Ok(changes)
}
