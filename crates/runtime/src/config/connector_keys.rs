//! Definitions of the keys that every connector has.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.{ConnectorConfig, SourceConnectorConfig, SinkConnectorConfig}.configDef`.

use std::collections::HashSet;
use std::sync::Arc;

use milena_api::config::{
    ConfigDef, ConfigError, ConfigKey, DistinctList, Importance, Parsed, ParsedConfig, Recommender, Type, Validator,
    Width,
};
use milena_api::converter::ConverterRole;
use milena_api::plugin::PluginKind;

use super::validators::version_range;
use super::worker_config::kind_of;
use crate::plugins::{CONNECTORS, PluginRegistry};

const COMMON: &str = "Common";
const ERRORS: &str = "Error Handling";
const TOPIC_CREATION: &str = "Topic Creation";
const EXACTLY_ONCE: &str = "Exactly Once Support";

/// The side a connector is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// From another system into Kafka.
    Source,
    /// From Kafka into another system.
    Sink,
}

impl Side {
    /// The side of a kind of plug-in, if it is a connector.
    pub const fn of(kind: PluginKind) -> Option<Side> {
        match kind {
            PluginKind::Source => Some(Side::Source),
            PluginKind::Sink => Some(Side::Sink),
            _ => None,
        }
    }

    /// `source` or `sink`.
    pub const fn name(self) -> &'static str {
        match self {
            Side::Source => "source",
            Side::Sink => "sink",
        }
    }
}

/// Default class and version of a converter key.
#[derive(Clone, Debug, Default)]
pub struct ConverterDefault {
    /// The worker's class, as its properties have it.
    pub class: Option<String>,
    /// Version of the class in force.
    pub version: Option<String>,
}

/// Defaults that depend on the worker and its plug-ins. All absent, as at run time, means none.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// Version of the connector.
    pub connector_version: Option<String>,
    /// Key converter.
    pub key: ConverterDefault,
    /// Value converter.
    pub value: ConverterDefault,
    /// Header converter.
    pub header: ConverterDefault,
}

/// Where the keys' validators and recommenders look classes up; `None` where only values are to be parsed.
pub type Registry<'a> = Option<&'a Arc<PluginRegistry>>;

/// Keys of one side: those of every connector, then its own.
///
/// # Errors
/// A default that its own validator refuses.
pub fn connector_keys(side: Side, registry: Registry<'_>, defaults: &Defaults) -> Result<ConfigDef, ConfigError> {
    let own = match side {
        Side::Source => source_keys(),
        Side::Sink => sink_keys(),
    };
    own.into_iter().try_fold(common_keys(registry, defaults)?, ConfigDef::define)
}

/// Keys of every connector.
///
/// # Errors
/// As [`connector_keys`].
pub fn common_keys(registry: Registry<'_>, defaults: &Defaults) -> Result<ConfigDef, ConfigError> {
    let mut keys = identity_keys(registry, defaults);
    for (order, role, default) in [
        (6, ConverterRole::Key, &defaults.key),
        (8, ConverterRole::Value, &defaults.value),
        (10, ConverterRole::Header, &defaults.header),
    ] {
        keys.extend(converter_keys(role, order, registry, default));
    }
    keys.extend(record_keys());
    keys.extend(error_keys());
    ConfigDef::of(keys)
}

fn key(name: &str, ty: Type, importance: Importance) -> ConfigKey {
    ConfigKey::new(name, ty).importance(importance)
}

/// A default that may be null.
fn or_null(key: ConfigKey, default: Option<&String>) -> ConfigKey {
    match default {
        Some(default) => key.default(default),
        None => key.default_null(),
    }
}

fn identity_keys(registry: Registry<'_>, defaults: &Defaults) -> Vec<ConfigKey> {
    let version =
        or_null(key("connector.plugin.version", Type::String, Importance::Medium), defaults.connector_version.as_ref());
    let version = version
        .validator(version_range())
        .group(COMMON, 3)
        .width(Width::Medium)
        .display_name("Connector version")
        .doc("Version of the connector's class: a version, a range such as [1.0,2.0), or latest.");
    vec![
        key("name", Type::String, Importance::High)
            .validator(Validator::non_empty_string_without_control_chars())
            .group(COMMON, 1)
            .width(Width::Medium)
            .display_name("Connector name")
            .doc("Name of the connector, its own in the whole cluster."),
        key("connector.class", Type::String, Importance::High)
            .group(COMMON, 2)
            .width(Width::Long)
            .display_name("Connector class")
            .doc(
                "Class of the connector: its full name, its simple name, or that without Connector at its end, as \
                 FileStreamSink for org.apache.kafka.connect.file.FileStreamSinkConnector.",
            ),
        with_versions(version, registry, "connector.class", CONNECTORS),
        key("tasks.max", Type::Int, Importance::High)
            .default(1)
            .validator(Validator::at_least(1))
            .group(COMMON, 4)
            .width(Width::Short)
            .display_name("Tasks max")
            .doc("How many tasks the connector may have."),
        key("tasks.max.enforce", Type::Boolean, Importance::Low)
            .default(true)
            .group(COMMON, 5)
            .width(Width::Short)
            .display_name("Enforce tasks max")
            .doc("(Deprecated) Whether a connector that makes more tasks than tasks.max fails."),
    ]
}

