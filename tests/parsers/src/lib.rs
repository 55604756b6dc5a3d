//! Everything that reads what others have written, as functions of any bytes: none may panic, whatever it is given.
//!
//! `tests/mutations.rs` gives them a few thousand changed inputs each time; the fuzz targets of `fuzz/` give them millions.

mod inputs;

use std::path::Path;

use bytes::Bytes;
use milena_api::config::{ConfigMap, Type, compile_java_regex, parse_type};
use milena_api::converter::{Converter, ConverterRole, HeaderConverter};
use milena_api::data::{Str, Value, project, values};
use milena_api::plugin::Factory;
use milena_api::record::{ConnectRecord, SourceRecord};
use milena_converters::{JsonConverter, SimpleHeaderConverter};
use milena_runtime::properties::parse_properties;
use milena_runtime::storage::OffsetCodec;

pub use inputs::inputs;

/// A parser by name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("json", json),
    ("schema", schema),
    ("values", texts),
    ("properties", properties),
    ("bodies", milena_rest::fuzzing::bodies),
    ("offsets", offsets),
    ("config", config),
    ("paths", paths),
];

/// Data of `JsonConverter`; the first byte chooses its settings.
pub fn json(data: &[u8]) {
    let Some((flags, data)) = data.split_first() else { return };
    convert(*flags, Bytes::copy_from_slice(data));
}

/// The schema of data with schemas; the first byte chooses the settings of the converter.
pub fn schema(data: &[u8]) {
    let Some((flags, data)) = data.split_first() else { return };
    for payload in ["null", "1", "\"AQID\"", "{\"a\":1,\"b\":[1,null]}", "[[\"k\",1.5]]"] {
        let text = [b"{\"schema\":", data, b",\"payload\":", payload.as_bytes(), b"}"].concat();
        convert(*flags | 1, text.into());
    }
}

/// Reads, and writes what came of it both with schemas and without.
fn convert(flags: u8, data: Bytes) {
    let flag = |bit: u8| if flags & (1 << bit) == 0 { "false" } else { "true" };
    let format = if flags & 4 == 0 { "BASE64" } else { "NUMERIC" };
    let mut config: ConfigMap = [
        ("schemas.enable", flag(0)),
        ("replace.null.with.default", flag(1)),
        ("decimal.format", format),
        ("schemas.cache.size", if flags & 8 == 0 { "1000" } else { "0" }),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect();
    let role = if flags & 16 == 0 { ConverterRole::Value } else { ConverterRole::Key };
    let mut converter = JsonConverter::default();
    if Converter::configure(&mut converter, &config, role).is_err() {
        return;
    }
    let Ok(read) = converter.to_connect_data("topic", Some(data)) else { return };
    drop(converter.from_connect_data("topic", read.schema.as_ref(), &read.value));
    if let Some(schema) = &read.schema {
        drop(project(schema, &read.value, schema));
    }
    config.insert("schemas.enable".to_owned(), flag(5).to_owned());
    let mut other = JsonConverter::default();
    if Converter::configure(&mut other, &config, role).is_ok() {
        drop(other.from_connect_data("topic", read.schema.as_ref(), &read.value));
    }
}

/// Texts of values, as in headers and transformations, and every conversion of what they are.
pub fn texts(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let parsed = values::parse_string(&Str::from(text.as_ref()));
    for (schema, value) in [(parsed.schema.as_ref(), &parsed.value), (None, &Value::from(text.as_ref()))] {
        drop(values::convert_to_string(value));
        drop(values::convert_to_boolean(schema, value));
        drop(values::convert_to_byte(schema, value));
        drop(values::convert_to_short(schema, value));
        drop(values::convert_to_integer(schema, value));
        drop(values::convert_to_long(schema, value));
        drop(values::convert_to_float(schema, value));
        drop(values::convert_to_double(schema, value));
        drop(values::convert_to_list(schema, value));
        drop(values::convert_to_map(schema, value));
        drop(values::convert_to_struct(schema, value));
        drop(values::convert_to_date(schema, value));
        drop(values::convert_to_time(schema, value));
        drop(values::convert_to_timestamp(schema, value));
        drop(values::convert_to_decimal(schema, value, i32::from(data.first().copied().unwrap_or(0)) - 100));
        drop(values::infer_schema(value));
    }
    let mut headers = SimpleHeaderConverter;
    if let Ok(read) = headers.to_connect_header("topic", "header", Some(Bytes::copy_from_slice(data))) {
        drop(headers.from_connect_header("topic", "header", read.schema.as_ref(), &read.value));
    }
}

/// Property files.
pub fn properties(data: &[u8]) {
    let text: String = data.iter().map(|byte| char::from(*byte)).collect();
    drop(parse_properties(&text, Path::new("worker.properties")));
}

/// The offsets file of a standalone worker, and records of the offsets topic.
pub fn offsets(data: &[u8]) {
    let Ok(codec) = OffsetCodec::new(Box::new(JsonConverter::default())) else { return };
    milena_runtime::fuzzing::offsets_file(&codec, data);
    let half = data.len() / 2;
    milena_runtime::fuzzing::stored_offset(&codec, &data[..half], &data[half..]);
}

/// Values of configurations: types, regular expressions.
pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for ty in Type::ALL {
        drop(parse_type("key", Some(&text), ty, None));
    }
    if let Ok(regex) = compile_java_regex(&text) {
        drop(regex.is_match("some-topic_1"));
    }
}

/// JSON paths of Confluent's Filter, and what they find.
pub fn paths(data: &[u8]) {
    let class = "io.confluent.connect.transforms.Filter$Value";
    let plugin = milena_transforms::plugins().into_iter().find(|plugin| plugin.class == class);
    let Some(Factory::Transformation(make)) = plugin.map(|plugin| plugin.factory) else { return };
    let Ok(mut filter) = make() else { return };
    let pairs =
        [("filter.condition", String::from_utf8_lossy(data).into_owned()), ("filter.type", "include".to_owned())];
    if filter.configure(&pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()).is_err() {
        return;
    }
    let value = values::parse_string(&Str::from(r#"{"a":1,"b":[1,2.5,"x"],"c":{"d":true}}"#)).value;
    debug_assert!(matches!(value, Value::Map(_)));
    let mut record = SourceRecord::new(ConnectRecord::new("topic", None, value), None, None);
    drop(filter.apply(&mut record));
}
