//! Validation of the converters that a connector sets itself.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.AbstractHerder.validateConverterConfig`.

use indexmap::IndexMap;
use milena_api::Error;
use milena_api::config::{ConfigDef, ConfigInput, ConfigKeyInfo, ConfigValue};
use milena_api::converter::ConverterRole;
use milena_api::plugin::{Factory, Plugin};

use super::connector::text;
use super::infos::{ConfigInfo, ConfigInfos, ConfigValueInfo};
use crate::config::kind_of;
use crate::plugins::{PluginError, PluginRegistry, VersionRange};
use crate::stage::Stages;

/// The keys of a converter; `None` if the connector does not set it, it is refused already, or it declares no keys. What is wrong with
/// the converter as such is added to its class key in `values`.
pub(super) fn validate_converter(
    registry: &PluginRegistry,
    role: ConverterRole,
    config: &ConfigInput,
    values: &mut IndexMap<String, ConfigValue>,
    stages: &Stages,
) -> Option<ConfigInfos> {
    let class_key = format!("{}.converter", role.name());
    let version_key = format!("{class_key}.plugin.version");
    let class = text(config, &class_key)?;
    if [&class_key, &version_key].into_iter().any(|key| values.get(key).is_some_and(|value| !value.errors.is_empty())) {
        return None;
    }
    let title = format!("{} converter", role.name());
    let mut refuse = |keys: &[&str], message: String| {
        for key in keys {
            if let Some(value) = values.get_mut(*key) {
                value.add_error(&message);
            }
        }
    };

    let plugin = {
        let _stage = stages.enter(format!("instantiating the connector's {title} for validation"));
        let range = VersionRange::required(text(config, &version_key)).ok()?;
        match registry.plugin(kind_of(role), class, range.as_ref()) {
            Ok(plugin) => plugin,
            Err(error @ PluginError::NoSuchVersion { .. }) => {
                refuse(&[&class_key, &version_key], error.to_string());
                return None;
            }
            // Only a name with blanks around it comes here: other unknown ones have an error already.
            Err(_) => {
                refuse(&[&class_key], format!("Failed to load class {class}: {class}"));
                return None;
            }
        }
    };
    let definition = {
        let _stage = stages.enter(format!("retrieving the configuration definition from the connector's {title}"));
        match definition(plugin) {
            Ok(definition) => definition?,
            Err(Failure::Instantiation(error)) => {
                refuse(&[&class_key], format!("Failed to load class {class}: {error}"));
                return None;
            }
            Err(Failure::Definition(error)) => {
                refuse(&[&class_key], format!("Failed to load ConfigDef from {title}: {error}"));
                return None;
            }
        }
    };

    let prefix = format!("{class_key}.");
    let mut own: ConfigInput =
        config.iter().filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?.to_owned(), value.clone()))).collect();
    own.entry("converter.type".to_owned()).or_insert_with(|| Some(role.name().to_owned()));
    let _stage = stages.enter(format!("performing config validation for the connector's {title}"));
    let found = definition.validate_with(&own, &|name: &str| registry.load_class(name));
    Some(prefixed(&prefix, found, |key| definition.key(key).map(|key| key.info())))
}

enum Failure {
    Instantiation(Error),
    Definition(Error),
}

fn definition(plugin: &Plugin) -> Result<Option<ConfigDef>, Failure> {
    match &plugin.factory {
        Factory::Converter(make) => make().map_err(Failure::Instantiation)?.config().map_err(Failure::Definition),
        Factory::HeaderConverter(make) => make().map_err(Failure::Instantiation)?.config().map_err(Failure::Definition),
        _ => Ok(None),
    }
}

/// Values as keys behind a prefix. Every key with an error counts once; visibility is not kept.
pub(super) fn prefixed(
    prefix: &str,
    values: Vec<ConfigValue>,
    definition: impl Fn(&str) -> Option<ConfigKeyInfo>,
) -> ConfigInfos {
    let mut infos = ConfigInfos::default();
    for mut value in values {
        let mut definition = definition(&value.name);
        if let Some(definition) = &mut definition {
            if let Some(group) = &definition.group
                && !infos.groups.contains(group)
            {
                infos.groups.push(group.clone());
            }
            definition.name = format!("{prefix}{}", definition.name);
        }
        infos.error_count += usize::from(!value.errors.is_empty());
        value.name = format!("{prefix}{}", value.name);
        value.visible = true;
        let info = ConfigValueInfo::new(&value, definition.as_ref().map(|definition| definition.ty));
        infos.configs.push(ConfigInfo { definition, value: Some(info) });
    }
    infos
}
