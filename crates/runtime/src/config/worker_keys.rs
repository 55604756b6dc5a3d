//! Definitions of the keys of a worker.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.WorkerConfig.baseConfigDef`, `RestServerConfig`,
//! `standalone.StandaloneConfig`.

use milena_api::config::{ConfigDef, ConfigError, ConfigKey, DistinctList, Importance, Parsed, Type, Validator};

use super::validators::{header_rules, listeners};

/// Keys of a standalone worker, in the order in which Java defines them.
///
/// # Errors
/// Never, unless the table itself is wrong; a test reads it.
pub fn standalone_keys() -> Result<ConfigDef, ConfigError> {
    worker_keys()?.define(
        key("offset.storage.file.filename", Type::String, Importance::High)
            .doc("File that holds the offsets of source connectors."),
    )
}

/// Keys that every worker has.
///
/// # Errors
/// As [`standalone_keys`].
pub fn worker_keys() -> Result<ConfigDef, ConfigError> {
    let keys = connection_keys().into_iter().chain(work_keys()).chain(plugin_keys()).chain(ssl_keys());
    ConfigDef::of(keys.chain(topic_tracking_keys()).chain(rest_keys()))
}

pub(super) fn key(name: &str, ty: Type, importance: Importance) -> ConfigKey {
    ConfigKey::new(name, ty).importance(importance)
}

pub(super) fn low(name: &str, ty: Type) -> ConfigKey {
    key(name, ty, Importance::Low)
}

fn version_key(name: &str, doc: &str) -> ConfigKey {
    low(name, Type::String).default_null().doc(doc)
}

fn connection_keys() -> Vec<ConfigKey> {
    const CONVERTER: &str = "It decides the format of the data in Kafka and does not depend on the connector, so that any connector works \
                             with any format.";
    vec![
        key("bootstrap.servers", Type::List, Importance::High).validator(DistinctList::any()).doc(
            "Brokers to reach the Kafka cluster by, as host1:port1,host2:port2. A few are enough: the rest of the cluster is \
             learnt from them.",
        ),
        key("client.dns.lookup", Type::String, Importance::Medium)
            .default("use_all_dns_ips")
            .validator(Validator::one_of(["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"]))
            .doc(
                "How the names of brokers are looked up: use_all_dns_ips tries all addresses of a name one after the other, \
                 resolve_canonical_bootstrap_servers_only first turns each bootstrap address into canonical names.",
            ),
        key("key.converter", Type::Class, Importance::High)
            .doc(format!("Class of the converter of record keys between Connect and Kafka. {CONVERTER}")),
        version_key("key.converter.plugin.version", "Version of the key converter."),
        key("value.converter", Type::Class, Importance::High)
            .doc(format!("Class of the converter of record values between Connect and Kafka. {CONVERTER}")),
        version_key("value.converter.plugin.version", "Version of the value converter."),
    ]
}

fn work_keys() -> Vec<ConfigKey> {
    vec![
        low("task.shutdown.graceful.timeout.ms", Type::Long)
            .default(5000)
            .doc("How long tasks may take to stop, in milliseconds: all of them together, not each."),
        low("offset.flush.interval.ms", Type::Long)
            .default(60_000)
            .doc("How often the offsets of tasks are committed, in milliseconds."),
        low("offset.flush.timeout.ms", Type::Long).default(5000).doc(
            "How long a commit of source offsets may wait for records and offsets to be written, in milliseconds, before it \
             is left to the next one. Without effect where source connectors deliver exactly once.",
        ),
        low("plugin.path", Type::List).default_null().validator(DistinctList::any().or_null()).doc(
            "Folders and archives with plug-ins. Variables of config providers are not replaced in it.",
        ),
        low("plugin.discovery", Type::String)
            .default("hybrid_warn")
            .validator(Validator::one_of_ignoring_case(["only_scan", "hybrid_warn", "hybrid_fail", "service_load"]))
            .doc("How plug-ins are found in the plugin path: by scanning classes, by their manifests, or by both."),
        low("metrics.sample.window.ms", Type::Long)
            .default(30_000)
            .validator(Validator::at_least(0))
            .doc("Time that one sample of a metric covers, in milliseconds."),
        low("metrics.num.samples", Type::Int)
            .default(2)
            .validator(Validator::at_least(1))
            .doc("Number of samples that a metric is computed from."),
        low("metrics.recording.level", Type::String)
            .default("INFO")
            .validator(Validator::one_of(["INFO", "DEBUG"]))
            .doc("Which metrics are recorded: the essential ones, or all."),
        low("metric.reporters", Type::List)
            .default("org.apache.kafka.common.metrics.JmxReporter")
            .validator(DistinctList::any().or_empty())
            .doc("Classes that are told of metrics."),
    ]
}

