//! Definitions of the keys of a connector's transformations and predicates.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.ConnectorConfig.{enrich, EnrichablePlugin}`.

use std::sync::Arc;

use milena_api::Error;
use milena_api::config::{ConfigDef, ConfigError, ConfigInput, ConfigKey, Importance, Parsed, Type, Width, parse_type};
use milena_api::error::ErrorKind;
use milena_api::plugin::{Factory, Plugin, PluginKind};

use super::connector_keys::{VersionsOf, classes};
use super::validators::version_range;
use crate::plugins::{PluginError, PluginRegistry, VersionRange, interface};

/// What to do about an alias whose class or version is no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenAlias {
    /// Leave its own keys out: validation reports it at its `type`.
    LeaveOut,
    /// Refuse the configuration.
    Refuse,
}

/// A list of aliases and what each of them stands for.
#[derive(Clone, Copy)]
struct Aliases {
    key: &'static str,
    group: &'static str,
    kind: PluginKind,
    /// Name in texts.
    title: &'static str,
}

const TRANSFORMS: Aliases =
    Aliases { key: "transforms", group: "Transforms", kind: PluginKind::Transformation, title: "Transformation" };
const PREDICATES: Aliases =
    Aliases { key: "predicates", group: "Predicates", kind: PluginKind::Predicate, title: "Predicate" };

/// Adds the keys of every transformation and predicate of a configuration.
///
/// # Errors
/// A plug-in that cannot say what its keys are; with [`BrokenAlias::Refuse`] also an alias without a usable class.
pub fn with_aliases(
    base: ConfigDef,
    registry: &Arc<PluginRegistry>,
    config: &ConfigInput,
    broken: BrokenAlias,
) -> Result<ConfigDef, Error> {
    let definition = enrich(base, TRANSFORMS, registry, config, broken)?;
    enrich(definition, PREDICATES, registry, config, broken)
}

fn enrich(
    mut definition: ConfigDef,
    aliases: Aliases,
    registry: &Arc<PluginRegistry>,
    config: &ConfigInput,
    broken: BrokenAlias,
) -> Result<ConfigDef, Error> {
    let given = config.get(aliases.key).and_then(Option::as_deref);
    let Parsed::List(names) = parse_type(aliases.key, given, Type::List, None)? else { return Ok(definition) };
    let mut done: Vec<&str> = Vec::new();
    for alias in &names {
        if done.contains(&alias.as_str()) {
            continue;
        }
        done.push(alias);
        let stage = Stage::new(aliases, alias, registry, config);
        definition = definition.define(stage.type_key())?.define(stage.version_key())?;
        match stage.own_keys() {
            Ok(own) => {
                let group = format!("{}: {alias}", aliases.group);
                definition = definition.embed(&stage.prefix, &group, 2, &own)?;
            }
            Err(error) if broken == BrokenAlias::Refuse || error.kind() != ErrorKind::Config => return Err(error),
            Err(_) => {}
        }
    }
    Ok(definition)
}

/// One alias.
#[derive(Clone)]
struct Stage {
    aliases: Aliases,
    alias: String,
    /// `transforms.a.`
    prefix: String,
    registry: Arc<PluginRegistry>,
    class: Option<String>,
    version: Option<String>,
    /// `negate` is set, `predicate` is not.
    negates_nothing: bool,
}

impl Stage {
    fn new(aliases: Aliases, alias: &str, registry: &Arc<PluginRegistry>, config: &ConfigInput) -> Self {
        let prefix = format!("{}.{alias}.", aliases.key);
        let value = |key: &str| config.get(&format!("{prefix}{key}")).cloned().flatten();
        let has = |key: &str| config.contains_key(&format!("{prefix}{key}"));
        Stage {
            class: value("type").map(|class| class.trim().to_owned()),
            version: value("plugin.version"),
            negates_nothing: aliases.kind == PluginKind::Transformation && has("negate") && !has("predicate"),
            registry: Arc::clone(registry),
            aliases,
            alias: alias.to_owned(),
            prefix,
        }
    }

    fn group(&self) -> String {
        format!("{}: {}", self.aliases.group, self.alias)
    }

    fn type_key(&self) -> ConfigKey {
        let Aliases { kind, title, .. } = self.aliases;
        let stage = self.clone();
        ConfigKey::new(format!("{}type", self.prefix), Type::Class)
            .importance(Importance::High)
            .group(self.group(), 0)
            .width(Width::Long)
            .display_name(format!("{title} type for {}", self.alias))
            .doc(format!("Class for the '{}' {}.", self.alias, title.to_lowercase()))
            .recommender(classes(&self.registry, kind))
            .validator(move |_: &str, value: &Parsed| {
                stage.check_negate()?;
                match value {
                    Parsed::Null => Ok(()),
                    _ => stage.own_keys().map(drop).map_err(|error| ConfigError::other(error.to_string())),
                }
            })
    }

