//! Does a value fit a schema? Messages are Java's.
//!
//! Counterpart: `ConnectSchema.validateValue`.

use super::{Logical, Schema, Type, Value};
use crate::error::{Error, Result};

/// Checks `value` against `schema`: null, class, then children.
///
/// # Errors
/// The first mismatch, as a data error.
pub fn validate_value(schema: Option<&Schema>, value: &Value) -> Result<()> {
    validate_value_at("value", None, schema, value)
}

/// As [`validate_value`]; `location` is what messages call the place, `field` the field's name if it is one.
///
/// # Errors
/// The first mismatch, as a data error.
pub fn validate_value_at(location: &str, field: Option<&str>, schema: Option<&Schema>, value: &Value) -> Result<()> {
    let Some(schema) = schema else {
        return Err(Error::data(format!("No schema defined for {location}")));
    };
    // The path is built only where it is needed: primitives dominate.
    if value.is_null() {
        if schema.is_optional() {
            return Ok(());
        }
        let place = match field {
            Some(name) => format!(" used for required field: \"{name}\""),
            None if location == "value" => " used for required value".to_owned(),
            None => format!(" used for required {location}"),
        };
        return Err(Error::data(format!("Invalid value: null{place}, schema type: {}", schema.ty())));
    }
    if !class_fits(schema, value) {
        let name = schema.name().map(|name| format!(" \"{name}\"")).unwrap_or_default();
        return Err(Error::data(format!(
            "Invalid Java object for schema{name} with type {}: class {} for {location}",
            schema.ty(),
            value.java_class()
        )));
    }
    match value {
        Value::Struct(value) => {
            if value.schema() != schema {
                return Err(Error::data("Struct schemas do not match."));
            }
            value.validate()
        }
        Value::Array(items) => {
            let element = schema.value_schema()?;
            let place = format!("element of array {location}");
            if element.is_none() {
                return Err(Error::data(format!("No schema defined for {place}")));
            }
            items.iter().try_for_each(|item| validate_value_at(&place, None, element, item))
        }
        Value::Map(map) => {
            let (key_schema, value_schema) = (schema.key_schema()?, schema.value_schema()?);
            let (key_place, value_place) = (format!("key of map {location}"), format!("value of map {location}"));
            for (place, child) in [(&key_place, key_schema), (&value_place, value_schema)] {
                if child.is_none() {
                    return Err(Error::data(format!("No schema defined for {place}")));
                }
            }
            map.iter().try_for_each(|(k, v)| {
                validate_value_at(&key_place, None, key_schema, k)?;
                validate_value_at(&value_place, None, value_schema, v)
            })
        }
        _ => Ok(()),
    }
}

/// True if a non-null value has the class that the schema expects: of the logical type, if the name says one, else of the base type.
pub(crate) fn class_fits(schema: &Schema, value: &Value) -> bool {
    match schema.logical() {
        Some(Logical::Decimal) => matches!(value, Value::Decimal(_)),
        Some(Logical::Date | Logical::Time | Logical::Timestamp) => matches!(value, Value::Date(_)),
        None => matches!(
            (schema.ty(), value),
            (Type::Int8, Value::I8(_))
                | (Type::Int16, Value::I16(_))
                | (Type::Int32, Value::I32(_))
                | (Type::Int64, Value::I64(_))
                | (Type::Float32, Value::F32(_))
                | (Type::Float64, Value::F64(_))
                | (Type::Boolean, Value::Bool(_))
                | (Type::String, Value::Str(_))
                | (Type::Bytes, Value::Bytes(_))
                | (Type::Array, Value::Array(_))
                | (Type::Map, Value::Map(_))
                | (Type::Struct, Value::Struct(_))
        ),
    }
}
