//! Topic configurations: names, types, defaults and checks, and the few settings that the logs act on.
//!
//! Counterpart: org.apache.kafka.storage.internals.log.LogConfig.

use crate::config::DevBrokerConfig;
use milena_kafka::records::{Compression, Level};
use std::collections::BTreeMap;

/// Explicitly set configurations of a topic, by name.
pub(crate) type Configs = BTreeMap<String, String>;

/// Type of a configuration; the value is its number on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConfigType {
    Boolean = 1,
    String = 2,
    Int = 3,
    Long = 5,
    Double = 6,
    List = 7,
}

/// What values are allowed beyond the type.
#[derive(Debug, Clone, Copy)]
enum Allowed {
    Any,
    AtLeast(i64),
    OneOf(&'static [&'static str]),
    ListOf(&'static [&'static str]),
}

/// One topic configuration.
#[derive(Debug)]
pub(crate) struct ConfigKey {
    pub name: &'static str,
    pub kind: ConfigType,
    pub default: &'static str,
    /// The broker's own setting that gives the default; empty where there is none.
    pub broker_name: &'static str,
    allowed: Allowed,
}

const fn key(
    name: &'static str,
    kind: ConfigType,
    default: &'static str,
    broker_name: &'static str,
    allowed: Allowed,
) -> ConfigKey {
    ConfigKey { name, kind, default, broker_name, allowed }
}

use Allowed::{Any, AtLeast, ListOf, OneOf};
use ConfigType::{Boolean, Double, Int, List, Long, String as Text};

const MAX: &str = "9223372036854775807";
const CODECS: &[&str] = &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];

/// Every topic configuration of Kafka 4.3.1, sorted by name.
pub(crate) static KEYS: &[ConfigKey] = &[
    key("cleanup.policy", List, "delete", "log.cleanup.policy", ListOf(&["compact", "delete"])),
    key("compression.gzip.level", Int, "-1", "compression.gzip.level", Any),
    key("compression.lz4.level", Int, "9", "compression.lz4.level", Any),
    key("compression.type", Text, "producer", "compression.type", OneOf(CODECS)),
    key("compression.zstd.level", Int, "3", "compression.zstd.level", Any),
    key("delete.retention.ms", Long, "86400000", "log.cleaner.delete.retention.ms", AtLeast(0)),
    key("file.delete.delay.ms", Long, "60000", "log.segment.delete.delay.ms", AtLeast(0)),
    key("flush.messages", Long, MAX, "log.flush.interval.messages", AtLeast(1)),
    key("flush.ms", Long, MAX, "", AtLeast(0)),
    key("follower.replication.throttled.replicas", List, "", "", Any),
    key("index.interval.bytes", Int, "4096", "log.index.interval.bytes", AtLeast(0)),
    key("leader.replication.throttled.replicas", List, "", "", Any),
    key("local.retention.bytes", Long, "-2", "log.local.retention.bytes", AtLeast(-2)),
    key("local.retention.ms", Long, "-2", "log.local.retention.ms", AtLeast(-2)),
    key("max.compaction.lag.ms", Long, MAX, "log.cleaner.max.compaction.lag.ms", AtLeast(1)),
    key("max.message.bytes", Int, "1048588", "message.max.bytes", AtLeast(0)),
    key("message.timestamp.after.max.ms", Long, "3600000", "log.message.timestamp.after.max.ms", AtLeast(0)),
    key("message.timestamp.before.max.ms", Long, MAX, "log.message.timestamp.before.max.ms", AtLeast(0)),
    key(
        "message.timestamp.type",
        Text,
        "CreateTime",
        "log.message.timestamp.type",
        OneOf(&["CreateTime", "LogAppendTime"]),
    ),
    key("min.cleanable.dirty.ratio", Double, "0.5", "log.cleaner.min.cleanable.ratio", Any),
    key("min.compaction.lag.ms", Long, "0", "log.cleaner.min.compaction.lag.ms", AtLeast(0)),
    key("min.insync.replicas", Int, "1", "min.insync.replicas", AtLeast(1)),
    key("preallocate", Boolean, "false", "log.preallocate", Any),
    key("remote.log.copy.disable", Boolean, "false", "", Any),
    key("remote.log.delete.on.disable", Boolean, "false", "", Any),
    key("remote.storage.enable", Boolean, "false", "", Any),
    key("retention.bytes", Long, "-1", "log.retention.bytes", AtLeast(-1)),
    key("retention.ms", Long, "604800000", "", AtLeast(-1)),
    key("segment.bytes", Int, "1073741824", "log.segment.bytes", AtLeast(1_048_576)),
    key("segment.index.bytes", Int, "10485760", "log.index.size.max.bytes", AtLeast(4)),
    key("segment.jitter.ms", Long, "0", "", AtLeast(0)),
    key("segment.ms", Long, "604800000", "", AtLeast(1)),
    key("unclean.leader.election.enable", Boolean, "false", "unclean.leader.election.enable", Any),
];

/// The configuration of that name.
pub(crate) fn find(name: &str) -> Option<&'static ConfigKey> {
    KEYS.binary_search_by(|key| key.name.cmp(name)).ok().and_then(|index| KEYS.get(index))
}

/// The default that this broker gives to topics.
pub(crate) fn default_of(key: &ConfigKey, broker: &DevBrokerConfig) -> String {
    match key.name {
        "retention.bytes" => broker.retention_bytes.to_string(),
        "retention.ms" => broker.retention_ms.to_string(),
        "max.message.bytes" => broker.max_message_bytes.to_string(),
        _ => key.default.to_owned(),
    }
}

