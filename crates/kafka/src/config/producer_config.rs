//! Configuration of [`Producer`](crate::producer::Producer).
//!
//! Counterpart: org.apache.kafka.clients.producer.ProducerConfig.

use std::sync::Arc;
use std::time::Duration;

use super::client_config::ClientConfig;
use super::producer_keys::PRODUCER_KEYS;
use super::values::Values;
use super::{Properties, keys};
use crate::error::Result;
use crate::memory::MemoryGovernor;
use crate::metrics::ClientKind;
use crate::records::{Compression, Level};

/// Who must have a batch before it counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acks {
    None,
    Leader,
    All,
}

impl Acks {
    pub(crate) fn id(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// Who chooses the partition of a record that names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Partitioner {
    /// By key; records without stay with a partition for a batch (KIP-794).
    BuiltIn,
    /// One after the other, whatever the key.
    RoundRobin,
}

/// Checked configuration of a producer.
#[derive(Debug, Clone)]
pub struct ProducerConfig {
    pub(crate) client: ClientConfig,
    pub(crate) acks: Acks,
    /// Records without key avoid partitions with long queues.
    pub(crate) adaptive_partitioning: bool,
    /// A broker that keeps batches waiting longer gets none without key; zero is without limit.
    pub(crate) availability_timeout: Duration,
    pub(crate) batch_size: usize,
    pub(crate) buffer_memory: usize,
    pub(crate) compression: Compression,
    pub(crate) compression_level: Level,
    pub(crate) delivery_timeout: Duration,
    pub(crate) idempotence: bool,
    pub(crate) ignore_keys: bool,
    pub(crate) linger: Duration,
    pub(crate) max_block: Duration,
    pub(crate) max_in_flight: usize,
    pub(crate) max_request_size: usize,
    /// What records that wait may take of the process's memory, within `buffer_memory`.
    pub(crate) memory: MemoryGovernor,
    pub(crate) metadata_max_idle: Duration,
    pub(crate) partitioner: Partitioner,
    pub(crate) retries: u32,
    pub(crate) transaction_timeout: Duration,
    pub(crate) transactional_id: Option<Arc<str>>,
}

impl ProducerConfig {
    /// Checks properties by Java's names.
    ///
    /// # Errors
    /// The first property that cannot be used, by name.
    pub fn from_properties(properties: &Properties) -> Result<Self> {
        let values = Values::check("producer", Self::keys(), properties)?;
        let transactional_id = values.text("transactional.id").filter(|_| values.is_given("transactional.id"));
        let client = ClientConfig::from_values(ClientKind::Producer, &values)?;
        let acks = match values.text("acks") {
            Some("0") => Acks::None,
            Some("1") => Acks::Leader,
            _ => Acks::All,
        };
        let compression = values.text("compression.type").and_then(Compression::from_name).unwrap_or_default();
        let level = match compression {
            Compression::Gzip => Some(values.int("compression.gzip.level")).filter(|level| *level != -1),
            Compression::Lz4 => Some(values.int("compression.lz4.level")),
            Compression::Zstd => Some(values.int("compression.zstd.level")),
            Compression::None | Compression::Snappy => None,
        };
        let (linger, delivery) = (values.millis("linger.ms"), values.millis("delivery.timeout.ms"));
        let delivery_timeout = if delivery >= linger + client.request_timeout {
            delivery
        } else if values.is_given("delivery.timeout.ms") {
            return values.refuse(
                "delivery.timeout.ms",
                "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms",
            );
        } else {
            tracing::warn!("delivery.timeout.ms is raised to linger.ms + request.timeout.ms, which are given");
            linger + client.request_timeout
        };
        let max_in_flight = values.size("max.in.flight.requests.per.connection");
        let retries = u32::try_from(values.int("retries")).unwrap_or(0);
        let partitioner = match values.text("partitioner.class") {
            None | Some("") => Partitioner::BuiltIn,
            Some("org.apache.kafka.clients.producer.RoundRobinPartitioner") => Partitioner::RoundRobin,
            Some(_) => {
                let reason = "it names Java code, which cannot run in this worker; remove the property, or name \
                              org.apache.kafka.clients.producer.RoundRobinPartitioner";
                return values.refuse("partitioner.class", reason);
            }
        };
        Ok(Self {
            idempotence: idempotence(&values, acks, max_in_flight, retries)?,
            client,
            acks,
            adaptive_partitioning: values.flag("partitioner.adaptive.partitioning.enable"),
            availability_timeout: values.millis("partitioner.availability.timeout.ms"),
            // A batch that does not fit into the memory would be waited for without end.
            batch_size: values.size("batch.size").min(values.size("buffer.memory")),
            buffer_memory: values.size("buffer.memory"),
            compression,
            compression_level: level,
            delivery_timeout,
            ignore_keys: values.flag("partitioner.ignore.keys"),
            linger,
            max_block: values.millis("max.block.ms"),
            max_in_flight,
            max_request_size: values.size("max.request.size"),
            memory: MemoryGovernor::unlimited(),
            metadata_max_idle: values.millis("metadata.max.idle.ms"),
            partitioner,
            retries,
            transaction_timeout: values.millis("transaction.timeout.ms"),
            transactional_id: transactional_id.map(Arc::from),
        })
    }

    /// Lets batches take memory only as `governor` grants it, beside whatever else it serves. Where it grants none, the buffer counts
    /// as full.
    #[must_use]
    pub fn with_memory(mut self, governor: MemoryGovernor) -> Self {
        self.memory = governor;
        self
    }

    /// Every property of a producer.
    pub fn keys() -> &'static [keys::ClientConfigKey] {
        PRODUCER_KEYS
    }
}

/// On by default; settings that exclude it switch it off, unless it was asked for by name.
fn idempotence(values: &Values<'_>, acks: Acks, max_in_flight: usize, retries: u32) -> Result<bool> {
    let mut on = values.flag("enable.idempotence");
    if on {
        let obstacle = if retries == 0 {
            Some(("retries", "Must set retries to non-zero when using the idempotent producer."))
        } else if acks != Acks::All {
            let reason = "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence.";
            Some(("acks", reason))
        } else {
            None
        };
        match obstacle {
            Some((key, reason)) if values.is_given("enable.idempotence") => return values.refuse(key, reason),
            Some((key, _)) => {
                tracing::info!(property = key, "idempotence is disabled because of this property");
                on = false;
            }
            None => {}
        }
    }
    if on && max_in_flight > 5 {
        let key = "max.in.flight.requests.per.connection";
        let reason = format!(
            "To use the idempotent producer, {key} must be set to at most 5. Current value is {max_in_flight}. \
             Lower it, or set enable.idempotence to false"
        );
        return values.refuse(key, reason);
    }
    if !on && values.is_given("transactional.id") {
        let reason = "Cannot set a transactional.id without also enabling idempotence.";
        return values.refuse("transactional.id", reason);
    }
    Ok(on)
}
