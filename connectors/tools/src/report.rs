//! Lines of JSON on standard output, between the lines of the log: tests pick them out by their form.

use std::io::{self, Write};
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use milena_api::data::Value;
use serde_json::{Map, Value as Json};

/// Prints lines in one go. They are what these connectors are for, but no reason to fail where nobody listens.
pub fn print(lines: &[u8]) {
    let mut stdout = io::stdout().lock();
    let _printed: io::Result<()> = stdout.write_all(lines).and_then(|()| stdout.flush());
}

/// Adds one object as a line.
pub fn add(lines: &mut Vec<u8>, object: &Map<String, Json>) {
    if serde_json::to_writer(&mut *lines, object).is_ok() {
        lines.push(b'\n');
    }
}

/// An object with these entries, in this order.
pub fn object<const N: usize>(entries: [(&str, Json); N]) -> Map<String, Json> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// A Connect value as Jackson writes the Java object; a struct (which Jackson cannot write) as the object of its fields.
pub fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::I8(_) | Value::I16(_) | Value::I32(_) | Value::I64(_) => value.as_i64().into(),
        Value::F32(value) => value.to_string().parse::<f64>().unwrap_or(f64::from(*value)).into(),
        Value::F64(value) => (*value).into(),
        Value::Str(text) => text.as_str().into(),
        Value::Bytes(bytes) => STANDARD.encode(bytes).into(),
        Value::Array(items) => items.iter().map(json).collect(),
        Value::Map(map) => Json::Object(map.iter().map(|(key, value)| (key.to_string(), json(value))).collect()),
        Value::Struct(value) => {
            let fields = value.schema().fields().into_iter().flatten();
            Json::Object(fields.map(|field| (field.name.to_string(), json(value.get_field(field)))).collect())
        }
        Value::Decimal(number) => number.to_string().into(),
        Value::Date(millis) => (*millis).into(),
    }
}

/// Milliseconds since the epoch.
pub fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_millis() as i64)
}