/// Checks one configuration; the error is Kafka's text for the client.
pub(crate) fn check(name: &str, value: &str) -> Result<(), String> {
    let Some(key) = find(name) else { return Err(format!("Unknown topic config name: {name}")) };
    let invalid = |reason: String| Err(format!("Invalid value {value} for configuration {name}: {reason}"));
    let number = match key.kind {
        Boolean => {
            return match value.trim().to_ascii_lowercase().as_str() {
                "true" | "false" => Ok(()),
                _ => invalid("Expected value to be either true or false".into()),
            };
        }
        Int => match value.trim().parse::<i32>() {
            Ok(number) => Some(i64::from(number)),
            Err(_) => return invalid("Not a number of type INT".into()),
        },
        Long => match value.trim().parse::<i64>() {
            Ok(number) => Some(number),
            Err(_) => return invalid("Not a number of type LONG".into()),
        },
        Double => match value.trim().parse::<f64>() {
            Ok(_) => None,
            Err(_) => return invalid("Not a number of type DOUBLE".into()),
        },
        Text | List => None,
    };
    match key.allowed {
        AtLeast(least) if number.is_some_and(|number| number < least) => {
            invalid(format!("Value must be at least {least}"))
        }
        OneOf(values) if !values.contains(&value) => invalid(format!("String must be one of: {}", values.join(", "))),
        ListOf(values) => match list(value).find(|item| !values.contains(item)) {
            Some(_) => invalid(format!("String must be one of: {}", values.join(", "))),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Checks all configurations of a topic.
pub(crate) fn check_all(configs: &Configs) -> Result<(), String> {
    configs.iter().try_for_each(|(name, value)| check(name, value))
}

/// Whether the configuration holds a list, which can be appended to and subtracted from.
pub(crate) fn is_list(name: &str) -> bool {
    find(name).is_some_and(|key| key.kind == List)
}

/// Items of a list value.
pub(crate) fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Codec and level that a topic has its batches in.
fn codec(value: &dyn Fn(&str) -> String) -> Option<(Compression, Level)> {
    let name = value("compression.type");
    let codec = if name == "uncompressed" { Compression::None } else { Compression::from_name(&name)? };
    let level = match codec {
        Compression::Gzip | Compression::Lz4 | Compression::Zstd => {
            value(&format!("compression.{name}.level")).trim().parse().ok()
        }
        Compression::None | Compression::Snappy => None,
    };
    // What stands for "as the codec likes it".
    Some((codec, level.filter(|level| !(codec == Compression::Gzip && *level == -1))))
}

/// What the log of a partition acts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogSettings {
    pub max_message_bytes: i32,
    pub log_append_time: bool,
    pub timestamp_after_max_ms: i64,
    pub timestamp_before_max_ms: i64,
    /// The codec of all batches; `None` leaves each as its producer made it.
    pub codec: Option<(Compression, Level)>,
    pub min_insync_replicas: i32,
    /// False for topics that are only compacted: they are never trimmed.
    pub trim: bool,
    /// Whether only the newest record of each key is kept.
    pub compact: bool,
    /// Milliseconds for which compaction keeps tombstones.
    pub delete_retention_ms: i64,
    /// Bytes to keep; negative keeps all.
    pub retention_bytes: i64,
    /// Milliseconds to keep; negative keeps all.
    pub retention_ms: i64,
    pub segment_bytes: u64,
}

impl LogSettings {
    /// Settings of a topic with these configurations.
    pub fn new(configs: &Configs, broker: &DevBrokerConfig) -> Self {
        let value = |name: &str| match (configs.get(name), find(name)) {
            (Some(value), _) => value.clone(),
            (None, Some(key)) => default_of(key, broker),
            (None, None) => String::new(),
        };
        let number = |name: &str| value(name).trim().parse::<i64>().unwrap_or(-1);
        Self {
            max_message_bytes: i32::try_from(number("max.message.bytes")).unwrap_or(i32::MAX),
            log_append_time: value("message.timestamp.type") == "LogAppendTime",
            timestamp_after_max_ms: number("message.timestamp.after.max.ms"),
            timestamp_before_max_ms: number("message.timestamp.before.max.ms"),
            codec: codec(&value),
            min_insync_replicas: i32::try_from(number("min.insync.replicas")).unwrap_or(1),
            trim: list(&value("cleanup.policy")).any(|policy| policy == "delete"),
            compact: list(&value("cleanup.policy")).any(|policy| policy == "compact"),
            delete_retention_ms: number("delete.retention.ms"),
            retention_bytes: number("retention.bytes"),
            retention_ms: number("retention.ms"),
            segment_bytes: u64::try_from(number("segment.bytes")).unwrap_or(1 << 30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_so_that_they_are_found() {
        assert!(KEYS.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(KEYS.iter().all(|key| check(key.name, key.default).is_ok()));
    }

    #[test]
    fn bad_values_are_refused_with_the_reason() {
        assert_eq!(check("nope", "1").unwrap_err(), "Unknown topic config name: nope");
        assert_eq!(
            check("retention.ms", "x").unwrap_err(),
            "Invalid value x for configuration retention.ms: Not a number of type LONG"
        );
        assert!(check("retention.ms", "-2").unwrap_err().ends_with("Value must be at least -1"));
        assert!(check("cleanup.policy", "compact,shred").is_err());
        assert!(check("cleanup.policy", "compact,delete").is_ok());
    }

    #[test]
    fn settings_take_the_topic_before_the_broker() {
        let broker = DevBrokerConfig::default();
        let mut configs = Configs::new();
        assert_eq!(LogSettings::new(&configs, &broker).retention_bytes, broker.retention_bytes);
        configs.insert("retention.bytes".into(), "10".into());
        configs.insert("cleanup.policy".into(), "compact".into());
        let settings = LogSettings::new(&configs, &broker);
        assert_eq!((settings.retention_bytes, settings.trim), (10, false));
    }
}
