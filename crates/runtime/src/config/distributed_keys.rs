//! Keys of a distributed worker.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.distributed.DistributedConfig`.

use milena_api::config::{ConfigDef, ConfigError, ConfigKey, DistinctList, Importance, Parsed, Type, Validator};
use milena_kafka::config::{self as client, ADMIN_KEYS, ClientConfigKey};

use super::worker_keys::{key, low, worker_keys};

/// Algorithms that sign the requests between workers. Java offers those of its security providers.
const ALGORITHMS: &[&str] = &["HmacSHA1", "HmacSHA224", "HmacSHA256", "HmacSHA384", "HmacSHA512"];

/// Keys of clients that a worker takes over for its membership in the group, beside those of SASL; what TLS needs every worker has.
const MEMBER_KEYS: &[&str] = &[
    "metadata.max.age.ms",
    "client.id",
    "send.buffer.bytes",
    "receive.buffer.bytes",
    "reconnect.backoff.ms",
    "reconnect.backoff.max.ms",
    "socket.connection.setup.timeout.ms",
    "socket.connection.setup.timeout.max.ms",
    "retry.backoff.ms",
    "retry.backoff.max.ms",
    "request.timeout.ms",
    "connections.max.idle.ms",
    "security.protocol",
    "metadata.recovery.strategy",
    "metadata.recovery.rebootstrap.trigger.ms",
];

/// Keys of `connect-distributed`.
///
/// # Errors
/// When the definition contradicts itself.
pub fn distributed_keys() -> Result<ConfigDef, ConfigError> {
    let keys = group_keys().into_iter().chain(client_keys()).chain(storage_keys()).chain(protocol_keys());
    keys.chain(signing_keys()).try_fold(worker_keys()?, ConfigDef::define)
}

fn group_keys() -> Vec<ConfigKey> {
    let high = |name, ty| key(name, ty, Importance::High);
    vec![
        high("group.id", Type::String)
            .doc("Name of the group of workers that this one belongs to; a consumer group of that name must not exist."),
        high("session.timeout.ms", Type::Int).default(10_000).doc(
            "For how long a worker may send no heartbeat before the others take over its work, in milliseconds; the broker's \
             group.min.session.timeout.ms and group.max.session.timeout.ms bound it.",
        ),
        high("rebalance.timeout.ms", Type::Int).default(60_000).doc(
            "How long a worker may take to rejoin the group in a rebalance, in milliseconds: its tasks have to flush and \
             commit in that time.",
        ),
        high("heartbeat.interval.ms", Type::Int)
            .default(3_000)
            .doc("How often a heartbeat is sent, in milliseconds; at most a third of session.timeout.ms."),
        high("exactly.once.source.support", Type::String)
            .default("disabled")
            .validator(Validator::one_of_ignoring_case(["disabled", "preparing", "enabled"]))
            .doc(
                "Whether source connectors may write records and offsets in one transaction and zombies are fenced. A running \
                 cluster is first rolled to preparing, then to enabled.",
            ),
    ]
}

fn client_keys() -> impl Iterator<Item = ConfigKey> {
    let wanted = |key: &&ClientConfigKey| MEMBER_KEYS.contains(&key.name) || key.name.starts_with("sasl.");
    ADMIN_KEYS.iter().filter(wanted).map(|known| {
        let key = of_client(known);
        match known.name {
            "send.buffer.bytes" => key.default(128 * 1024),
            "receive.buffer.bytes" => key.default(32 * 1024),
            "request.timeout.ms" => key.default(40_000),
            "connections.max.idle.ms" => key.default(540_000),
            "client.id" => key.importance(Importance::Low),
            "socket.connection.setup.timeout.ms" | "socket.connection.setup.timeout.max.ms" => {
                key.importance(Importance::Low).validator(Validator::at_least(0))
            }
            "sasl.oauthbearer.expected.audience" => key.validator(DistinctList::any().or_empty()),
            _ => key,
        }
    })
}

/// A key as the client's tables have it.
fn of_client(known: &ClientConfigKey) -> ConfigKey {
    let ty = match known.kind {
        client::Type::Boolean => Type::Boolean,
        client::Type::Class => Type::Class,
        client::Type::Double => Type::Double,
        client::Type::Int => Type::Int,
        client::Type::List => Type::List,
        client::Type::Long => Type::Long,
        client::Type::Password => Type::Password,
        client::Type::Short => Type::Short,
        client::Type::String => Type::String,
    };
    let importance = match known.importance {
        client::Importance::High => Importance::High,
        client::Importance::Medium => Importance::Medium,
        client::Importance::Low => Importance::Low,
    };
    let key = key(known.name, ty, importance).doc(known.doc());
    let key = match known.default {
        client::DefaultValue::Required => key,
        client::DefaultValue::Null => key.default_null(),
        client::DefaultValue::Value(text) => key.default(text),
    };
    match known.check {
        client::Check::AtLeast(least) => key.validator(Validator::at_least(least)),
        client::Check::Range(least, most) => key.validator(Validator::between(least, most)),
        client::Check::Between(least, most) => key.validator(Validator::between(least, most)),
        client::Check::Choice(all) => key.validator(Validator::one_of(all.iter().copied())),
        client::Check::ChoiceIgnoringCase(all) => key.validator(Validator::one_of_ignoring_case(all.iter().copied())),
        client::Check::NonEmpty => key.validator(Validator::non_empty_string()),
        client::Check::Any | client::Check::RangeOr(..) | client::Check::OffsetReset => key,
    }
}

