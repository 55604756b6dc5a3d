//! `ClientConfigs`: the settings of the Kafka clients that a connector and its tasks use.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.Worker.{baseProducerConfigs, baseConsumerConfigs, adminConfigs}`.
//!
//! Later wins: what Connect sets, the worker's `producer.` (`consumer.`, `admin.`) settings, the connector's `*.override.` settings.

use milena_api::config::{ConfigMap, HIDDEN};
use milena_api::{Error, Result};
use milena_kafka::config::{ADMIN_KEYS, CONSUMER_KEYS, ClientConfigKey, PRODUCER_KEYS, Properties};

use super::override_policy::OverridePolicy;
use super::worker_config::{WorkerConfig, with_prefix};

/// Kinds of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientKind {
    /// Writes records.
    Producer,
    /// Reads records.
    Consumer,
    /// Creates topics, alters offsets and so on.
    Admin,
}

impl ClientKind {
    /// `producer`, `consumer`, `admin`.
    pub const fn name(self) -> &'static str {
        match self {
            ClientKind::Producer => "producer",
            ClientKind::Consumer => "consumer",
            ClientKind::Admin => "admin",
        }
    }

    /// Prefix of the connector's settings for it.
    pub const fn override_prefix(self) -> &'static str {
        match self {
            ClientKind::Producer => "producer.override.",
            ClientKind::Consumer => "consumer.override.",
            ClientKind::Admin => "admin.override.",
        }
    }

    /// Prefix of the worker's settings for it.
    const fn worker_prefix(self) -> &'static str {
        match self {
            ClientKind::Producer => "producer.",
            ClientKind::Consumer => "consumer.",
            ClientKind::Admin => "admin.",
        }
    }

    /// The settings there are.
    pub const fn keys(self) -> &'static [ClientConfigKey] {
        match self {
            ClientKind::Producer => PRODUCER_KEYS,
            ClientKind::Consumer => CONSUMER_KEYS,
            ClientKind::Admin => ADMIN_KEYS,
        }
    }

    fn knows(self, key: &str) -> bool {
        self.keys().iter().any(|known| known.name == key)
    }
}

/// Settings of the clients of one connector.
#[derive(Clone, Copy)]
pub struct ClientConfigs<'a> {
    worker: &'a WorkerConfig,
    connector: &'a str,
    config: &'a ConfigMap,
    cluster_id: &'a str,
}

impl<'a> ClientConfigs<'a> {
    /// For a connector with this (resolved) configuration, on a worker of this Kafka cluster.
    pub fn new(worker: &'a WorkerConfig, connector: &'a str, config: &'a ConfigMap, cluster_id: &'a str) -> Self {
        ClientConfigs { worker, connector, config, cluster_id }
    }

    /// Producer of a source task, or of dead letters.
    ///
    /// # Errors
    /// The connector overrides what it may not.
    pub fn producer(&self, client_id: &str) -> Result<Properties> {
        let defaults = [
            ("bootstrap.servers", self.worker.bootstrap_servers.as_str()),
            ("key.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer"),
            ("value.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer"),
            ("max.block.ms", "9223372036854775807"),
            ("enable.idempotence", "false"),
            ("acks", "all"),
            ("max.in.flight.requests.per.connection", "1"),
            ("delivery.timeout.ms", "2147483647"),
            ("client.id", client_id),
        ];
        self.layered(ClientKind::Producer, &defaults)
    }

    /// Consumer of a sink task; `group.id` is `connect-<connector>` unless overridden.
    ///
    /// # Errors
    /// The connector overrides what it may not.
    pub fn sink_consumer(&self, client_id: &str) -> Result<Properties> {
        let group = format!("connect-{}", self.connector);
        self.consumer(client_id, &[("group.id", &group)])
    }

    /// Consumer of a connector's own topic of source offsets.
    ///
    /// # Errors
    /// The connector overrides what it may not.
    pub fn source_offset_consumer(&self, client_id: &str) -> Result<Properties> {
        let group = format!("connect-{}", self.connector);
        self.consumer(client_id, &[("group.id", &group), ("isolation.level", "read_committed")])
    }

    fn consumer(&self, client_id: &str, more: &[(&str, &str)]) -> Result<Properties> {
        let mut defaults = vec![
            ("client.id", client_id),
            ("bootstrap.servers", self.worker.bootstrap_servers.as_str()),
            ("enable.auto.commit", "false"),
            ("auto.offset.reset", "earliest"),
            ("key.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer"),
            ("value.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer"),
        ];
        defaults.extend(more);
        self.layered(ClientKind::Consumer, &defaults)
    }

    /// Admin client of a connector or task. The worker's settings without prefix count here, too.
    ///
    /// # Errors
    /// The connector overrides what it may not.
    pub fn admin(&self, client_id: &str) -> Result<Properties> {
        let mut defaults =
            vec![("bootstrap.servers", self.worker.bootstrap_servers.as_str()), ("client.id", client_id)];
        let own = self.worker.originals().iter().filter(|(key, _)| of_admin(key));
        defaults.extend(own.map(|(key, value)| (key.as_str(), value.as_str())));
        self.layered(ClientKind::Admin, &defaults)
    }

    /// Group of a sink connector.
    ///
    /// # Errors
    /// The connector overrides what it may not.
    pub fn sink_group(&self) -> Result<String> {
        let overrides = self.overrides(ClientKind::Consumer)?;
        Ok(overrides.get("group.id").cloned().unwrap_or_else(|| format!("connect-{}", self.connector)))
    }

