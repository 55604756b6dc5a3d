//! What all clients have in common.
//!
//! Counterpart: org.apache.kafka.clients.CommonClientConfigs.

use std::sync::atomic::{AtomicU32, Ordering};
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
        let protocol = values.text("security.protocol").unwrap_or("PLAINTEXT").to_ascii_uppercase();
        if protocol.starts_with("SASL") && values.text("sasl.mechanism").is_none_or(str::is_empty) {
            let reason = "When the security.protocol configuration enables SASL, mechanism must be non-null and non-empty string.";
            return values.refuse("sasl.mechanism", reason);
        }
        warn_of_static_backoff(values);
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
            bootstrap: bootstrap(values)?,
            client_id: client_id(kind, values),
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
            reconnect_backoff: reconnect_backoff(values),
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

fn bootstrap(values: &Values<'_>) -> Result<Vec<Address>> {
    const KEY: &str = "bootstrap.servers";
    let mut bootstrap = Vec::new();
    for server in values.list(KEY) {
        match Address::parse(server) {
            Some(address) => bootstrap.push(address),
            None => {
                // Java tells a port that is no port from what does not look like an address at all.
                let what = server.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u64>().is_ok());
                let what = if what { "port" } else { "url" };
                return values
                    .refuse(KEY, format!("Invalid {what} in {KEY}: {server}; write host:port, as in host:9092"));
            }
        }
    }
    if bootstrap.is_empty() {
        let reason = "Configuration 'bootstrap.servers' must not be empty. Valid values include: any non-empty value";
        return values.refuse(KEY, reason);
    }
    Ok(bootstrap)
}

/// The name given, or one made as Java makes it.
fn client_id(kind: ClientKind, values: &Values<'_>) -> String {
    static CONSUMERS: AtomicU32 = AtomicU32::new(1);
    static PRODUCERS: AtomicU32 = AtomicU32::new(1);
    static ADMINS: AtomicU32 = AtomicU32::new(1);
    if let Some(given) = values.text("client.id").filter(|text| !text.is_empty()) {
        return given.to_owned();
    }
    let next = |sequence: &AtomicU32| sequence.fetch_add(1, Ordering::Relaxed).to_string();
    let own = |name: &str, sequence| values.text(name).map_or_else(|| next(sequence), str::to_owned);
    match kind {
        ClientKind::Admin => format!("adminclient-{}", next(&ADMINS)),
        ClientKind::Consumer => {
            let group = values.text("group.id").unwrap_or("null");
            format!("consumer-{group}-{}", own("group.instance.id", &CONSUMERS))
        }
        ClientKind::Producer => format!("producer-{}", own("transactional.id", &PRODUCERS)),
    }
}

/// Who sets the first wait only gets waits that do not grow.
fn reconnect_backoff(values: &Values<'_>) -> Backoff {
    let first = values.millis("reconnect.backoff.ms");
    let grows = values.is_given("reconnect.backoff.max.ms") || !values.is_given("reconnect.backoff.ms");
    let most = values.millis("reconnect.backoff.max.ms");
    Backoff { first, most: if grows { most } else { first } }
}

fn warn_of_static_backoff(values: &Values<'_>) {
    for (first, most) in [
        ("retry.backoff.ms", "retry.backoff.max.ms"),
        ("socket.connection.setup.timeout.ms", "socket.connection.setup.timeout.max.ms"),
    ] {
        if values.millis(first) > values.millis(most) {
            let (ms, max_ms) = (values.long(first), values.long(most));
            tracing::warn!(ms, max_ms, "{first} is larger than {most}; it is used as it is and does not grow");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_differ_by_a_fifth_at_most() {
        let backoff = Backoff { first: Duration::from_millis(100), most: Duration::from_millis(1000) };
        for (failures, expected) in [(1, 100), (2, 200), (4, 800), (5, 1000), (4_000_000_000, 1000)] {
            let ms = backoff.after(failures).as_millis();
            assert!(ms >= expected * 8 / 10 && ms <= expected * 12 / 10, "{failures}: {ms}");
        }
    }
}