fn converter_keys(
    role: ConverterRole,
    order: i32,
    registry: Registry<'_>,
    default: &ConverterDefault,
) -> [ConfigKey; 2] {
    let name = format!("{}.converter", role.name());
    let title = match role {
        ConverterRole::Key => "Key",
        ConverterRole::Value => "Value",
        ConverterRole::Header => "Header",
    };
    let kind = kind_of(role);
    let mut class = or_null(key(&name, Type::Class, Importance::Low), default.class.as_ref())
        .group(COMMON, order)
        .width(Width::Short)
        .display_name(format!("{title} converter class"))
        .doc(format!(
            "Class of the converter of record {}s between Connect and Kafka; the worker's if not set. It decides the format \
             of the data in Kafka and does not depend on the connector.",
            role.name()
        ));
    if let Some(registry) = registry {
        let checking = Arc::clone(registry);
        class = class.validator(move |_: &str, value: &Parsed| match value.as_str() {
            // A default is an alias as well as a name.
            Some(name) => checking.check_class(kind, checking.full_name(name)).map_err(ConfigError::other),
            None => Ok(()),
        });
        class = class.recommender(classes(registry, kind));
    }
    let version =
        or_null(key(&format!("{name}.plugin.version"), Type::String, Importance::Low), default.version.as_ref());
    let version = version
        .validator(version_range())
        .group(COMMON, order + 1)
        .width(Width::Short)
        .display_name(format!("{title} converter version"))
        .doc(format!("Version of the {} converter.", role.name()));
    let version = match registry {
        Some(registry) => version.recommender(VersionsOf {
            registry: Arc::clone(registry),
            class_key: name,
            kinds: vec![kind],
            hidden_without_class: true,
        }),
        None => version,
    };
    [class, version]
}

fn record_keys() -> [ConfigKey; 3] {
    [
        key("transforms", Type::List, Importance::Low)
            .default("")
            .validator(distinct_aliases())
            .group("Transforms", 12)
            .width(Width::Long)
            .display_name("Transforms")
            .doc("Aliases of the transformations that records go through, in order."),
        key("predicates", Type::List, Importance::Low)
            .default("")
            .validator(distinct_aliases())
            .group("Predicates", 13)
            .width(Width::Long)
            .display_name("Predicates")
            .doc("Aliases of the predicates that transformations use."),
        key("config.action.reload", Type::String, Importance::Low)
            .default("restart")
            .validator(Validator::one_of(["none", "restart"]))
            .group(COMMON, 14)
            .width(Width::Medium)
            .display_name("Reload Action")
            .doc(
                "What to do when values of a config provider expire: restart the connector, which may be due later, or none.",
            ),
    ]
}

fn error_keys() -> [ConfigKey; 5] {
    let medium = |name: &str, ty| key(name, ty, Importance::Medium);
    [
        medium("errors.retry.timeout", Type::Long)
            .default(0)
            .group(ERRORS, 1)
            .width(Width::Medium)
            .display_name("Retry Timeout for Errors")
            .doc("For how long a failed operation is retried, in milliseconds; 0 for not at all, -1 for ever."),
        medium("errors.retry.delay.max.ms", Type::Long)
            .default(60_000)
            .group(ERRORS, 2)
            .width(Width::Medium)
            .display_name("Maximum Delay Between Retries for Errors")
            .doc("Longest pause between retries, in milliseconds."),
        medium("errors.tolerance", Type::String)
            .default("none")
            .validator(Validator::one_of(["none", "all"]))
            .group(ERRORS, 3)
            .width(Width::Short)
            .display_name("Error Tolerance")
            .doc("What a record that cannot be handled does: none fails the task, all skips the record."),
        medium("errors.log.enable", Type::Boolean)
            .default(false)
            .group(ERRORS, 4)
            .width(Width::Short)
            .display_name("Log Errors")
            .doc("Whether failed operations are logged; otherwise only those are that are not tolerated."),
        medium("errors.log.include.messages", Type::Boolean)
            .default(false)
            .group(ERRORS, 5)
            .width(Width::Short)
            .display_name("Log Error Details")
            .doc("Whether the log also has the record that failed: where it comes from, and for source records its contents."),
    ]
}