fn plugin_keys() -> Vec<ConfigKey> {
    vec![
        low("header.converter", Type::Class)
            .default("org.apache.kafka.connect.storage.SimpleHeaderConverter")
            .doc("Class of the converter of header values between Connect and Kafka."),
        version_key("header.converter.plugin.version", "Version of the header converter."),
        low("config.providers", Type::List).default("").validator(DistinctList::any().or_empty()).doc(
            "Names of config providers, which replace ${name:path:key} in configurations by values kept elsewhere. Each has \
             its class in config.providers.<name>.class and its parameters in config.providers.<name>.param.<key>.",
        ),
        key("connector.client.config.override.policy", Type::String, Importance::Medium).default("All").doc(
            "Which settings of Kafka clients connectors may override: All, None, Allowlist (those in \
             connector.client.config.override.allowlist) or Principal (deprecated: the security settings of a principal).",
        ),
        low("topic.creation.enable", Type::Boolean).default(true).doc(
            "Whether source connectors with topic.creation.* settings have their topics created by the worker rather than by \
             the brokers.",
        ),
    ]
}

fn ssl_keys() -> Vec<ConfigKey> {
    let medium = |name: &str, ty| key(name, ty, Importance::Medium);
    let high = |name: &str, ty| key(name, ty, Importance::High).default_null();
    vec![
        medium("ssl.protocol", Type::String).default("TLSv1.3").doc("Version of TLS to offer first."),
        medium("ssl.provider", Type::String).default_null().doc("Name of the security provider."),
        low("ssl.cipher.suites", Type::List)
            .default("")
            .validator(DistinctList::any().or_empty())
            .doc("Cipher suites to use; by default all that there are."),
        medium("ssl.enabled.protocols", Type::List)
            .default("TLSv1.2,TLSv1.3")
            .validator(DistinctList::any().or_empty())
            .doc("Versions of TLS to use; the highest that both sides have is taken."),
        medium("ssl.keystore.type", Type::String).default("JKS").doc("Format of the key store: JKS, PKCS12 or PEM."),
        high("ssl.keystore.location", Type::String).doc("File of the key store, with this side's certificate and key."),
        high("ssl.keystore.password", Type::Password).doc("Password of the key store; PEM has none."),
        high("ssl.key.password", Type::Password)
            .doc("Password of the private key, in the key store or in ssl.keystore.key."),
        high("ssl.keystore.key", Type::Password).doc("Private key as PEM text (PKCS #8)."),
        high("ssl.keystore.certificate.chain", Type::Password).doc("This side's certificates as PEM text."),
        high("ssl.truststore.certificates", Type::Password).doc("Trusted certificates as PEM text."),
        medium("ssl.truststore.type", Type::String)
            .default("JKS")
            .doc("Format of the trust store: JKS, PKCS12 or PEM."),
        high("ssl.truststore.location", Type::String).doc("File of the trust store, with trusted certificates."),
        high("ssl.truststore.password", Type::Password)
            .doc("Password of the trust store; without it, the store is used without a check of its integrity."),
        low("ssl.keymanager.algorithm", Type::String).default("SunX509").doc("Algorithm that reads key stores."),
        low("ssl.trustmanager.algorithm", Type::String).default("PKIX").doc("Algorithm that checks certificates."),
        low("ssl.endpoint.identification.algorithm", Type::String)
            .default("https")
            .doc("How the server's name is checked against its certificate; empty for no check."),
        low("ssl.secure.random.implementation", Type::String).default_null().doc("Source of random numbers."),
        low("ssl.engine.factory.class", Type::Class).default_null().doc("Class that makes TLS connections."),
    ]
}

fn topic_tracking_keys() -> Vec<ConfigKey> {
    vec![
        low("topic.tracking.enable", Type::Boolean)
            .default(true)
            .doc("Whether the worker remembers which topics each connector uses."),
        low("topic.tracking.allow.reset", Type::Boolean)
            .default(true)
            .doc("Whether users may have the topics forgotten that a connector has used."),
    ]
}

fn rest_keys() -> Vec<ConfigKey> {
    vec![
        low("listeners", Type::List).default("http://:8083").validator(listeners()).doc(
            "Addresses that the REST API listens at, as http://host:port or https://host:port. Without a host it is the \
             default interface, with 0.0.0.0 all of them.",
        ),
        low("rest.advertised.host.name", Type::String).default_null().doc("Host name that other workers are told."),
        low("rest.advertised.port", Type::Int).default_null().doc("Port that other workers are told."),
        low("rest.advertised.listener", Type::String)
            .default_null()
            .doc("Which of the listeners, http or https, other workers are told."),
        low("access.control.allow.origin", Type::String).default("").doc(
            "Origin that browsers may use the REST API from, or * for any; by default only the API's own.",
        ),
        low("access.control.allow.methods", Type::String)
            .default("")
            .doc("Methods that browsers may use from another origin; by default GET, POST and HEAD."),
        low("response.http.headers.config", Type::String)
            .default("")
            .validator(header_rules())
            .doc("Rules for headers of REST responses, as [action] [header name]:[header value], separated by commas."),
        low("ssl.client.auth", Type::String)
            .default("none")
            .validator(Validator::one_of(["required", "requested", "none"]))
            .doc("Whether clients of the REST API must show a certificate, may, or need not."),
        low("rest.extension.classes", Type::List)
            .default("")
            .validator(DistinctList::any().or_empty())
            .doc("Classes that extend the REST API, in order."),
        low("admin.listeners", Type::List)
            .default_value(Parsed::Null)
            .validator(DistinctList::any().or_empty().or_null())
            .doc("Addresses of the admin endpoints; by default those of the REST API, and if empty there are none."),
    ]
}
