//! `ConnectorValidator`: finds everything that is wrong with a connector's configuration, before it is used.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.AbstractHerder.validateConnectorConfig`.
//!
//! One thing differs: values from config providers are never shown (invariant 8). Where a key's value has been resolved, the answer
//! shows it as it was given, with one error in place of those that might quote it; later releases of Kafka do the same.

use std::sync::Arc;

use indexmap::IndexMap;
use milena_api::config::{ConfigDef, ConfigInput, ConfigKey, ConfigValue, Type, compile_java_regex_whole};
use milena_api::converter::ConverterRole;
use milena_api::plugin::{Factory, Plugin, PluginKind};
use milena_api::{Error, ErrorKind};

use super::clients::{client_overrides, clients_used};
use super::converters::validate_converter;
use super::infos::{ConfigInfo, ConfigInfos, ConfigValueInfo};
use crate::config::{
    BrokenAlias, ConverterDefault, Defaults, Side, Transformed, WorkerConfig, common_keys, connector_keys, kind_of,
    sink_topics, with_aliases,
};
use crate::herder::{HerderResult, RequestError};
use crate::plugins::{CONNECTORS, PluginError, PluginRegistry, VersionRange};
use crate::stage::Stages;

/// Validates connector configurations on one worker. Cheap to clone.
#[derive(Clone)]
pub struct ConnectorValidator {
    pub(super) registry: Arc<PluginRegistry>,
    pub(super) worker: Arc<WorkerConfig>,
}

/// Values by key, as validation has them while it goes on.
type Values = IndexMap<String, ConfigValue>;

impl ConnectorValidator {
    /// A validator for a worker with these settings and plug-ins.
    pub fn new(registry: Arc<PluginRegistry>, worker: Arc<WorkerConfig>) -> Self {
        ConnectorValidator { registry, worker }
    }

    /// Validates a configuration, references to config providers included. Findings are in the answer; an error means that
    /// validation itself was impossible.
    ///
    /// Calls plug-ins, which may block or panic: run it on a thread of its own, with a deadline, and keep `stages` to say what it was
    /// doing when that is over.
    ///
    /// # Errors
    /// No class, an unknown one, or a plug-in that fails.
    pub async fn validate(&self, config: ConfigInput, stages: &Stages) -> HerderResult<ConfigInfos> {
        let transformed = {
            let _stage = stages.enter("resolving transformed configuration properties for the connector");
            self.worker.transformer().transform(&config)?
        };
        self.validate_resolved(&config, &transformed, stages)
            .await
            .map_err(|error| RequestError { message: error.message.map(|message| transformed.mask(&message)), ..error })
    }

    async fn validate_resolved(
        &self,
        given: &ConfigInput,
        transformed: &Transformed,
        stages: &Stages,
    ) -> HerderResult<ConfigInfos> {
        let config = &transformed.config;
        let Some(class) = text(config, "connector.class") else {
            return Err(RequestError::bad_request(format!(
                "Connector config {} contains no connector type",
                java_map(given)
            )));
        };
        let range = VersionRange::required(text(config, "connector.plugin.version"))
            .map_err(|error| RequestError::bad_request(error.to_string()))?;
        let plugin = match self.registry.connector(class, range.as_ref()) {
            Ok(plugin) => plugin,
            Err(error @ PluginError::NoSuchVersion { .. }) => {
                return self.without_version(class, config, transformed, &error, stages);
            }
            Err(error) => return Err(RequestError::bad_request(error.to_string())),
        };
        let Some(side) = Side::of(plugin.kind()) else {
            return Err(RequestError::internal(format!("{class} is no connector")));
        };

        let base = connector_keys(side, Some(&self.registry), &self.defaults(class, config)).map_err(Error::from)?;
        let base = with_aliases(base, &self.registry, config, BrokenAlias::LeaveOut)?;
        let mut values = {
            let _stage =
                stages.enter(format!("validating {} connector-specific properties for the connector", side.name()));
            let mut values = base.validate_all(config, Some(&|name: &str| self.registry.load_class(name)));
            if side == Side::Sink {
                check_sink(config, &mut values)?;
            }
            values
        };
        self.hint_at_classes(config, &base, &mut values);
        refuse_nulls(config, &mut values);

        let mut parts = Vec::new();
        for role in [ConverterRole::Header, ConverterRole::Key, ConverterRole::Value] {
            let part = validate_converter(&self.registry, role, config, &mut values, stages);
            parts.push(part.map(|part| shown(part, transformed)));
        }
        let mut clients = Vec::new();
        for client in clients_used(side, config) {
            let _stage = stages.enter(format!("validating {} config overrides for the connector", client.name()));
            clients
                .push((client, shown(client_overrides(client, config, self.worker.override_policy())?, transformed)));
        }

        let (own, found) = ask_connector(plugin, config, stages).await?;
        let mut infos = assemble(class, &base, own, values, found, transformed);
        // As Java merges them: producer, consumer, admin, then the converters.
        clients.sort_by_key(|(client, _)| *client);
        for part in clients.into_iter().map(|(_, part)| part).chain(parts.into_iter().flatten()) {
            infos.append(part);
        }
        Ok(infos)
    }