fn sink_keys() -> Vec<ConfigKey> {
    let dead_letters = |name: &str, ty| key(&format!("errors.deadletterqueue.{name}"), ty, Importance::Medium);
    vec![
        key("topics", Type::List, Importance::High)
            .default("")
            .validator(DistinctList::any().or_empty())
            .group(COMMON, 4)
            .width(Width::Long)
            .display_name("Topics")
            .doc("Topics to read, separated by commas."),
        key("topics.regex", Type::String, Importance::High)
            .default("")
            .validator(Validator::regex())
            .group(COMMON, 4)
            .width(Width::Long)
            .display_name("Topics regex")
            .doc("Regular expression (Java's) of the names of topics to read. Only one of topics and topics.regex may be set."),
        dead_letters("topic.name", Type::String)
            .default("")
            .group(ERRORS, 6)
            .width(Width::Medium)
            .display_name("Dead Letter Queue Topic Name")
            .doc("Topic that records go to which cannot be handled; none if it is empty."),
        dead_letters("topic.replication.factor", Type::Short)
            .default(3)
            .group(ERRORS, 7)
            .width(Width::Medium)
            .display_name("Dead Letter Queue Topic Replication Factor")
            .doc("Replication factor of that topic, where it has to be created."),
        dead_letters("context.headers.enable", Type::Boolean)
            .default(false)
            .group(ERRORS, 8)
            .width(Width::Medium)
            .display_name("Enable Error Context Headers")
            .doc("Whether dead letters get headers that say what failed; their names start with __connect.errors."),
    ]
}

fn source_keys() -> Vec<ConfigKey> {
    vec![
        key("topic.creation.groups", Type::List, Importance::Low)
            .default("")
            .validator(distinct_aliases())
            .group(TOPIC_CREATION, 1)
            .width(Width::Long)
            .display_name("Topic Creation Groups")
            .doc("Names of groups of topics that are created with settings of their own."),
        key("exactly.once.support", Type::String, Importance::Medium)
            .default("requested")
            .validator(Validator::one_of_ignoring_case(["requested", "required"]))
            .group(EXACTLY_ONCE, 2)
            .width(Width::Short)
            .display_name("Exactly once support")
            .doc(
                "requested: the connector is created whether or not it delivers each record exactly once. required: only if \
                 it says that it does with this configuration.",
            ),
        key("transaction.boundary", Type::String, Importance::Medium)
            .default("poll")
            .validator(Validator::one_of_ignoring_case(["poll", "interval", "connector"]))
            .group(EXACTLY_ONCE, 3)
            .width(Width::Short)
            .display_name("Transaction Boundary")
            .doc("What a transaction is, with exactly-once delivery: one batch of records (poll), a time (interval), or what the connector says."),
        key("transaction.boundary.interval.ms", Type::Long, Importance::Low)
            .default_null()
            .validator(Validator::at_least(0).or_null())
            .group(EXACTLY_ONCE, 4)
            .width(Width::Short)
            .display_name("Transaction boundary interval")
            .doc("How long a transaction lasts with transaction.boundary=interval, in milliseconds; the worker's offset.flush.interval.ms if not set."),
        key("offsets.storage.topic", Type::String, Importance::Low)
            .default_null()
            .validator(Validator::non_empty_string())
            .group("offsets.topic", 1)
            .width(Width::Long)
            .display_name("Offsets topic")
            .doc("Topic for the offsets of this connector alone; the worker's if not set."),
    ]
}

fn distinct_aliases() -> Validator {
    Validator::custom("non-null string, unique transformation aliases", |name: &str, value: &Parsed| {
        let Some(aliases) = value.as_list() else {
            return Err(ConfigError::invalid(name, value, "entry must be non null"));
        };
        let mut seen = HashSet::new();
        if aliases.iter().all(|alias| seen.insert(alias)) {
            return Ok(());
        }
        Err(ConfigError::invalid(name, value, "Duplicate alias provided."))
    })
}

/// Offers all classes of a kind.
pub(super) fn classes(registry: &Arc<PluginRegistry>, kind: PluginKind) -> impl Recommender + 'static {
    let classes: Vec<Parsed> = registry.classes(kind).into_iter().map(Parsed::Class).collect();
    move |_: &str, _: &ParsedConfig| Ok(classes.clone())
}

fn with_versions(key: ConfigKey, registry: Registry<'_>, class_key: &str, kinds: &[PluginKind]) -> ConfigKey {
    match registry {
        Some(registry) => key.recommender(VersionsOf {
            registry: Arc::clone(registry),
            class_key: class_key.to_owned(),
            kinds: kinds.to_vec(),
            hidden_without_class: true,
        }),
        None => key,
    }
}

/// Offers the versions of the class that another key names.
pub(super) struct VersionsOf {
    pub(super) registry: Arc<PluginRegistry>,
    pub(super) class_key: String,
    pub(super) kinds: Vec<PluginKind>,
    pub(super) hidden_without_class: bool,
}

impl VersionsOf {
    fn class<'a>(&self, parsed: &'a ParsedConfig) -> Option<&'a str> {
        parsed.value(&self.class_key).ok().and_then(Parsed::as_str)
    }
}

impl Recommender for VersionsOf {
    fn valid_values(&self, _: &str, parsed: &ParsedConfig) -> Result<Vec<Parsed>, ConfigError> {
        let Some(class) = self.class(parsed) else { return Ok(Vec::new()) };
        let mut versions: Vec<Parsed> = Vec::new();
        for version in self.registry.versions(&self.kinds, class) {
            versions.push(Parsed::String(version));
        }
        Ok(versions)
    }

    fn visible(&self, _: &str, parsed: &ParsedConfig) -> Result<bool, ConfigError> {
        Ok(!self.hidden_without_class || self.class(parsed).is_some())
    }
}
