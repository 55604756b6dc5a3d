//! The examples in `docs/transforms`: what a page says becomes of a record has to become of it.
//!
//! An example is three fenced blocks: `json before`, `properties` with the chain, `json after`. Records are JSON; key, value and headers are
//! written as `JsonConverter` with schemas writes them. `null` after a chain means that the record is dropped.

#![expect(clippy::unwrap_used, clippy::panic, reason = "an example that cannot be read fails the test")]

use std::path::Path;

use milena_api::config::ConfigMap;
use milena_api::converter::{Converter, ConverterRole};
use milena_api::data::{Schema, SchemaAndValue, Str, Value};
use milena_api::header::Header;
use milena_api::plugin::Factory;
use milena_api::record::{ConnectRecord, SourceRecord};
use milena_api::transform::{Outcome, Transformation};
use milena_converters::JsonConverter;
use serde_json::{Value as Json, json};

struct Example {
    before: Json,
    chain: String,
    after: Json,
}

/// The examples of a page, in order.
fn examples(page: &str) -> Vec<Example> {
    let (mut examples, mut before, mut chain) = (Vec::new(), None, None);
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let block = block.join("\n");
        let json = || serde_json::from_str(&block).unwrap_or_else(|why| panic!("{why} in\n{block}"));
        match kind {
            "json before" => before = Some(json()),
            "properties" => chain = Some(block),
            "json after" => {
                let after = json();
                examples.push(Example { before: before.take().unwrap(), chain: chain.take().unwrap(), after });
            }
            _ => {}
        }
    }
    assert!(before.is_none(), "an example has no end");
    examples
}

fn converter() -> JsonConverter {
    let mut converter = JsonConverter::default();
    converter.configure(&ConfigMap::new(), ConverterRole::Value).unwrap();
    converter
}

fn read(json: &Json) -> SchemaAndValue {
    let bytes = (!json.is_null()).then(|| serde_json::to_vec(json).unwrap().into());
    converter().to_connect_data("t", bytes).unwrap()
}

fn write(schema: Option<&Schema>, value: &Value) -> Json {
    let bytes = converter().from_connect_data("t", schema, value).unwrap();
    bytes.map_or(Json::Null, |bytes| serde_json::from_slice(&bytes).unwrap())
}

fn record(json: &Json) -> SourceRecord {
    let SchemaAndValue { schema, value } = read(&json["value"]);
    let mut record = ConnectRecord::new(json["topic"].as_str().unwrap(), schema, value);
    SchemaAndValue { schema: record.key_schema, value: record.key } = read(&json["key"]);
    record.kafka_partition = json["partition"].as_i64().map(|partition| i32::try_from(partition).unwrap());
    record.timestamp = json["timestamp"].as_i64();
    for header in json["headers"].as_array().into_iter().flatten() {
        let SchemaAndValue { schema, value } = read(&json!({"schema": header["schema"], "payload": header["payload"]}));
        record.headers.push(Header { key: Str::from(header["name"].as_str().unwrap()), schema, value });
    }
    SourceRecord::new(record, None, None)
}

fn record_json(record: &SourceRecord) -> Json {
    let headers = record.headers.iter().map(|header| {
        let mut json = write(header.schema.as_ref(), &header.value);
        json["name"] = json!(header.key.as_str());
        json
    });
    json!({
        "topic": record.topic.as_ref(),
        "partition": record.kafka_partition,
        "timestamp": record.timestamp,
        "key": write(record.key_schema.as_ref(), &record.key),
        "value": write(record.value_schema.as_ref(), &record.value),
        "headers": headers.collect::<Vec<_>>(),
    })
}

/// Without what need not be said: nulls, no headers, `optional` that is false.
fn short(json: &Json) -> Json {
    match json {
        Json::Object(all) => {
            let said = all.iter().filter(|(key, value)| match key.as_str() {
                "optional" => **value != json!(false),
                "headers" => **value != json!([]),
                _ => !value.is_null(),
            });
            said.map(|(key, value)| (key.clone(), short(value))).collect()
        }
        Json::Array(all) => all.iter().map(short).collect(),
        other => other.clone(),
    }
}

/// The transformations that a connector's configuration sets up.
fn chain(properties: &str) -> Vec<Box<dyn Transformation>> {
    let pairs: Vec<(&str, &str)> = properties.lines().filter_map(|line| line.split_once('=')).collect();
    let get = |key: &str| pairs.iter().find(|(known, _)| *known == key).map(|(_, value)| *value);
    let aliases = get("transforms").unwrap().split(',').map(str::trim);
    aliases
        .map(|alias| {
            let class = get(&format!("transforms.{alias}.type")).unwrap();
            let plugin = milena_transforms::plugins().into_iter().find(|plugin| plugin.class == class);
            let Some(Factory::Transformation(make)) = plugin.map(|plugin| plugin.factory) else {
                panic!("there is no transformation {class}")
            };
            let mut transformation = make().unwrap();
            let own = pairs.iter().filter_map(|(key, value)| {
                let key = key.strip_prefix("transforms.")?.strip_prefix(alias)?.strip_prefix('.')?;
                Some((key.to_owned(), (*value).to_owned()))
            });
            transformation.configure(&own.filter(|(key, _)| key != "type").collect()).unwrap();
            transformation
        })
        .collect()
}

#[test]
fn every_example_in_the_pages_is_true() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/transforms");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        for (number, example) in examples(&std::fs::read_to_string(&path).unwrap()).iter().enumerate() {
            let place = format!("{}, example {}", path.display(), number + 1);
            let mut record = record(&example.before);
            let mut kept = true;
            for transformation in &mut chain(&example.chain) {
                match transformation.apply(&mut record) {
                    Ok(Outcome::Keep) => {}
                    Ok(Outcome::Drop) => kept = false,
                    Err(error) => panic!("{place}: {}", error.headline()),
                }
                if !kept {
                    break;
                }
            }
            let after = if kept { short(&record_json(&record)) } else { Json::Null };
            let expected = short(&example.after);
            assert!(after == expected, "{place}:\nis       {after}\nexpected {expected}");
            seen += 1;
        }
    }
    assert!(seen >= 5, "{seen} examples in {}", folder.display());
}
