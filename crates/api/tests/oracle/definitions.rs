//! Definitions of configuration keys and what validation says, in the oracle's JSON form. Documentation is our own and left out.

use milena_api::config::{ConfigDef, ConfigInput, ConfigKeyInfo, ConfigValue};
use serde_json::{Value as Json, json};

/// The answer to a `config_def` or `validate` case.
pub fn answer(definition: &ConfigDef, case: &Json) -> Json {
    if case["op"] == "config_def" {
        return Json::Array(definition.infos().iter().map(info).collect());
    }
    let given = case["config"].as_object().into_iter().flatten();
    let config: ConfigInput = given.map(|(k, v)| (k.clone(), v.as_str().map(str::to_owned))).collect();
    let values = definition.validate(&config);
    let mut out = json!({
        "name": case["class"],
        "error_count": values.iter().map(|value| value.errors.len()).sum::<usize>(),
        "groups": definition.groups(),
    });
    if case["view"] == "values" {
        out["values"] = Json::Array(values.iter().map(short).collect());
        return out;
    }
    let configs = values.iter().map(|value| {
        let info = definition.key(&value.name).map(|key| info(&key.info()));
        let shown = json!({"name": value.name, "value": text(value), "recommended_values": [], "errors": value.errors, "visible": value.visible});
        json!({"definition": info, "value": shown})
    });
    out["configs"] = Json::Array(configs.collect());
    out
}

fn text(value: &ConfigValue) -> Option<String> {
    value.value.text().map(|text| text.into_owned())
}

fn short(value: &ConfigValue) -> Json {
    let mut out = json!({"name": value.name, "value": text(value)});
    if !value.errors.is_empty() {
        out["errors"] = json!(value.errors);
    }
    out
}

fn info(key: &ConfigKeyInfo) -> Json {
    json!({
        "name": key.name,
        "type": key.ty,
        "required": key.required,
        "default_value": key.default_value,
        "importance": key.importance,
        "group": key.group,
        "order_in_group": key.order_in_group,
        "width": key.width,
        "display_name": key.display_name,
        "dependents": key.dependents,
    })
}