fn storage_keys() -> Vec<ConfigKey> {
    const REPLICATION: &str = "Replication factor of the topic when it is created.";
    const PARTITIONS: &str = "Partitions of the topic when it is created.";
    let topic = |name, doc| key(name, Type::String, Importance::High).doc(doc);
    let partitions = |name: &str, default: i32| {
        low(name, Type::Int)
            .default(default)
            .validator(a_count("Number of partitions must be positive, or -1 to use the broker's default"))
            .doc(PARTITIONS)
    };
    let replication = |name: &str| {
        let rule = "Replication factor must be positive and not larger than the number of brokers in the Kafka cluster, or -1 to use the broker's default";
        low(name, Type::Short).default(3).validator(a_count(rule)).doc(REPLICATION)
    };
    vec![
        topic("offset.storage.topic", "Topic for the offsets of source connectors."),
        partitions("offset.storage.partitions", 25),
        replication("offset.storage.replication.factor"),
        topic("config.storage.topic", "Topic for the configurations of connectors."),
        replication("config.storage.replication.factor"),
        topic("status.storage.topic", "Topic for the states of connectors and tasks."),
        partitions("status.storage.partitions", 5),
        replication("status.storage.replication.factor"),
    ]
}

/// A positive number, or -1 for the broker's default. Counterpart: `PARTITIONS_VALIDATOR`, `REPLICATION_FACTOR_VALIDATOR`.
fn a_count(rule: &'static str) -> Validator {
    Validator::custom(rule, move |name, value: &Parsed| match value {
        Parsed::Int(-1 | 1..) | Parsed::Short(-1 | 1..) | Parsed::Null => Ok(()),
        _ => Err(ConfigError::invalid(name, value, rule)),
    })
}

fn protocol_keys() -> Vec<ConfigKey> {
    let protocol = Validator::custom("[eager, compatible, sessioned]", |name, value: &Parsed| {
        let known = value.as_str().is_some_and(|text| {
            ["eager", "compatible", "sessioned"].iter().any(|known| known.eq_ignore_ascii_case(text))
        });
        if known { Ok(()) } else { Err(ConfigError::invalid(name, value, "Invalid Connect protocol compatibility")) }
    });
    vec![
        key("worker.sync.timeout.ms", Type::Int, Importance::Medium).default(3_000).doc(
            "How long a worker that has fallen behind the others' configurations reads before it leaves the group, in milliseconds.",
        ),
        key("worker.unsync.backoff.ms", Type::Int, Importance::Medium)
            .default(300_000)
            .doc("For how long such a worker stays out of the group, in milliseconds."),
        low("connect.protocol", Type::String).default("sessioned").validator(protocol).doc(
            "How work is given out: eager stops everything in each rebalance, compatible moves only what has to move, sessioned \
             does so and has the requests between workers signed.",
        ),
        low("scheduled.rebalance.max.delay.ms", Type::Int).default(300_000).validator(Validator::between(0, i32::MAX)).doc(
            "How long the work of a worker that has gone waits for it to come back before others take it over, in milliseconds.",
        ),
    ]
}

fn signing_keys() -> Vec<ConfigKey> {
    let algorithm = |name: &str, doc: &str| {
        let known = |name: &str, value: &Parsed| value.as_str().map_or(Ok(()), |text| known_algorithm(name, text));
        low(name, Type::String).default("HmacSHA256").validator(Validator::custom("an algorithm", known)).doc(doc)
    };
    vec![
        low("inter.worker.key.ttl.ms", Type::Int)
            .default(3_600_000)
            .validator(Validator::between(0, i32::MAX))
            .doc("After how long the leader makes a new key for the requests between workers, in milliseconds."),
        algorithm("inter.worker.key.generation.algorithm", "Algorithm for which the key is made."),
        low("inter.worker.key.size", Type::Int)
            .default_null()
            .doc("Bits of the key; by default as many as suit the algorithm."),
        algorithm("inter.worker.signature.algorithm", "Algorithm by which this worker signs."),
        low("inter.worker.verification.algorithms", Type::List)
            .default("HmacSHA256")
            .validator(Validator::custom("one or more signature algorithms", verification_algorithms))
            .doc("Algorithms that this worker accepts when it leads."),
    ]
}

fn verification_algorithms(name: &str, value: &Parsed) -> Result<(), ConfigError> {
    match value.as_list() {
        None | Some([]) => {
            let reason = "At least one signature verification algorithm must be provided";
            Err(ConfigError::invalid(name, value, reason))
        }
        Some(algorithms) => algorithms.iter().try_for_each(|algorithm| known_algorithm(name, algorithm)),
    }
}

fn known_algorithm(name: &str, algorithm: &str) -> Result<(), ConfigError> {
    if ALGORITHMS.iter().any(|known| known.eq_ignore_ascii_case(algorithm)) {
        return Ok(());
    }
    let reason = format!("the algorithm is not supported; the supported algorithms are: [{}]", ALGORITHMS.join(", "));
    Err(ConfigError::invalid(name, &Parsed::String(algorithm.to_owned()), reason))
}
