//! `WorkerConfig`: the settings of a worker, parsed once at its start.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.WorkerConfig`, `standalone.StandaloneConfig`.

use std::path::PathBuf;
use std::time::Duration;

use milena_api::config::{ConfigDef, ConfigError, ConfigMap, ParsedConfig};
use milena_api::converter::ConverterRole;
use milena_api::plugin::PluginKind;
use milena_api::{Error, Result};

use super::override_policy::OverridePolicy;
use super::transformer::{ConfigTransformer, Transformed};
use super::worker_keys::standalone_keys;
use crate::plugins::{PluginRegistry, VersionRange};

/// Settings that every worker has. Variables of config providers are resolved.
pub struct WorkerConfig {
    originals: ConfigMap,
    parsed: ParsedConfig,
    transformer: ConfigTransformer,
    override_policy: OverridePolicy,
    /// `bootstrap.servers`, joined with commas.
    pub bootstrap_servers: String,
    /// `task.shutdown.graceful.timeout.ms`.
    pub task_shutdown_timeout: Duration,
    /// `offset.flush.interval.ms`.
    pub offset_flush_interval: Duration,
    /// `offset.flush.timeout.ms`.
    pub offset_flush_timeout: Duration,
    /// `topic.creation.enable`.
    pub topic_creation: bool,
    /// `topic.tracking.enable`.
    pub topic_tracking: bool,
    /// `topic.tracking.allow.reset`.
    pub topic_tracking_reset: bool,
    /// Settings of the REST API.
    pub rest: RestSettings,
}

/// Settings of the REST API, as they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestSettings {
    /// `listeners`.
    pub listeners: Vec<String>,
    /// `admin.listeners`: `None` for the same as `listeners`, empty for none.
    pub admin_listeners: Option<Vec<String>>,
    /// `rest.advertised.host.name`.
    pub advertised_host: Option<String>,
    /// `rest.advertised.port`.
    pub advertised_port: Option<i32>,
    /// `rest.advertised.listener`.
    pub advertised_listener: Option<String>,
    /// `access.control.allow.origin`; empty for none.
    pub allow_origin: String,
    /// `access.control.allow.methods`; empty for the default ones.
    pub allow_methods: String,
    /// `response.http.headers.config`; empty for none.
    pub response_headers: String,
    /// `rest.extension.classes`.
    pub extension_classes: Vec<String>,
}

/// Settings of a standalone worker.
pub struct StandaloneConfig {
    /// What it has in common with others.
    pub worker: WorkerConfig,
    /// `offset.storage.file.filename`.
    pub offsets_file: PathBuf,
}

impl StandaloneConfig {
    /// Parses the properties of a standalone worker. Reads files if they have variables that config providers find there.
    ///
    /// # Errors
    /// A key that is missing or invalid, a class that is not there, a config provider that fails.
    pub fn parse(properties: &ConfigMap, registry: &PluginRegistry) -> Result<Self> {
        let worker = WorkerConfig::parse(properties, &standalone_keys()?, registry)?;
        let offsets_file = PathBuf::from(worker.parsed.string("offset.storage.file.filename")?);
        Ok(StandaloneConfig { worker, offsets_file })
    }
}

impl WorkerConfig {
    /// Parses properties by the definition of one kind of worker, which has all of
    /// [`worker_keys`](super::worker_keys::worker_keys).
    ///
    /// # Errors
    /// As [`StandaloneConfig::parse`].
    pub fn parse(properties: &ConfigMap, keys: &ConfigDef, registry: &PluginRegistry) -> Result<Self> {
        let transformer = ConfigTransformer::from_worker(properties)?;
        let transformed = transformer.transform_map(properties)?;
        let mut originals = transformed.to_map();
        if let (Some(raw), Some(path)) = (properties.get("plugin.path"), originals.get_mut("plugin.path")) {
            path.clone_from(raw);
        }
        let classes = |name: &str| {
            // Classes of Kafka's clients are no plug-ins; the clients judge them.
            registry.load_class(name).or_else(|| name.starts_with("org.apache.kafka.common.").then(|| name.to_owned()))
        };
        let parsed = keys
            .parse_with(&originals, &classes)
            .map_err(|error| explained(&error, &originals, registry, &transformed))?;
        check_converters(&parsed, registry)?;
        let millis = |key: &str| parsed.long(key).map(|ms| Duration::from_millis(ms.try_into().unwrap_or(0)));
        let text = |key: &str| parsed.string(key).map(str::to_owned);
        let rest = RestSettings {
            listeners: parsed.get("listeners")?,
            admin_listeners: parsed.get("admin.listeners")?,
            advertised_host: parsed.get("rest.advertised.host.name")?,
            advertised_port: parsed.get("rest.advertised.port")?,
            advertised_listener: parsed.get("rest.advertised.listener")?,
            allow_origin: text("access.control.allow.origin")?,
            allow_methods: text("access.control.allow.methods")?,
            response_headers: text("response.http.headers.config")?,
            extension_classes: parsed.get("rest.extension.classes")?,
        };
        Ok(WorkerConfig {
            bootstrap_servers: parsed.list("bootstrap.servers")?.join(","),
            task_shutdown_timeout: millis("task.shutdown.graceful.timeout.ms")?,
            offset_flush_interval: millis("offset.flush.interval.ms")?,
            offset_flush_timeout: millis("offset.flush.timeout.ms")?,
            topic_creation: parsed.boolean("topic.creation.enable")?,
            topic_tracking: parsed.boolean("topic.tracking.enable")?,
            topic_tracking_reset: parsed.boolean("topic.tracking.allow.reset")?,
            override_policy: OverridePolicy::of(parsed.string("connector.client.config.override.policy")?, &originals)?,
            rest,
            originals,
            parsed,
            transformer,
        })
    }

