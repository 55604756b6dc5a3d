//! Records as JSON that people write and read.

use anyhow::{Context, Result, bail};
use milena_api::converter::{Converter, ConverterRole};
use milena_api::data::{Schema, SchemaAndValue, Str, Value};
use milena_api::header::Header;
use milena_api::plugin::{Factory, PluginKind};
use milena_api::record::{ConnectRecord, Record, SinkRecord, SourceRecord, TimestampType};
use milena_runtime::plugins::PluginRegistry;
use serde_json::{Map, Value as Json, json};

const CONVERTER: &str = "org.apache.kafka.connect.json.JsonConverter";
const MEMBERS: &[&str] = &["topic", "partition", "offset", "timestamp", "key", "value", "headers"];

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

    pub(super) fn read(&mut self, json: &Json) -> Result<TriedRecord> {
        let Json::Object(members) = json else { bail!("a record is a JSON object, not {json}") };
        if let Some(unknown) = members.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
            bail!("a record has no '{unknown}'; there are: {}", MEMBERS.join(", "));
        }
        let number = |key: &str| match members.get(key) {
            None | Some(Json::Null) => Ok(None),
            Some(number) => number.as_i64().map(Some).with_context(|| format!("{key} is no whole number: {number}")),
        };
        let topic = members.get("topic").map_or(Some("topic"), Json::as_str).context("the topic is no text")?;
        let SchemaAndValue { schema, value } = self.data(members.get("value")).context("value")?;
        let mut record = ConnectRecord::new(topic, schema, value);
        SchemaAndValue { schema: record.key_schema, value: record.key } =
            self.data(members.get("key")).context("key")?;
        record.kafka_partition = number("partition")?.map(i32::try_from).transpose().context("partition")?;
        record.timestamp = number("timestamp")?;
        for header in members.get("headers").and_then(Json::as_array).into_iter().flatten() {
            let name = header["name"].as_str().with_context(|| format!("a header without name: {header}"))?;
            let SchemaAndValue { schema, value } = self.data(header.get("value")).context("header")?;
            record.headers.push(Header { key: Str::from(name), schema, value });
        }
        Ok(match number("offset")? {
            Some(offset) => {
                let partition = record.kafka_partition.unwrap_or(0);
                TriedRecord::Sink(SinkRecord::new(record, partition, offset, TimestampType::CreateTime))
            }
            None => TriedRecord::Source(SourceRecord::new(record, None, None)),
        })
    }

    fn data(&mut self, json: Option<&Json>) -> Result<SchemaAndValue> {
        let Some(json) = json else { return Ok(SchemaAndValue { schema: None, value: Value::Null }) };
        let enveloped = json.as_object().is_some_and(|all| {
            all.len() == 2
                && all.contains_key("payload")
                && all.get("schema").is_some_and(|s| s.is_object() || s.is_null())
        });
        let converter = if enveloped { &mut self.with_schema } else { &mut self.plain };
        let bytes = (!json.is_null()).then(|| serde_json::to_vec(json)).transpose()?;
        Ok(converter.to_connect_data("", bytes.map(Into::into))?)
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