    /// Adds the nearest names to errors about classes that are not there.
    fn hint_at_classes(&self, config: &ConfigInput, base: &ConfigDef, values: &mut Values) {
        for (name, value) in values.iter_mut().filter(|(_, value)| !value.errors.is_empty()) {
            if base.key(name).is_none_or(|key| key.ty() != Type::Class) {
                continue;
            }
            let kind = match name.as_str() {
                "header.converter" => PluginKind::HeaderConverter,
                name if name.starts_with("transforms.") => PluginKind::Transformation,
                name if name.starts_with("predicates.") => PluginKind::Predicate,
                _ => PluginKind::Converter,
            };
            let hint = self.registry.hint(&[kind], text(config, name).unwrap_or_default().trim());
            for error in value.errors.iter_mut().filter(|error| error.ends_with(" could not be found.")) {
                error.push_str(hint.strip_prefix('.').unwrap_or_default());
            }
        }
    }

    /// The answer where the class is there, but in no version that was asked for: only the worker's own keys are checked.
    fn without_version(
        &self,
        class: &str,
        config: &ConfigInput,
        transformed: &Transformed,
        error: &PluginError,
        stages: &Stages,
    ) -> HerderResult<ConfigInfos> {
        let _stage = stages.enter("validating connector configuration");
        let versions = self.registry.versions(CONNECTORS, class);
        let defaults = Defaults { connector_version: versions.last().cloned(), ..Defaults::default() };
        let definition = common_keys(Some(&self.registry), &defaults).map_err(Error::from)?;
        let mut values = definition.validate_all(config, Some(&|name: &str| self.registry.load_class(name)));
        for value in values.values_mut() {
            value.recommended_values.clear();
        }
        for key in ["connector.class", "connector.plugin.version"] {
            if let Some(value) = values.get_mut(key) {
                value.add_error(error);
            }
        }
        if let Some(value) = values.get_mut("connector.plugin.version") {
            value.recommended_values = versions.into_iter().map(Into::into).collect();
        }
        refuse_nulls(config, &mut values);
        Ok(assemble(class, &definition, ConfigDef::new(), values, Vec::new(), transformed))
    }

    /// Defaults that depend on the worker: its converters, and the versions that would be loaded.
    fn defaults(&self, class: &str, config: &ConfigInput) -> Defaults {
        let converter = |role: ConverterRole| {
            let own = text(config, &format!("{}.converter", role.name()));
            let kind = [kind_of(role)];
            let newest = |class: &str| self.registry.versions(&kind, class).pop();
            let version = match own {
                Some(own) => newest(own),
                None => {
                    let pinned = self.worker.converter_version(role).map(str::to_owned);
                    pinned.or_else(|| newest(self.worker.converter_class(role)))
                }
            };
            ConverterDefault { class: Some(self.worker.converter_class(role).to_owned()), version }
        };
        Defaults {
            connector_version: self.registry.versions(CONNECTORS, self.full_name(class)).pop(),
            key: converter(ConverterRole::Key),
            value: converter(ConverterRole::Value),
            header: converter(ConverterRole::Header),
        }
    }

    fn full_name<'a>(&'a self, class: &'a str) -> &'a str {
        self.registry.connector(class, None).map_or(class, |plugin| &plugin.class)
    }
}

/// The value of a key that is set and not null.
pub(super) fn text<'a>(config: &'a ConfigInput, key: &str) -> Option<&'a str> {
    config.get(key).and_then(Option::as_deref)
}

/// `{a=1, b=null}`, as Java prints a map.
fn java_map(config: &ConfigInput) -> String {
    let entries: Vec<String> =
        config.iter().map(|(key, value)| format!("{key}={}", value.as_deref().unwrap_or("null"))).collect();
    format!("{{{}}}", entries.join(", "))
}

