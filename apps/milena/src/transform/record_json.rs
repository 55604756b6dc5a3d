//! Records as JSON that people write and read.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use milena_api::converter::{Converter, ConverterRole};
use milena_api::data::{Schema, SchemaAndValue, Str, Value};
use milena_api::header::Header;
use milena_api::plugin::{Factory, PluginKind};
use milena_api::record::{ConnectRecord, Record, SinkRecord, SourceRecord, TimestampType};
use milena_runtime::plugins::PluginRegistry;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

const CONVERTER: &str = "org.apache.kafka.connect.json.JsonConverter";
const MEMBERS: &[&str] = &["topic", "partition", "offset", "timestamp", "key", "value", "headers"];

type Members<'a> = HashMap<String, &'a RawValue>;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderJson<'a> {
    name: String,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

/// A member; null is as if it were not there.
fn member<'a, T: serde::Deserialize<'a>>(members: &Members<'a>, name: &str) -> Result<Option<T>> {
    let Some(json) = members.get(name) else { return Ok(None) };
    serde_json::from_str(json.get()).with_context(|| format!("{name} is {json}"))
}

/// A record of a sink if it has an offset, else one of a source.
pub(super) enum TriedRecord {
    Sink(SinkRecord),
    Source(SourceRecord),
}

impl TriedRecord {
    pub(super) fn get(&self) -> &dyn Record {
        match self {
            Self::Sink(record) => record,
            Self::Source(record) => record,
        }
    }

    pub(super) fn get_mut(&mut self) -> &mut dyn Record {
        match self {
            Self::Sink(record) => record,
            Self::Source(record) => record,
        }
    }
}

/// Reads and writes records. Keys, values and headers are written as `JsonConverter` writes them: with a schema as
/// `{"schema": …, "payload": …}`, else as they are.
pub(super) struct RecordJson {
    with_schema: Box<dyn Converter>,
    plain: Box<dyn Converter>,
}

impl RecordJson {
    pub(super) fn new(registry: &PluginRegistry) -> Result<Self> {
        let converter = |schemas: &str| -> Result<Box<dyn Converter>> {
            let plugin = registry.plugin(PluginKind::Converter, CONVERTER, None)?;
            let Factory::Converter(make) = &plugin.factory else { bail!("{CONVERTER} is not a converter") };
            let mut converter = make()?;
            // Defaults are for the transformations to put in.
            let config = [("schemas.enable", schemas), ("replace.null.with.default", "false")];
            let config = config.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect();
            converter.configure(&config, ConverterRole::Value)?;
            Ok(converter)
        };
        Ok(Self { with_schema: converter("true")?, plain: converter("false")? })
    }

    pub(super) fn read(&mut self, json: &RawValue) -> Result<TriedRecord> {
        let members: Members<'_> = serde_json::from_str(json.get()).context("a record is a JSON object")?;
        if let Some(unknown) = members.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
            bail!("a record has no '{unknown}'; there are: {}", MEMBERS.join(", "));
        }
        let topic = member::<String>(&members, "topic")?.unwrap_or_else(|| "topic".to_owned());
        let SchemaAndValue { schema, value } = self.data(members.get("value").copied()).context("value")?;
        let mut record = ConnectRecord::new(topic, schema, value);
        SchemaAndValue { schema: record.key_schema, value: record.key } =
            self.data(members.get("key").copied()).context("key")?;
        record.kafka_partition = member(&members, "partition")?;
        record.timestamp = member(&members, "timestamp")?;
        for header in member::<Vec<&RawValue>>(&members, "headers")?.unwrap_or_default() {
            let header: HeaderJson<'_> = serde_json::from_str(header.get()).context("a header is {name, value}")?;
            let SchemaAndValue { schema, value } = self.data(header.value).context("header")?;
            record.headers.push(Header { key: Str::from(header.name.as_str()), schema, value });
        }
        Ok(match member(&members, "offset")? {
            Some(offset) => {
                let partition = record.kafka_partition.unwrap_or(0);
                TriedRecord::Sink(SinkRecord::new(record, partition, offset, TimestampType::CreateTime))
            }
            None => TriedRecord::Source(SourceRecord::new(record, None, None)),
        })
    }

    /// Numbers reach the converter as they are written.
    fn data(&mut self, json: Option<&RawValue>) -> Result<SchemaAndValue> {
        let Some(json) = json.map(RawValue::get) else {
            return Ok(SchemaAndValue { schema: None, value: Value::Null });
        };
        let enveloped = serde_json::from_str::<Members<'_>>(json).is_ok_and(|all| {
            let schema = all.get("schema").map(|schema| schema.get());
            all.len() == 2 && all.contains_key("payload") && schema.is_some_and(|s| s == "null" || s.starts_with('{'))
        });
        let converter = if enveloped { &mut self.with_schema } else { &mut self.plain };
        let bytes = (json != "null").then(|| json.as_bytes().to_vec().into());
        Ok(converter.to_connect_data("", bytes)?)
    }

    /// As [`read`](Self::read) reads it, without what need not be said: nulls, no headers, `optional` that is false.
    pub(super) fn write(&mut self, tried: &TriedRecord) -> Result<Json> {
        let offset = match tried {
            TriedRecord::Sink(record) => Some(record.kafka_offset),
            TriedRecord::Source(_) => None,
        };
        let record = tried.get();
        let mut members = Map::new();
        members.insert("topic".to_owned(), json!(record.topic.as_ref()));
        let number = |value: Option<i64>| value.map_or(Json::Null, Json::from);
        let headers = record.headers.iter().map(|header| {
            let value = self.data_json(header.schema.as_ref(), &header.value)?;
            Ok(json!({"name": header.key.as_str(), "value": value}))
        });
        let headers = headers.collect::<Result<Vec<Json>>>()?;
        for (name, member) in [
            ("partition", number(record.kafka_partition.map(i64::from))),
            ("offset", number(offset)),
            ("timestamp", number(record.timestamp)),
            ("key", self.data_json(record.key_schema.as_ref(), &record.key)?),
            ("value", self.data_json(record.value_schema.as_ref(), &record.value)?),
            ("headers", Json::Array(headers)),
        ] {
            if !member.is_null() && member != json!([]) {
                members.insert(name.to_owned(), member);
            }
        }
        Ok(Json::Object(members))
    }

    fn data_json(&mut self, schema: Option<&Schema>, value: &Value) -> Result<Json> {
        let converter = if schema.is_some() { &mut self.with_schema } else { &mut self.plain };
        let Some(bytes) = converter.from_connect_data("", schema, value)? else { return Ok(Json::Null) };
        let mut json: Json = serde_json::from_slice(&bytes)?;
        if let Some(schema) = json.get_mut("schema").filter(|_| schema.is_some()) {
            *schema = short(schema);
        }
        Ok(json)
    }
}

fn short(schema: &Json) -> Json {
    match schema {
        Json::Object(all) => {
            let said = all.iter().filter(|(key, value)| !(key.as_str() == "optional" && **value == json!(false)));
            said.map(|(key, value)| (key.clone(), short(value))).collect()
        }
        Json::Array(all) => all.iter().map(short).collect(),
        other => other.clone(),
    }
}