    fn layered(&self, kind: ClientKind, defaults: &[(&str, &str)]) -> Result<Properties> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let mut properties: Properties = defaults.iter().map(owned).collect();
        let mut worker = self.worker.with_prefix(kind.worker_prefix());
        if kind == ClientKind::Admin {
            // `admin.listeners` and its TLS settings belong to the REST API.
            worker.retain(|key, _| !key.starts_with("listeners"));
        }
        properties.extend(worker);
        properties.extend(self.overrides(kind)?);
        properties.extend(metrics_context(self.worker, self.cluster_id));
        Ok(properties)
    }

    /// The connector's overrides, which validation has checked before: a worker may have been restarted with another policy.
    fn overrides(&self, kind: ClientKind) -> Result<ConfigMap> {
        let overrides = with_prefix(self.config, kind.override_prefix());
        check_overrides(self.worker.override_policy(), &overrides)?;
        Ok(overrides)
    }
}

fn check_overrides(policy: &OverridePolicy, overrides: &ConfigMap) -> Result<()> {
    let refused: Vec<String> = overrides
        .keys()
        .filter_map(|key| Some(format!("[{key},{HIDDEN},[],[{}],true]", policy.refusal(key)?)))
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(Error::fatal(format!("Client Config Overrides not allowed [{}]", refused.join(", "))))
}

/// Settings of the clients that the worker itself uses before any connector exists: all its properties that an admin client knows.
pub fn worker_admin(worker: &WorkerConfig) -> Properties {
    let mut properties: Properties = worker.originals().clone();
    properties.retain(|key, _| of_admin(key));
    properties.insert("bootstrap.servers".to_owned(), worker.bootstrap_servers.clone());
    properties
}

/// True for the worker's settings that an admin client takes over: config providers have done their work by then.
fn of_admin(key: &str) -> bool {
    ClientKind::Admin.knows(key) && key != "config.providers"
}

/// What clients and reporters are told of where they belong.
fn metrics_context(worker: &WorkerConfig, cluster_id: &str) -> Properties {
    const PREFIX: &str = "metrics.context.";
    let given = worker.originals().iter().filter(|(key, _)| key.starts_with(PREFIX));
    let mut context: Properties = given.map(|(key, value)| (key.clone(), value.clone())).collect();
    context.insert(format!("{PREFIX}connect.kafka.cluster.id"), cluster_id.to_owned());
    if let Some(group) = worker.group_id() {
        context.insert(format!("{PREFIX}connect.group.id"), group.to_owned());
    }
    context
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::worker_config::StandaloneConfig;
    use crate::plugins::test_plugins::registry;

    fn map(pairs: &[(&str, &str)]) -> ConfigMap {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn worker(more: &[(&str, &str)]) -> WorkerConfig {
        let mut properties = map(&[
            ("bootstrap.servers", "a:1, b:2"),
            ("key.converter", "Bytes"),
            ("value.converter", "Bytes"),
            ("header.converter", "Heads"),
            ("offset.storage.file.filename", "/tmp/o"),
        ]);
        properties.extend(map(more));
        StandaloneConfig::parse(&properties, &registry()).unwrap().worker
    }

    #[test]
    fn later_layers_win() {
        let worker = worker(&[("producer.acks", "1"), ("producer.linger.ms", "7"), ("acks", "0")]);
        let config = map(&[("producer.override.linger.ms", "9"), ("topic", "t")]);
        let producer = ClientConfigs::new(&worker, "c", &config, "id").producer("connector-producer-c-0").unwrap();
        for (key, value) in [
            ("bootstrap.servers", "a:1,b:2"),
            ("client.id", "connector-producer-c-0"),
            ("acks", "1"),
            ("linger.ms", "9"),
            ("max.in.flight.requests.per.connection", "1"),
            ("metrics.context.connect.kafka.cluster.id", "id"),
        ] {
            assert_eq!(producer[key], value, "{key}");
        }
        assert!(!producer.contains_key("topic"));
    }

    #[test]
    fn a_sink_has_its_own_group_unless_it_says_otherwise() {
        let worker = worker(&[]);
        let (own, other) = (ConfigMap::new(), map(&[("consumer.override.group.id", "g")]));
        let own = ClientConfigs::new(&worker, "c", &own, "id");
        assert_eq!(own.sink_consumer("x").unwrap()["group.id"], "connect-c");
        assert_eq!(own.sink_group().unwrap(), "connect-c");
        let other = ClientConfigs::new(&worker, "c", &other, "id");
        assert_eq!(other.sink_consumer("x").unwrap()["group.id"], "g");
        assert_eq!(other.sink_group().unwrap(), "g");
    }

    #[test]
    fn an_admin_client_inherits_what_the_worker_says_without_prefix() {
        let worker = worker(&[("request.timeout.ms", "5"), ("admin.retries", "3"), ("admin.listeners", "http://:1")]);
        let config = ConfigMap::new();
        let admin = ClientConfigs::new(&worker, "c", &config, "id").admin("x").unwrap();
        assert_eq!((admin["request.timeout.ms"].as_str(), admin["retries"].as_str()), ("5", "3"));
        assert!(!admin.contains_key("listeners") && !admin.contains_key("key.converter"));
    }

    #[test]
    fn overrides_that_the_policy_refuses_stop_the_client_and_show_no_value() {
        let worker = worker(&[("connector.client.config.override.policy", "None")]);
        let config = map(&[("producer.override.sasl.jaas.config", "secret")]);
        let error = ClientConfigs::new(&worker, "c", &config, "id").producer("x").unwrap_err().to_string();
        assert!(error.starts_with("Client Config Overrides not allowed [[sasl.jaas.config,[hidden],[],["), "{error}");
    }
}