/// What a sink's own keys must be together. Counterpart: `SinkConnectorConfig.validate`.
fn check_sink(config: &ConfigInput, values: &mut Values) -> Result<(), Error> {
    let set = |key: &str| text(config, key).filter(|value| !value.trim().is_empty());
    let (topics, regex) = (set("topics"), set("topics.regex"));
    let mut add = |key: &str, message: String| {
        values.entry(key.to_owned()).or_insert_with(|| ConfigValue::new(key)).add_error(message);
    };
    if topics.is_some() == regex.is_some() {
        let message = match topics {
            Some(_) => "topics and topics.regex are mutually exclusive options, but both are set.",
            None => "Must configure one of topics or topics.regex",
        };
        add("topics", message.to_owned());
        add("topics.regex", message.to_owned());
    }
    let Some(dead_letters) = set("errors.deadletterqueue.topic.name").map(str::trim) else { return Ok(()) };
    if let Some(topics) = topics {
        let items: Vec<String> = topics.split(',').map(str::to_owned).collect();
        let topics = sink_topics(&items);
        if topics.iter().any(|topic| topic == dead_letters) {
            add(
                "topics",
                format!(
                    "The DLQ topic '{dead_letters}' may not be included in the list of topics ('topics=[{}]') consumed by the \
                     connector",
                    topics.join(", ")
                ),
            );
        }
    }
    if let Some(regex) = regex {
        // An invalid pattern ends the request, as it does in Java.
        let compiled = compile_java_regex_whole(regex).map_err(|message| {
            Error::new(ErrorKind::Config, message).with_class("java.util.regex.PatternSyntaxException")
        })?;
        if compiled.is_match(dead_letters).unwrap_or(false) {
            add(
                "topics.regex",
                format!(
                    "The DLQ topic '{dead_letters}' may not be matched by the regex for the topics ('topics.regex={regex}') \
                     consumed by the connector"
                ),
            );
        }
    }
    Ok(())
}

fn refuse_nulls(config: &ConfigInput, values: &mut Values) {
    for (key, _) in config.iter().filter(|(_, value)| value.is_none()) {
        let value = values.entry(key.clone()).or_insert_with(|| ConfigValue::new(key.as_str()));
        value.add_error("Null value can not be supplied as the configuration value.");
    }
}

/// The connector's own definition, and what it finds itself.
async fn ask_connector(
    plugin: &Plugin,
    config: &ConfigInput,
    stages: &Stages,
) -> Result<(ConfigDef, Vec<ConfigValue>), Error> {
    const DEFINITION: &str = "retrieving the configuration definition from the connector";
    const CHECK: &str = "performing multi-property validation for the connector";
    match &plugin.factory {
        Factory::Source { connector, .. } => {
            let connector = connector()?;
            let definition = {
                let _stage = stages.enter(DEFINITION);
                connector.config()?
            };
            let _stage = stages.enter(CHECK);
            Ok((definition, connector.validate(config).await?))
        }
        Factory::Sink { connector, .. } => {
            let connector = connector()?;
            let definition = {
                let _stage = stages.enter(DEFINITION);
                connector.config()?
            };
            let _stage = stages.enter(CHECK);
            Ok((definition, connector.validate(config).await?))
        }
        _ => Err(Error::fatal(format!("{} is no connector", plugin.class))),
    }
}

/// The connector-level part: values that nothing defines, then the worker's keys, then the connector's, which replace those of the
/// same name.
fn assemble(
    class: &str,
    base: &ConfigDef,
    own: ConfigDef,
    values: Values,
    found: Vec<ConfigValue>,
    transformed: &Transformed,
) -> ConfigInfos {
    let mut keys: IndexMap<&str, &ConfigKey> = base.keys().map(|key| (key.name(), key)).collect();
    keys.extend(own.keys().map(|key| (key.name(), key)));
    let mut groups: Vec<String> = base.groups().to_vec();
    groups.extend(own.groups().iter().filter(|group| !base.groups().contains(group)).cloned());

    let mut configs = Vec::new();
    let mut by_key: IndexMap<String, ConfigValue> = IndexMap::new();
    for value in values.into_values().chain(found) {
        if keys.contains_key(value.name.as_str()) {
            by_key.insert(value.name.clone(), value);
        } else {
            configs.push(ConfigInfo { definition: None, value: Some(ConfigValueInfo::new(&value, None)) });
        }
    }
    for (name, key) in keys {
        let definition = key.info();
        let value = by_key.get(name).map(|value| ConfigValueInfo::new(value, Some(definition.ty)));
        configs.push(ConfigInfo { definition: Some(definition), value });
    }
    let mut infos = ConfigInfos { name: class.to_owned(), error_count: 0, groups, configs };
    infos = shown(infos, transformed);
    infos.name = transformed.given("connector.class").unwrap_or(class).to_owned();
    infos.error_count =
        infos.configs.iter().filter_map(|config| config.value.as_ref()).map(|value| value.errors.len()).sum();
    infos
}

/// Hides what config providers gave.
fn shown(mut infos: ConfigInfos, transformed: &Transformed) -> ConfigInfos {
    for value in infos.configs.iter_mut().filter_map(|config| config.value.as_mut()) {
        match transformed.given(&value.name) {
            Some(given) => {
                value.value = Some(given.to_owned());
                value.recommended_values.clear();
                if !value.errors.is_empty() {
                    value.errors = vec![format!(
                        "Invalid value for configuration '{}': the value resolved from the config provider reference failed \
                         validation",
                        value.name
                    )];
                }
            }
            None => {
                for error in &mut value.errors {
                    *error = transformed.mask(error);
                }
            }
        }
    }
    infos
}
