//! Definitions of configurations, and their validation.

use std::sync::Arc;

use milena_api::config::{ConfigDef, ConfigInput, ConfigKeyInfo, ConfigMap, ConfigValue};
use milena_api::plugin::{Factory, Plugin};
use milena_runtime::config::{
    BrokenAlias, Defaults, Side, StandaloneConfig, common_keys, connector_keys, distributed_keys, standalone_keys,
    with_aliases,
};
use milena_runtime::herder::RequestError;
use milena_runtime::plugins::PluginRegistry;
use milena_runtime::stage::Stages;
use milena_runtime::validation::{ConfigInfo, ConfigInfos, ConfigValueInfo, ConnectorValidator};
use serde_json::{Value as Json, json};

use crate::Answer;

/// A worker that can be asked what it thinks of a configuration.
pub(crate) struct Worker {
    registry: Arc<PluginRegistry>,
    validator: ConnectorValidator,
}

impl Worker {
    pub(crate) fn new() -> Self {
        let mut plugins = milena_converters::plugins();
        // The answers list Kafka's own transformations only.
        let of_kafka = |plugin: &Plugin| plugin.class.starts_with("org.apache.kafka.");
        plugins.extend(milena_transforms::plugins().into_iter().filter(of_kafka));
        plugins.extend(milena_connector_file::plugins());
        let registry = Arc::new(PluginRegistry::new(plugins));
        let properties = ConfigMap::from_iter(
            [
                ("bootstrap.servers", "localhost:9092"),
                ("key.converter", "org.apache.kafka.connect.json.JsonConverter"),
                ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
                ("offset.storage.file.filename", "/tmp/offsets"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        let config = StandaloneConfig::parse(&properties, &registry).unwrap();
        let validator = ConnectorValidator::new(Arc::clone(&registry), Arc::new(config.worker));
        Worker { registry, validator }
    }

    pub(crate) fn answer(&self, case: &Json) -> Answer {
        Ok(self.validate(case)?)
    }

    fn validate(&self, case: &Json) -> Result<Json, RequestError> {
        let class = case["class"].as_str().unwrap();
        let config = input(&case["config"]);
        let view = case["view"].as_str().unwrap_or("full");
        if case["op"] == "config_def" {
            let infos = match self.registry.connector(class, None) {
                Ok(_) => self.validator.plugin_config(class, None)?,
                Err(_) => self.definition(class, &config)?.infos(),
            };
            return Ok(infos.iter().map(|info| definition_json(info, view)).collect());
        }
        if self.registry.connector(class, None).is_ok() {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let infos = runtime.block_on(self.validator.validate(config, &Stages::default()))?;
            return Ok(infos_json(&infos, view));
        }
        let definition = self.definition(class, &config)?;
        let classes = |name: &str| self.registry.load_class(name);
        let mut values = definition.validate_with(&config, &classes);
        if class.ends_with("connector-common") {
            // Kafka was asked for a definition that knows no plug-ins to recommend.
            let of_plugins = |name: &str| {
                let enriched = name.starts_with("transforms.") || name.starts_with("predicates.");
                !enriched && (name.ends_with("converter") || name.ends_with("plugin.version"))
            };
            values
                .iter_mut()
                .filter(|value| of_plugins(&value.name))
                .for_each(|value| value.recommended_values.clear());
        }
        Ok(infos_json(&infos(class, &definition, &values), view))
    }

    fn definition(&self, class: &str, config: &ConfigInput) -> Result<ConfigDef, RequestError> {
        let enriched = |base: ConfigDef| Ok(with_aliases(base, &self.registry, config, BrokenAlias::LeaveOut)?);
        let plugins = Some(&self.registry);
        match class {
            "connector-common" => enriched(common_keys(plugins, &Defaults::default()).unwrap()),
            "source-connector-common" => enriched(connector_keys(Side::Source, plugins, &Defaults::default()).unwrap()),
            "sink-connector-common" => enriched(connector_keys(Side::Sink, plugins, &Defaults::default()).unwrap()),
            "DistributedConfig" => Ok(distributed_keys().unwrap()),
            "StandaloneConfig" => Ok(standalone_keys().unwrap()),
            _ => {
                let mut plugins = milena_converters::plugins();
                plugins.extend(milena_transforms::plugins());
                let plugin = plugins
                    .into_iter()
                    .find(|plugin| plugin.class == class || plugin.class.rsplit('.').next() == Some(class));
                let plugin = plugin.unwrap_or_else(|| panic!("there is no plug-in {class}"));
                Ok(match plugin.factory {
                    Factory::Transformation(make) => make()?.config()?,
                    Factory::Predicate(make) => make()?.config()?,
                    Factory::Converter(make) => make()?.config()?.unwrap_or_default(),
                    Factory::HeaderConverter(make) => make()?.config()?.unwrap_or_default(),
                    _ => panic!("{class} is a connector"),
                })
            }
        }
    }
}

fn input(json: &Json) -> ConfigInput {
    let entries = json.as_object().into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), value.as_str().map(str::to_owned))).collect()
}

