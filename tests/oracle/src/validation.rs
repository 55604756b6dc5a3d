//! Definitions and validations against the answers of Kafka's own classes.
//!
//! `golden/known_differences.txt` lists the cases that are known to differ, by line and reason. It only shrinks: a case on it that passes
//! fails the test, as does one beside it that does not. `VALIDATE_CASES` names another file of cases, for fresh seeds.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a case that cannot be read fails the test")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use milena_api::config::{ConfigDef, ConfigInput, ConfigKeyInfo, ConfigMap, ConfigValue};
use milena_api::plugin::{Factory, Plugin};
use milena_runtime::config::{
    BrokenAlias, Defaults, Side, StandaloneConfig, common_keys, connector_keys, standalone_keys, with_aliases,
};
use milena_runtime::herder::RequestError;
use milena_runtime::plugins::PluginRegistry;
use milena_runtime::stage::Stages;
use milena_runtime::validation::{ConfigInfo, ConfigInfos, ConfigValueInfo, ConnectorValidator};
use serde_json::{Map, Value as Json, json};

struct Worker {
    registry: Arc<PluginRegistry>,
    validator: ConnectorValidator,
}

fn worker() -> Worker {
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

impl Worker {
    fn answer(&self, case: &Json) -> Result<Json, RequestError> {
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
        let values = definition.validate_with(&config, &classes);
        Ok(infos_json(&infos(class, &definition, &values), view))
    }

    fn definition(&self, class: &str, config: &ConfigInput) -> Result<ConfigDef, RequestError> {
        let enriched = |base: ConfigDef| Ok(with_aliases(base, &self.registry, config, BrokenAlias::LeaveOut)?);
        let plugins = Some(&self.registry);
        match class {
            "connector-common" => enriched(common_keys(plugins, &Defaults::default()).unwrap()),
            "source-connector-common" => enriched(connector_keys(Side::Source, plugins, &Defaults::default()).unwrap()),
            "sink-connector-common" => enriched(connector_keys(Side::Sink, plugins, &Defaults::default()).unwrap()),
            "StandaloneConfig" => Ok(standalone_keys().unwrap()),
            _ => {
                let mut plugins = milena_converters::plugins();
                plugins.extend(milena_transforms::plugins());
                let plugin = plugins.into_iter().find(|plugin| plugin.class.rsplit('.').next() == Some(class));
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

/// Lists of keys by name, as their order is that of a hash map in places.
fn unordered(json: &Json) -> Json {
    let by_name = |list: &Json| -> Json {
        let mut named: BTreeMap<String, Json> = BTreeMap::new();
        for item in list.as_array().into_iter().flatten() {
            let name = [&item["name"], &item["definition"]["name"], &item["value"]["name"]];
            let name = name.into_iter().find_map(Json::as_str).unwrap_or_default().to_owned();
            let mut name_once = name.clone();
            while named.contains_key(&name_once) {
                name_once.push_str(" again");
            }
            named.insert(name_once, item.clone());
        }
        named.into_iter().collect::<Map<String, Json>>().into()
    };
    if json.is_array() {
        return by_name(json);
    }
    let mut json = json.clone();
    // Groups of converters come in the order of a hash map, too.
    if let Some(groups) = json.get_mut("groups").and_then(Json::as_array_mut) {
        groups.sort_by_key(Json::to_string);
    }
    for list in ["configs", "values"] {
        if json.get(list).is_some() {
            json[list] = by_name(&json[list]);
        }
    }
    json
}

/// Without the nearest names, which Kafka does not offer.
fn without_hints(json: Json) -> Json {
    match json {
        Json::String(text) => {
            let end = text.find("could not be found. Did you mean").map(|at| at + "could not be found.".len());
            Json::String(end.map_or(text.as_str(), |end| &text[..end]).to_owned())
        }
        Json::Array(items) => items.into_iter().map(without_hints).collect(),
        Json::Object(fields) => fields.into_iter().map(|(name, value)| (name, without_hints(value))).collect(),
        other => other,
    }
}

/// Where two answers differ, at most a few places.
fn differences(path: &str, ours: &Json, theirs: &Json, found: &mut Vec<String>) {
    if ours == theirs || found.len() > 5 {
        return;
    }
    match (ours, theirs) {
        (Json::Object(l), Json::Object(r)) => {
            let keys: std::collections::BTreeSet<_> = l.keys().chain(r.keys()).collect();
            for key in keys {
                let at = format!("{path}/{key}");
                differences(&at, l.get(key).unwrap_or(&Json::Null), r.get(key).unwrap_or(&Json::Null), found);
            }
        }
        _ => found.push(format!("{path}: ours {ours}, Kafka's {theirs}")),
    }
}

fn compare(ours: Result<Json, RequestError>, expect: &Json) -> Vec<String> {
    let mut found = Vec::new();
    match (ours, expect.get("ok"), expect.get("error")) {
        (Ok(ours), Some(theirs), _) => {
            differences("", &unordered(&without_hints(ours)), &unordered(theirs), &mut found)
        }
        (Err(ours), _, Some(theirs)) => {
            let (class, text) = (theirs["class"].as_str().unwrap(), theirs["message"].as_str());
            // Texts of java.* exceptions are Java's.
            let head = |text: Option<&str>| text.map(comparable);
            if ours.class != class || (!class.starts_with("java.") && head(ours.message.as_deref()) != head(text)) {
                found.push(format!("ours {ours:?}, Kafka's {class}: {text:?}"));
            }
        }
        (ours, ..) => found.push(format!("ours {ours:?}, Kafka's {expect}")),
    }
    found
}

/// A message without the list of available plug-ins, which depends on the worker, and with the entries of a map sorted.
fn comparable(message: &str) -> String {
    let head = message.split(" are: ").next().unwrap_or(message);
    let map = head.split_once('{').and_then(|(before, rest)| Some((before, rest.rsplit_once('}')?)));
    let Some((before, (map, after))) = map else { return head.to_owned() };
    // Values may have commas, so letters are compared, not entries.
    let mut letters: Vec<char> = map.chars().collect();
    letters.sort_unstable();
    format!("{before}{}{after}", letters.into_iter().collect::<String>())
}

#[test]
fn definitions_and_validations_are_those_of_kafka() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let fresh = std::env::var_os("VALIDATE_CASES");
    let cases = fresh.as_ref().map_or_else(|| golden.join("validate.jsonl"), Into::into);
    let cases = std::fs::read_to_string(cases).unwrap();
    let known = match fresh {
        Some(_) => String::new(),
        None => std::fs::read_to_string(golden.join("known_differences.txt")).unwrap(),
    };
    let known: Vec<usize> = known
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect();
    let worker = worker();
    let mut wrong = Vec::new();
    for (line, text) in (1..).zip(cases.lines()) {
        let case: Json = serde_json::from_str(text).unwrap();
        let found = compare(worker.answer(&case["case"]), &case["expect"]);
        match (found.is_empty(), known.contains(&line)) {
            (true, false) | (false, true) => {}
            (true, true) => wrong.push(format!("line {line} passes: take it off the list of known differences")),
            (false, false) => wrong.push(format!("line {line}: {}\n  {}", case["case"], found.join("\n  "))),
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}
