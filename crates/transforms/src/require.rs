//! What a transformation needs a value to be, with Java's messages.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.util.Requirements`.

use std::sync::Arc;

use milena_api::data::{Map, Schema, Struct, Value};
use milena_api::error::{Error, Result};
use milena_api::record::Record;

/// A map, where there is no schema.
pub(crate) fn map<'v>(value: &'v Value, purpose: &str) -> Result<&'v Arc<Map>> {
    match value {
        Value::Map(map) => Ok(map),
        other => Err(no_map(other, purpose)),
    }
}

/// A map or null, where there is no schema.
pub(crate) fn map_or_null<'v>(value: &'v Value, purpose: &str) -> Result<Option<&'v Arc<Map>>> {
    if value.is_null() { Ok(None) } else { map(value, purpose).map(Some) }
}

/// A map that can be changed in place; a copy only if someone else holds it.
pub(crate) fn map_mut<'v>(value: &'v mut Value, purpose: &str) -> Result<&'v mut Map> {
    match value {
        Value::Map(map) => Ok(Arc::make_mut(map)),
        other => Err(no_map(other, purpose)),
    }
}

fn no_map(found: &Value, purpose: &str) -> Error {
    let class = found.java_class();
    Error::data(format!("Only Map objects supported in absence of schema for [{purpose}], found: {class}"))
}

/// A struct.
pub(crate) fn structure<'v>(value: &'v Value, purpose: &str) -> Result<&'v Arc<Struct>> {
    match value {
        Value::Struct(value) => Ok(value),
        other => Err(no_structure(other, purpose)),
    }
}

fn no_structure(found: &Value, purpose: &str) -> Error {
    Error::data(format!("Only Struct objects supported for [{purpose}], found: {}", found.java_class()))
}

/// A struct or null.
pub(crate) fn structure_or_null<'v>(value: &'v Value, purpose: &str) -> Result<Option<&'v Arc<Struct>>> {
    if value.is_null() { Ok(None) } else { structure(value, purpose).map(Some) }
}

/// The offset of a record from Kafka.
pub(crate) fn sink_offset(record: &dyn Record, purpose: &str) -> Result<i64> {
    record.kafka_offset().ok_or_else(|| {
        Error::data(format!("Only SinkRecord supported for [{purpose}], found: {}", record.java_class()))
    })
}

/// A schema.
pub(crate) fn schema<'s>(schema: Option<&'s Schema>, purpose: &str) -> Result<&'s Schema> {
    schema.ok_or_else(|| Error::data(format!("Schema required for [{purpose}]")))
}

/// Takes a map out; what is no map stays where it is.
pub(crate) fn take_map(value: &mut Value, purpose: &str) -> Result<Map> {
    match std::mem::take(value) {
        Value::Map(map) => Ok(Arc::unwrap_or_clone(map)),
        other => {
            let error = no_map(&other, purpose);
            *value = other;
            Err(error)
        }
    }
}

/// Takes a struct out; what is no struct stays where it is.
pub(crate) fn take_structure(value: &mut Value, purpose: &str) -> Result<Arc<Struct>> {
    match std::mem::take(value) {
        Value::Struct(found) => Ok(found),
        other => {
            let error = no_structure(&other, purpose);
            *value = other;
            Err(error)
        }
    }
}