fn infos(class: &str, definition: &ConfigDef, values: &[ConfigValue]) -> ConfigInfos {
    let configs: Vec<ConfigInfo> = values
        .iter()
        .map(|value| ConfigInfo {
            definition: definition.key(&value.name).map(|key| key.info()),
            value: Some(ConfigValueInfo {
                name: value.name.clone(),
                value: value.value.text().map(|text| text.into_owned()),
                recommended_values: value
                    .recommended_values
                    .iter()
                    .filter_map(|value| value.text().map(|text| text.into_owned()))
                    .collect(),
                errors: value.errors.clone(),
                visible: value.visible,
            }),
        })
        .collect();
    let error_count = values.iter().map(|value| value.errors.len()).sum();
    ConfigInfos { name: class.to_owned(), error_count, groups: definition.groups().to_vec(), configs }
}

fn definition_json(info: &ConfigKeyInfo, view: &str) -> Json {
    let mut json = json!({
        "name": info.name,
        "type": info.ty,
        "required": info.required,
        "default_value": info.default_value,
        "importance": info.importance,
        "group": info.group,
        "order_in_group": info.order_in_group,
        "width": info.width,
        "display_name": info.display_name,
        "dependents": info.dependents,
    });
    if view == "full" {
        json["documentation"] = json!(info.documentation);
    }
    json
}

fn infos_json(infos: &ConfigInfos, view: &str) -> Json {
    let mut json = json!({ "name": infos.name, "error_count": infos.error_count, "groups": infos.groups });
    let value_json = |value: &ConfigValueInfo| {
        json!({
            "name": value.name,
            "value": value.value,
            "recommended_values": value.recommended_values,
            "errors": value.errors,
            "visible": value.visible,
        })
    };
    if view == "values" {
        let short = |value: &ConfigValueInfo| {
            let mut json = json!({ "name": value.name, "value": value.value });
            if !value.errors.is_empty() {
                json["errors"] = json!(value.errors);
            }
            if !value.visible {
                json["visible"] = json!(false);
            }
            json
        };
        json["values"] = infos.configs.iter().filter_map(|config| config.value.as_ref()).map(short).collect();
    } else {
        let full = |config: &ConfigInfo| {
            json!({
                "definition": config.definition.as_ref().map(|definition| definition_json(definition, view)),
                "value": config.value.as_ref().map(value_json),
            })
        };
        json["configs"] = infos.configs.iter().map(full).collect();
    }
    json
}

/// Without the nearest names, which Kafka does not offer.
pub(crate) fn without_hints(json: &Json) -> Json {
    match json {
        Json::String(text) => {
            let end = text.find("could not be found. Did you mean").map(|at| at + "could not be found.".len());
            Json::String(end.map_or(text.as_str(), |end| &text[..end]).to_owned())
        }
        Json::Array(items) => items.iter().map(without_hints).collect(),
        Json::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), without_hints(value))).collect(),
        other => other.clone(),
    }
}

/// A message without the list of available plug-ins, which depends on the worker, and with the entries of a map sorted.
pub(crate) fn comparable(message: &str) -> String {
    let head = message.split(" are: ").next().unwrap_or(message);
    let map = head.split_once('{').and_then(|(before, rest)| Some((before, rest.rsplit_once('}')?)));
    let Some((before, (map, after))) = map else { return head.to_owned() };
    // Values may have commas, so letters are compared, not entries.
    let mut letters: Vec<char> = map.chars().collect();
    letters.sort_unstable();
    format!("{before}{}{after}", letters.into_iter().collect::<String>())
}
