//! `BooleanConverter`: one byte, 0 or 1.
//!
//! Counterpart: `org.apache.kafka.connect.converters.BooleanConverter`.

use bytes::Bytes;
use milena_api::config::ConfigMap;
use milena_api::converter::{Converter, ConverterRole, HeaderConverter};
use milena_api::data::{Schema, SchemaAndValue, Type, Value};
use milena_api::error::{Error, Result};

use crate::converter_type;

/// Booleans.
#[derive(Default)]
pub struct BooleanConverter;

fn to_bytes(schema: Option<&Schema>, value: &Value) -> Result<Option<Bytes>> {
    if let Some(schema) = schema.filter(|schema| schema.ty() != Type::Boolean) {
        return Err(Error::data(format!("Invalid schema type for BooleanConverter: {}", schema.ty())));
    }
    match value {
        Value::Null => Ok(None),
        Value::Bool(value) => Ok(Some(Bytes::from_static(if *value { b"\x01" } else { b"\x00" }))),
        other => Err(Error::data(format!(
            "BooleanConverter is not compatible with objects of type class {}",
            other.java_class()
        ))),
    }
}

fn to_value(bytes: Option<Bytes>) -> Result<SchemaAndValue> {
    let value = match bytes.as_deref() {
        None => Value::Null,
        Some([0]) => Value::Bool(false),
        Some([1]) => Value::Bool(true),
        Some([other]) => {
            return Err(failed(format!("Unexpected byte received by BooleanDeserializer: {}", *other as i8)));
        }
        Some(_) => return Err(failed("Size of data received by BooleanDeserializer is not 1".to_owned())),
    };
    Ok(SchemaAndValue { schema: Some(Schema::optional_boolean()), value })
}

fn failed(why: String) -> Error {
    Error::data("Failed to deserialize boolean: ").with_source(converter_type::serialization_error(why))
}

converter_type::both_roles!(BooleanConverter, |_this, schema, value| to_bytes(schema, value), |bytes| to_value(bytes));