    /// All properties as they were given, also those that no definition knows, with variables resolved.
    pub fn originals(&self) -> &ConfigMap {
        &self.originals
    }

    /// All defined keys.
    pub fn parsed(&self) -> &ParsedConfig {
        &self.parsed
    }

    /// The properties behind a prefix, without it.
    pub fn with_prefix(&self, prefix: &str) -> ConfigMap {
        with_prefix(&self.originals, prefix)
    }

    /// `group.id`, which only distributed workers have.
    pub fn group_id(&self) -> Option<&str> {
        self.originals.get("group.id").map(String::as_str)
    }

    /// The worker's config providers.
    pub fn transformer(&self) -> &ConfigTransformer {
        &self.transformer
    }

    /// Which settings of clients connectors may override.
    pub fn override_policy(&self) -> &OverridePolicy {
        &self.override_policy
    }

    /// Class of the converter for this role, by its full name.
    pub fn converter_class(&self, role: ConverterRole) -> &str {
        self.parsed.string(&format!("{}.converter", role.name())).unwrap_or_default()
    }

    /// Class of the converter for this role as the properties have it; `None` where it is the default.
    pub fn converter_as_given(&self, role: ConverterRole) -> Option<&str> {
        self.originals.get(&format!("{}.converter", role.name())).map(String::as_str)
    }

    /// `*.converter.plugin.version` for this role.
    pub fn converter_version(&self, role: ConverterRole) -> Option<&str> {
        self.parsed.opt_string(&format!("{}.converter.plugin.version", role.name())).unwrap_or_default()
    }
}

/// The entries behind a prefix, without it.
pub(crate) fn with_prefix(config: &ConfigMap, prefix: &str) -> ConfigMap {
    config.iter().filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone()))).collect()
}

/// The error with secrets hidden and, for a class that is not there, the nearest names.
fn explained(
    error: &ConfigError,
    originals: &ConfigMap,
    registry: &PluginRegistry,
    transformed: &Transformed,
) -> Error {
    let mut message = transformed.mask(&error.to_string());
    if let Some(role) = error.key().and_then(role_of)
        && message.ends_with(" could not be found.")
        && let Some(class) = originals.get(&format!("{}.converter", role.name()))
    {
        let hint = registry.hint(&[kind_of(role)], class.trim());
        message.push_str(hint.strip_prefix('.').unwrap_or_default());
    }
    Error::config(message)
}

fn role_of(key: &str) -> Option<ConverterRole> {
    ROLES.into_iter().find(|role| key == format!("{}.converter", role.name()))
}

const ROLES: [ConverterRole; 3] = [ConverterRole::Key, ConverterRole::Value, ConverterRole::Header];

/// Kind of the plug-ins for a role.
pub(crate) const fn kind_of(role: ConverterRole) -> PluginKind {
    match role {
        ConverterRole::Key | ConverterRole::Value => PluginKind::Converter,
        ConverterRole::Header => PluginKind::HeaderConverter,
    }
}

