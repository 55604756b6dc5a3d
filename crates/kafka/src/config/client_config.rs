//! What all clients have in common.
//!
//! Counterpart: org.apache.kafka.clients.CommonClientConfigs.

use std::time::Duration;

use super::security_config::SecurityConfig;
use super::values::Values;
use crate::error::Result;
use crate::metrics::{ClientKind, Windows};
use crate::net::Address;

/// Longer than any process lives; deadlines can be computed with it.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What to do when no known broker can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecoveryStrategy {
    None,
    Rebootstrap,
}

/// Properties that every client has.
#[derive(Debug, Clone)]
pub(crate) struct ClientConfig {
    pub kind: ClientKind,
    pub windows: Windows,
    pub bootstrap: Vec<Address>,
    pub client_id: String,
    pub request_timeout: Duration,
    /// Grows with every failure in a row.
    pub connect_timeout: Backoff,
    pub security: SecurityConfig,
    /// Whether bootstrap servers are replaced by the names of their addresses.
    pub canonical_bootstrap: bool,
    /// For how long a connection may be unused; `None`: for ever.
    pub max_idle: Option<Duration>,
    pub metadata_max_age: Duration,
    pub reconnect_backoff: Backoff,
    pub retry_backoff: Backoff,
    pub recovery: RecoveryStrategy,
    /// Known brokers are given up when metadata could not be had for so long.
    pub rebootstrap_after: Duration,
    /// Bytes; `None` leaves it to the operating system.
    pub send_buffer: Option<u32>,
    pub receive_buffer: Option<u32>,
}

/// Waiting times that double up to a limit, each shifted by up to a fifth so that clients do not come in step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    pub first: Duration,
    pub most: Duration,
}

impl Backoff {
    /// Time to wait after `failures` failures (from 1) in a row.
    pub(crate) fn after(self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(1u32 << failures.saturating_sub(1).min(20));
        doubled.min(self.most.max(self.first)).mul_f64(rand::random_range(0.8..1.2))
    }
}

impl ClientConfig {
    pub(super) fn from_values(kind: ClientKind, values: &Values<'_>) -> Result<Self> {
        let mut bootstrap = Vec::new();
        for server in values.list("bootstrap.servers") {
            match Address::parse(server) {
                Some(address) => bootstrap.push(address),
                None => {
                    return values
                        .refuse("bootstrap.servers", format!("{server} is not a host and a port, as in host:9092"));
                }
            }
        }
        if bootstrap.is_empty() {
            return values.refuse("bootstrap.servers", "No bootstrap urls given in bootstrap.servers");
        }
        // Java's default sizes were chosen before the kernel tuned buffers itself, which a fixed size would stop.
        let buffer = |name| values.is_given(name).then(|| u32::try_from(values.long(name)).ok()).flatten();
        let recovery = match values.text("metadata.recovery.strategy") {
            Some(name) if name.eq_ignore_ascii_case("none") => RecoveryStrategy::None,
            _ => RecoveryStrategy::Rebootstrap,
        };
        let windows = Windows {
            length_ms: u64::try_from(values.long("metrics.sample.window.ms")).unwrap_or(0),
            count: u32::try_from(values.int("metrics.num.samples")).unwrap_or(1),
        };
        Ok(Self {
            kind,
            windows,
            bootstrap,
            client_id: values.text("client.id").unwrap_or("").to_owned(),
            request_timeout: values.millis("request.timeout.ms"),
            connect_timeout: Backoff {
                first: values.millis("socket.connection.setup.timeout.ms"),
                most: values.millis("socket.connection.setup.timeout.max.ms"),
            },
            security: SecurityConfig::from_values(values)?,
            canonical_bootstrap: values.text("client.dns.lookup") == Some("resolve_canonical_bootstrap_servers_only"),
            max_idle: u64::try_from(values.long("connections.max.idle.ms"))
                .ok()
                .map(|millis| Duration::from_millis(millis).min(FOREVER)),
            metadata_max_age: values.millis("metadata.max.age.ms"),
            reconnect_backoff: Backoff {
                first: values.millis("reconnect.backoff.ms"),
                most: values.millis("reconnect.backoff.max.ms"),
            },
            retry_backoff: Backoff {
                first: values.millis("retry.backoff.ms"),
                most: values.millis("retry.backoff.max.ms"),
            },
            recovery,
            rebootstrap_after: values.millis("metadata.recovery.rebootstrap.trigger.ms").min(FOREVER),
            send_buffer: buffer("send.buffer.bytes"),
            receive_buffer: buffer("receive.buffer.bytes"),
        })
    }
}
