//! Chains of transformations.

use std::sync::Arc;

use milena_api::Error;
use milena_api::config::ConfigMap;
use milena_api::data::{Map, Str, Value};
use milena_api::header::Header;
use milena_api::plugin::{Factory, Plugin};
use milena_api::record::{ConnectRecord, Record, SinkRecord, SourceRecord, TimestampType};
use milena_api::transform::{Outcome, Predicate, Transformation};
use serde_json::{Value as Json, json};

use crate::values::{schema, schema_json, text, value, value_json};
use crate::{Answer, Thrown, Unsupported};

fn plugin(name: &str) -> Result<Factory, Unsupported> {
    let short = |plugin: &Plugin| plugin.class.rsplit('.').next().unwrap_or_default().to_owned();
    let found = milena_transforms::plugins().into_iter().find(|plugin| plugin.class == name || short(plugin) == name);
    found.map(|plugin| plugin.factory).ok_or_else(|| Unsupported(format!("plug-in {name}")))
}

fn config(json: &Json) -> ConfigMap {
    json.as_object()
        .into_iter()
        .flatten()
        .map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()))
        .collect()
}

struct Stage {
    transformation: Box<dyn Transformation>,
    predicate: Option<(Box<dyn Predicate>, bool)>,
}

enum Either {
    Sink(SinkRecord),
    Source(SourceRecord),
}

impl Either {
    fn record(&mut self) -> &mut dyn Record {
        match self {
            Either::Sink(record) => record,
            Either::Source(record) => record,
        }
    }
}

fn record(json: &Json) -> Result<Either, Unsupported> {
    let key_schema = schema(&json["key_schema"])?;
    let value_schema = schema(&json["value_schema"])?;
    let mut record = ConnectRecord::new(text(json, "topic"), None, Value::Null);
    record.key = value(&json["key"], key_schema.as_ref())?;
    record.value = value(&json["value"], value_schema.as_ref())?;
    record.key_schema = key_schema;
    record.value_schema = value_schema;
    record.kafka_partition = json["partition"].as_i64().map(|p| p as i32);
    record.timestamp = json["timestamp"].as_i64();
    for header in json["headers"].as_array().into_iter().flatten() {
        let given = schema(&header["schema"])?;
        let value = value(&header["value"], given.as_ref())?;
        // As everywhere headers are made, a struct brings its schema.
        let schema = match &value {
            Value::Struct(value) if given.is_none() => Some(value.schema().clone()),
            _ => given,
        };
        record.headers.push(Header { key: Str::from(text(header, "name")), schema, value });
    }
    if text(json, "kind") == "source" {
        let map = |key: &str| -> Result<Option<Arc<Map>>, Unsupported> {
            let Some(all) = json[key].as_object() else { return Ok(None) };
            let entries: Result<Map, Unsupported> =
                all.iter().map(|(k, v)| Ok((Value::from(k.as_str()), value(v, None)?))).collect();
            entries.map(|map| Some(Arc::new(map)))
        };
        return Ok(Either::Source(SourceRecord::new(record, map("source_partition")?, map("source_offset")?)));
    }
    let kind = match text(json, "timestamp_type") {
        "LogAppendTime" => TimestampType::LogAppendTime,
        "NoTimestampType" => TimestampType::NoTimestampType,
        _ => TimestampType::CreateTime,
    };
    let partition = record.kafka_partition.unwrap_or(0);
    Ok(Either::Sink(SinkRecord::new(record, partition, json["offset"].as_i64().unwrap_or(0), kind)))
}

fn record_json(either: &mut Either) -> Json {
    let mut out = match either {
        Either::Sink(record) => json!({
            "kind": "sink",
            "offset": record.kafka_offset,
            "timestamp_type": record.timestamp_type.name(),
            "original_topic": record.original.topic.as_ref(),
            "original_partition": record.original.partition,
            "original_offset": record.original.offset,
        }),
        Either::Source(record) => {
            let map = |map: &Option<Arc<Map>>| {
                let entries = map.iter().flat_map(|map| map.iter());
                let entries = entries.map(|(k, v)| (k.to_string(), value_json(v, None)));
                map.as_ref().map(|_| entries.collect::<serde_json::Map<String, Json>>())
            };
            json!({
                "kind": "source",
                "source_partition": map(&record.source_partition),
                "source_offset": map(&record.source_offset),
            })
        }
    };
    let record = either.record();
    let headers = record.headers.iter().map(|h| {
        let schema = h.schema.as_ref();
        json!({"name": h.key.as_str(), "schema": schema_json(schema), "value": value_json(&h.value, schema)})
    });
    let (key_schema, value_schema) = (record.key_schema.as_ref(), record.value_schema.as_ref());
    out["topic"] = json!(record.topic.as_ref());
    out["partition"] = json!(record.kafka_partition);
    out["key_schema"] = schema_json(key_schema);
    out["key"] = value_json(&record.key, key_schema);
    out["value_schema"] = schema_json(value_schema);
    out["value"] = value_json(&record.value, value_schema);
    out["timestamp"] = json!(record.timestamp);
    out["headers"] = Json::Array(headers.collect());
    out
}

pub(crate) fn answer(case: &Json) -> Result<Answer, Unsupported> {
    let mut stages = Vec::new();
    for (index, stage) in case["chain"].as_array().into_iter().flatten().enumerate() {
        let at = |error: Error| Thrown::at(&error, format!("{index}.configure"));
        let Factory::Transformation(make) = plugin(text(stage, "type"))? else {
            return Err(Unsupported("no transformation".to_owned()));
        };
        let mut transformation = make().unwrap();
        if let Err(error) = transformation.configure(&config(&stage["config"])) {
            return Ok(Err(at(error)));
        }
        let mut predicate = None;
        if let Some(guard) = stage["predicate"].as_object().map(|_| &stage["predicate"]) {
            let Factory::Predicate(make) = plugin(text(guard, "type"))? else {
                return Err(Unsupported("no predicate".to_owned()));
            };
            let mut made = make().unwrap();
            if let Err(error) = made.configure(&config(&guard["config"])) {
                return Ok(Err(at(error)));
            }
            predicate = Some((made, guard["negate"] == json!(true)));
        }
        stages.push(Stage { transformation, predicate });
    }
    let mut record = record(&case["record"])?;
    for (index, stage) in stages.iter_mut().enumerate() {
        let at = |error: Error| Thrown::at(&error, format!("{index}.apply"));
        if let Some((predicate, negate)) = &mut stage.predicate {
            match predicate.test(record.record()) {
                Ok(matches) if matches == *negate => continue,
                Ok(_) => {}
                Err(error) => return Ok(Err(at(error))),
            }
        }
        match stage.transformation.apply(record.record()) {
            Ok(Outcome::Keep) => {}
            Ok(Outcome::Drop) => return Ok(Ok(Json::Null)),
            Err(error) => return Ok(Err(at(error))),
        }
    }
    Ok(Ok(record_json(&mut record)))
}