/// What Java finds when it makes the first task: here a worker does not start with converters that it cannot have.
fn check_converters(parsed: &ParsedConfig, registry: &PluginRegistry) -> Result<()> {
    for role in ROLES {
        let key = format!("{}.converter", role.name());
        let class = parsed.string(&key)?;
        registry
            .check_class(kind_of(role), class)
            .map_err(|reason| Error::config(format!("Invalid value {class} for configuration {key}: {reason}")))?;
        let version = parsed.opt_string(&format!("{key}.plugin.version"))?;
        let range = VersionRange::required(version)
            .map_err(|error| Error::fatal(format!("Invalid version range for {key}: {error}")))?;
        registry.plugin(kind_of(role), class, range.as_ref())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::test_plugins::registry;

    fn parse(more: &[(&str, &str)]) -> Result<StandaloneConfig> {
        let own = [
            ("bootstrap.servers", "a:1,b:2"),
            ("key.converter", "Bytes"),
            ("value.converter", "test.BytesConverter"),
            ("header.converter", "Heads"),
            ("offset.storage.file.filename", "/tmp/o"),
        ];
        let pairs = own.iter().chain(more);
        let properties = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        StandaloneConfig::parse(&properties, &registry())
    }

    #[test]
    fn defaults_are_those_of_java() {
        let config = parse(&[]).unwrap();
        assert_eq!(config.offsets_file, PathBuf::from("/tmp/o"));
        let worker = config.worker;
        assert_eq!(worker.bootstrap_servers, "a:1,b:2");
        assert_eq!(worker.offset_flush_interval, Duration::from_secs(60));
        assert_eq!(worker.rest.listeners, ["http://:8083"]);
        assert_eq!(worker.rest.admin_listeners, None);
        assert!(worker.topic_creation && worker.topic_tracking && worker.topic_tracking_reset);
        assert_eq!(worker.override_policy(), &OverridePolicy::All);
        assert_eq!(worker.converter_class(ConverterRole::Key), "test.BytesConverter");
        assert_eq!(worker.converter_as_given(ConverterRole::Key), Some("Bytes"));
        assert_eq!(worker.group_id(), None);
    }

    #[test]
    fn an_empty_admin_listener_list_is_not_the_default() {
        assert_eq!(parse(&[("admin.listeners", "")]).unwrap().worker.rest.admin_listeners, Some(Vec::new()));
    }

    #[test]
    fn what_is_wrong_is_named_with_the_way_out() {
        let error = |more: &[(&str, &str)]| match parse(more) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        for (key, value, message) in [
            (
                "key.converter",
                "BytesConvertor",
                "Invalid value BytesConvertor for configuration key.converter: Class BytesConvertor could not be found. Did you \
                 mean BytesConverter?",
            ),
            (
                "value.converter",
                "Touch",
                "Invalid value test.Touch for configuration value.converter: Class class test.Touch does not implement the \
                 Converter interface",
            ),
            (
                "key.converter.plugin.version",
                "9",
                "Plugin test.BytesConverter not found that matches the version range [9,9], available versions: [4.3.1]",
            ),
            ("key.converter.plugin.version", "[1", "Invalid version range for key.converter: Unbounded range: [1"),
            (
                "bootstrap.servers",
                "",
                "Configuration 'bootstrap.servers' must not be empty. Valid values include: any non-empty value",
            ),
            (
                "offset.flush.interval.ms",
                "1s",
                "Invalid value 1s for configuration offset.flush.interval.ms: Not a number of type LONG",
            ),
        ] {
            assert_eq!(error(&[(key, value)]), message);
        }
    }

    #[test]
    fn variables_are_resolved_and_never_shown_but_plugin_path_is_raw() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("interval"), "12345x").unwrap();
        std::fs::write(dir.path().join("file"), "/tmp/other").unwrap();
        let reference = |key: &str| format!("${{d:{}:{key}}}", dir.path().display());
        let (file, interval) = (reference("file"), reference("interval"));
        let provider = [("config.providers", "d"), ("config.providers.d.class", "Directory")];
        let good = [provider[0], provider[1], ("offset.storage.file.filename", file.as_str()), ("plugin.path", &file)];
        let config = parse(&good).unwrap();
        assert_eq!(config.offsets_file, PathBuf::from("/tmp/other"));
        assert_eq!(config.worker.originals()["plugin.path"], file);
        let bad = [provider[0], provider[1], ("offset.flush.interval.ms", interval.as_str())];
        let Err(error) = parse(&bad) else { panic!("the interval is no number") };
        assert!(!error.trace().contains("12345x"), "{error}");
        assert!(error.to_string().starts_with("Invalid value [hidden] for configuration offset.flush.interval.ms"));
    }
}
