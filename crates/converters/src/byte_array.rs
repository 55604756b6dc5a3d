//! `ByteArrayConverter`: bytes as they are.
//!
//! Counterpart: `org.apache.kafka.connect.converters.ByteArrayConverter`.

use bytes::Bytes;
use milena_api::config::ConfigMap;
use milena_api::converter::{Converter, ConverterRole, HeaderConverter};
use milena_api::data::{Schema, SchemaAndValue, Type, Value};
use milena_api::error::{Error, Result};

use crate::converter_type;

/// Passes buffers on in both directions.
#[derive(Default)]
pub struct ByteArrayConverter;

fn to_bytes(schema: Option<&Schema>, value: &Value) -> Result<Option<Bytes>> {
    if let Some(schema) = schema.filter(|schema| schema.ty() != Type::Bytes) {
        return Err(Error::data(format!("Invalid schema type for ByteArrayConverter: {}", schema.ty())));
    }
    match value {
        Value::Null => Ok(None),
        Value::Bytes(bytes) => Ok(Some(bytes.clone())),
        other => Err(Error::data(format!(
            "ByteArrayConverter is not compatible with objects of type class {}",
            other.java_class()
        ))),
    }
}

fn to_value(bytes: Option<Bytes>) -> SchemaAndValue {
    SchemaAndValue { schema: Some(Schema::optional_bytes()), value: bytes.map_or(Value::Null, Value::Bytes) }
}

converter_type::both_roles!(ByteArrayConverter, |_this, schema, value| to_bytes(schema, value), |bytes| Ok(to_value(
    bytes
)));
