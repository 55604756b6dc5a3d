//! Converters of data and of headers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use milena_api::config::ConfigMap;
use milena_api::converter::{Converter, ConverterRole, HeaderConverter};
use milena_api::data::{SchemaAndValue, Value};
use milena_api::plugin::Factory;
use milena_api::{Error, Result};
use serde_json::{Value as Json, json};

use crate::values::{schema, schema_json, text, value, value_json};
use crate::{Answer, Unsupported};

fn converter(name: &str) -> Result<Box<dyn Converter>, Unsupported> {
    let found = milena_converters::plugins().into_iter().find_map(|plugin| match &plugin.factory {
        Factory::Converter(make) if plugin.class == name || plugin.simple_name() == name => Some(make().unwrap()),
        _ => None,
    });
    found.ok_or_else(|| Unsupported(format!("converter {name}")))
}

fn header_converter(name: &str) -> Result<Box<dyn HeaderConverter>, Unsupported> {
    let found = milena_converters::plugins().into_iter().find_map(|plugin| match &plugin.factory {
        Factory::HeaderConverter(make) if plugin.class == name || plugin.simple_name() == name => Some(make().unwrap()),
        _ => None,
    });
    found.ok_or_else(|| Unsupported(format!("header converter {name}")))
}

pub(crate) fn answer(case: &Json) -> Result<Answer, Unsupported> {
    let config: ConfigMap = case["config"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()))
        .collect();
    let given = schema(&case["schema"])?;
    let (topic, name) = (text(case, "topic"), text(case, "name"));
    let bytes = case["bytes"].as_str().map(|text| Bytes::from(STANDARD.decode(text).unwrap()));
    let given_bytes = bytes.is_some();
    let role = if case["is_key"] == json!(true) { ConverterRole::Key } else { ConverterRole::Value };
    let class = text(case, "converter");
    let value = || value(&case["value"], given.as_ref());
    let configured = |result: Result<()>| result.map_err(|error| Err((&error).into()));
    let answer = match text(case, "op") {
        "to_connect" => {
            let mut converter = converter(class)?;
            if let Err(failed) = configured(converter.configure(&config, role)) {
                return Ok(failed);
            }
            converter.to_connect_data(topic, bytes).map(|read| read_json(&read, false))
        }
        "from_connect" => {
            let mut converter = converter(class)?;
            if let Err(failed) = configured(converter.configure(&config, role)) {
                return Ok(failed);
            }
            converter.from_connect_data(topic, given.as_ref(), &value()?).map(bytes_json)
        }
        "header_to_connect" => {
            let mut converter = header_converter(class)?;
            if let Err(failed) = configured(converter.configure(&config)) {
                return Ok(failed);
            }
            converter
                .to_connect_header(topic, name, bytes)
                .map(|read| read_json(&read, given_bytes && class.ends_with("SimpleHeaderConverter")))
        }
        "header_from_connect" => {
            let mut converter = header_converter(class)?;
            if let Err(failed) = configured(converter.configure(&config)) {
                return Ok(failed);
            }
            converter.from_connect_header(topic, name, given.as_ref(), &value()?).map(bytes_json)
        }
        other => return Err(Unsupported(format!("op {other}"))),
    };
    Ok(answer.map_err(|error: Error| (&error).into()))
}

/// The simple header converter gives no object at all for the text `null`.
fn read_json(read: &SchemaAndValue, simple: bool) -> Json {
    if simple && read.schema.is_none() && read.value == Value::Null {
        return Json::Null;
    }
    json!({"schema": schema_json(read.schema.as_ref()), "value": value_json(&read.value, read.schema.as_ref())})
}

fn bytes_json(bytes: Option<Bytes>) -> Json {
    json!({"bytes": bytes.map(|bytes| STANDARD.encode(bytes))})
}