    fn version_key(&self) -> ConfigKey {
        let Aliases { kind, title, .. } = self.aliases;
        let stage = self.clone();
        let key = ConfigKey::new(format!("{}plugin.version", self.prefix), Type::String)
            .importance(Importance::High)
            .group(self.group(), 1)
            .width(Width::Long)
            .display_name(format!("{title} version for {}", self.alias))
            .doc(format!("Version of the '{}' {}.", self.alias, title.to_lowercase()))
            .recommender(VersionsOf {
                registry: Arc::clone(&self.registry),
                class_key: format!("{}type", self.prefix),
                kinds: vec![kind],
                hidden_without_class: false,
            });
        let default = self.class.as_deref().and_then(|class| self.registry.newest(&[kind], class));
        let key = match default.filter(|plugin| plugin.unusable.is_none()) {
            Some(plugin) => key.default(&plugin.version),
            None => key.default_null(),
        };
        key.validator(move |name: &str, value: &Parsed| {
            version_range().ensure_valid(name, value)?;
            // The default is judged, too, when the key is defined.
            if stage.version.as_deref().map(str::trim) != value.as_str() {
                return Ok(());
            }
            match stage.plugin() {
                Err(error @ PluginError::NoSuchVersion { .. }) => Err(ConfigError::other(error.to_string())),
                _ => Ok(()),
            }
        })
    }

    fn check_negate(&self) -> Result<(), ConfigError> {
        if self.negates_nothing {
            let prefix = &self.prefix;
            return Err(ConfigError::other(format!(
                "Config '{prefix}negate' was provided but there is no config '{prefix}predicate' defining a predicate to be \
                 negated."
            )));
        }
        Ok(())
    }

    fn plugin(&self) -> Result<Option<Arc<Plugin>>, PluginError> {
        let Some(class) = &self.class else { return Ok(None) };
        let range = VersionRange::required(self.version.as_deref())?;
        Ok(self.registry.find(&[self.aliases.kind], class, range.as_ref())?.cloned())
    }

    /// The keys that the plug-in defines itself, and for a transformation those of its predicate.
    fn own_keys(&self) -> Result<ConfigDef, Error> {
        let kind = self.aliases.kind;
        let key = format!("{}type", self.prefix);
        let config_error = |message: String| Error::config(message);
        let Some(class) = &self.class else {
            return Err(config_error(format!("Invalid value null for configuration {key}: Not a {}", interface(kind))));
        };
        let Some(full_name) = self.registry.load_class(class) else {
            let hint = self.registry.hint(&[kind], class);
            return Err(config_error(format!(
                "Invalid value {class} for configuration {key}: Class {class} could not be found.{}",
                hint.strip_prefix('.').unwrap_or_default()
            )));
        };
        self.registry.check_class(kind, &full_name).map_err(config_error)?;
        let plugin = self.plugin().map_err(|error| config_error(error.to_string()))?;
        let Some(plugin) = plugin else {
            return Err(config_error(format!(
                "Class class {full_name} does not implement the {} interface",
                interface(kind)
            )));
        };
        let own = match &plugin.factory {
            Factory::Transformation(make) => make().and_then(|plugin| plugin.config()),
            Factory::Predicate(make) => make().and_then(|plugin| plugin.config()),
            _ => Ok(ConfigDef::new()),
        };
        let own = own.map_err(|error| {
            config_error(format!(
                "Invalid value class {full_name} for configuration {key}: Error getting config definition from {}: {error}",
                interface(kind)
            ))
        })?;
        if kind != PluginKind::Transformation {
            return Ok(own);
        }
        // Keys of these names that the transformation has itself are out of reach.
        own.keys()
            .filter(|key| !matches!(key.name(), "predicate" | "negate"))
            .cloned()
            .try_fold(predicate_keys()?, |keys, key| Ok(keys.define(key)?))
    }
}

fn predicate_keys() -> Result<ConfigDef, ConfigError> {
    ConfigDef::of([
        ConfigKey::new("predicate", Type::String)
            .default_null()
            .doc("Alias of the predicate that decides whether the transformation applies to a record."),
        ConfigKey::new("negate", Type::Boolean)
            .default(false)
            .doc("Whether the transformation applies where the predicate does not."),
    ])
}
