//! Values as another class.
//!
//! Counterpart: `Values.convertToBoolean` … `Values.convertToStruct`.

use std::sync::Arc;

use super::{convert_to_string, parse_string};
use crate::data::java_calendar::split;
use crate::data::{
    Decimal, Logical, MILLIS_PER_DAY, Schema, SchemaBuilder, Type, Value, date, decimal, time, timestamp,
};
use crate::error::{Error, Result};

macro_rules! nullable {
    ($($(#[$doc:meta])* $name:ident => $schema:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// A value that is no number, or a text that does not parse to one.
        pub fn $name(schema: Option<&Schema>, value: &Value) -> Result<Value> {
            convert_to(&Schema::$schema(), schema, value)
        }
    )*};
}

nullable! {
    /// As BOOLEAN; numbers are true unless 0. Null stays null.
    convert_to_boolean => optional_boolean;
    /// As INT8, cut down as Java narrows. Null stays null.
    convert_to_byte => optional_int8;
    /// As INT16, cut down as Java narrows. Null stays null.
    convert_to_short => optional_int16;
    /// As INT32, cut down as Java narrows. Null stays null.
    convert_to_integer => optional_int32;
    /// As INT64, cut down as Java narrows. Null stays null.
    convert_to_long => optional_int64;
    /// As FLOAT32. Null stays null.
    convert_to_float => optional_float32;
    /// As FLOAT64. Null stays null.
    convert_to_double => optional_float64;
}

/// As Decimal of this scale; only bytes take the scale on, other numbers keep their own.
///
/// # Errors
/// Null, or what is no number.
pub fn convert_to_decimal(schema: Option<&Schema>, value: &Value, scale: i32) -> Result<Value> {
    convert_to(&decimal::builder(scale).build()?, schema, value)
}

/// As Date; numbers are days.
///
/// # Errors
/// Null, or what is no date.
pub fn convert_to_date(schema: Option<&Schema>, value: &Value) -> Result<Value> {
    convert_to(&date::builder().build()?, schema, value)
}

/// As Time; numbers are milliseconds since midnight.
///
/// # Errors
/// Null, or what is no time.
pub fn convert_to_time(schema: Option<&Schema>, value: &Value) -> Result<Value> {
    convert_to(&time::builder().build()?, schema, value)
}

/// As Timestamp; numbers are milliseconds since the epoch.
///
/// # Errors
/// Null, or what is no timestamp.
pub fn convert_to_timestamp(schema: Option<&Schema>, value: &Value) -> Result<Value> {
    convert_to(&timestamp::builder().build()?, schema, value)
}

/// As a list: one already, or a text that parses to one.
///
/// # Errors
/// Anything else.
pub fn convert_to_list(schema: Option<&Schema>, value: &Value) -> Result<Value> {
    convert_to(&Schema::array_of(Some(Schema::string())), schema, value)
}

/// As a map: one already, or a text that parses to one.
///
/// # Errors
/// Anything else.
pub fn convert_to_map(schema: Option<&Schema>, value: &Value) -> Result<Value> {
    convert_to(&Schema::map_of(Some(Schema::string()), Some(Schema::string())), schema, value)
}

/// A struct as it is.
///
/// # Errors
/// Anything else.
pub fn convert_to_struct(schema: Option<&Schema>, value: &Value) -> Result<Value> {
    convert_to(&SchemaBuilder::structure().build()?, schema, value)
}

/// Converts to what a schema asks for.
pub(super) fn convert_to(to: &Schema, from: Option<&Schema>, value: &Value) -> Result<Value> {
    if value.is_null() {
        if to.is_optional() {
            return Ok(Value::Null);
        }
        return Err(Error::data("Unable to convert a null value to a schema that requires a value"));
    }
    let logical = to.logical();
    match to.ty() {
        Type::Bytes if logical == Some(Logical::Decimal) => to_decimal(to, value),
        Type::Bytes => match value {
            Value::Bytes(bytes) => Ok(Value::Bytes(bytes.clone())),
            Value::Decimal(number) => Ok(Value::Bytes(decimal::to_bytes(to, number)?.into())),
            _ => unable(to, value),
        },
        Type::String => Ok(convert_to_string(value)?.map_or(Value::Null, Value::Str)),
        Type::Boolean => to_boolean(from, value),
        Type::Int8 => match value {
            Value::I8(_) => Ok(value.clone()),
            _ => as_long(value, from).map(|n| Value::I8(n as i8)),
        },
        Type::Int16 => match value {
            Value::I16(_) => Ok(value.clone()),
            _ => as_long(value, from).map(|n| Value::I16(n as i16)),
        },
        Type::Int32 => match (logical, value) {
            (Some(Logical::Date), _) => to_date(to, from, value),
            (Some(Logical::Time), _) => to_time(to, from, value),
            (_, Value::I32(_)) => Ok(value.clone()),
            _ => as_long(value, from).map(|n| Value::I32(n as i32)),
        },
        Type::Int64 => match (logical, value) {
            (Some(Logical::Timestamp), _) => to_timestamp(from, value),
            (_, Value::I64(_)) => Ok(value.clone()),
            _ => as_long(value, from).map(Value::I64),
        },
        Type::Float32 => match value {
            Value::F32(_) => Ok(value.clone()),
            _ => as_double(value, from).map(|n| Value::F32(n as f32)),
        },
        Type::Float64 => match value {
            Value::F64(_) => Ok(value.clone()),
            _ => as_double(value, from).map(Value::F64),
        },
        Type::Array => match parsed(value)? {
            list @ Value::Array(_) => Ok(list),
            other => unable(to, &other),
        },
        Type::Map => match parsed(value)? {
            map @ Value::Map(_) => Ok(map),
            other => unable(to, &other),
        },
        Type::Struct => match value {
            Value::Struct(_) => Ok(value.clone()),
            _ => unable(to, value),
        },
    }
}

fn unable<T>(to: &Schema, value: &Value) -> Result<T> {
    Err(Error::data(format!("Unable to convert {value} (class {}) to {to}", value.java_class())))
}

/// What a text looks like; other values as they are. Java stumbles over the text `null` here.
fn parsed(value: &Value) -> Result<Value> {
    let Value::Str(text) = value else { return Ok(value.clone()) };
    let found = parse_string(text);
    if found.schema.is_none() && found.value.is_null() {
        return Err(
            Error::data("the text 'null' holds no value to convert").with_class("java.lang.NullPointerException")
        );
    }
    Ok(found.value)
}

fn to_boolean(from: Option<&Schema>, value: &Value) -> Result<Value> {
    match value {
        Value::Bool(_) => return Ok(value.clone()),
        Value::Str(text) => {
            if let found @ Value::Bool(_) = parsed(&Value::Str(text.clone()))? {
                return Ok(found);
            }
        }
        _ => {}
    }
    as_long(value, from).map(|n| Value::Bool(n != 0))
}

fn to_decimal(to: &Schema, value: &Value) -> Result<Value> {
    let number = match value {
        Value::Decimal(number) => return Ok(Value::Decimal(Arc::clone(number))),
        Value::Bytes(bytes) => decimal::from_bytes(to, bytes)?,
        Value::Str(text) => text.parse()?,
        other => match double_value(other) {
            // `BigDecimal.valueOf(double)` reads the double's own text.
            Some(number) => crate::data::double_text(number).parse()?,
            None => return unable(to, value),
        },
    };
    Ok(Value::Decimal(Arc::new(number)))
}

fn to_date(to: &Schema, from: Option<&Schema>, value: &Value) -> Result<Value> {
    let value = parsed(value)?;
    if let Value::Date(millis) = value {
        match from.map(Schema::logical) {
            None | Some(Some(Logical::Date)) => return Ok(Value::Date(millis)),
            Some(Some(Logical::Timestamp)) => {
                return date::to_logical(to, (millis / MILLIS_PER_DAY) as i32).map(Value::Date);
            }
            _ => {}
        }
    }
    date::to_logical(to, as_long(&value, from)? as i32).map(Value::Date)
}

fn to_time(to: &Schema, from: Option<&Schema>, value: &Value) -> Result<Value> {
    let value = parsed(value)?;
    if let Value::Date(millis) = value {
        match from.map(Schema::logical) {
            None | Some(Some(Logical::Time)) => return Ok(Value::Date(millis)),
            Some(Some(Logical::Timestamp)) => return time::to_logical(to, split(millis).1 as i32).map(Value::Date),
            _ => {}
        }
    }
    time::to_logical(to, as_long(&value, from)? as i32).map(Value::Date)
}

fn to_timestamp(from: Option<&Schema>, value: &Value) -> Result<Value> {
    let value = parsed(value)?;
    if let Value::Date(millis) = value {
        match (from, from.and_then(Schema::logical)) {
            (None, _) | (_, Some(Logical::Timestamp)) => return Ok(Value::Date(millis)),
            (Some(from), Some(Logical::Date)) => {
                return Ok(Value::Date(i64::from(date::from_logical(from, millis)?) * MILLIS_PER_DAY));
            }
            (Some(from), Some(Logical::Time)) => return Ok(Value::Date(i64::from(time::from_logical(from, millis)?))),
            _ => {}
        }
    }
    as_long(&value, from).map(Value::Date)
}

/// `Number.doubleValue()`; `None` for what is no number.
fn double_value(value: &Value) -> Option<f64> {
    match value {
        Value::F32(v) => Some(f64::from(*v)),
        Value::F64(v) => Some(*v),
        Value::Decimal(v) => Some(v.to_f64()),
        other => other.as_i64().map(|v| v as f64),
    }
}

/// `Number.longValue()`; `None` for what is no number.
fn long_value(value: &Value) -> Option<i64> {
    match value {
        Value::F32(v) => Some(*v as i64),
        Value::F64(v) => Some(*v as i64),
        Value::Decimal(v) => Some(v.to_i64_wrapping()),
        other => other.as_i64(),
    }
}

fn as_long(value: &Value, from: Option<&Schema>) -> Result<i64> {
    if let Some(number) = long_value(value) {
        return Ok(number);
    }
    let mut cause = None;
    if let Value::Str(text) = value {
        match text.parse::<Decimal>() {
            Ok(number) => return Ok(number.to_i64_wrapping()),
            Err(error) => cause = Some(error),
        }
    }
    let mut error = match (from, value) {
        (Some(from), Value::Date(millis)) => match from.logical() {
            Some(Logical::Date) => return date::from_logical(from, *millis).map(i64::from),
            Some(Logical::Time) => return time::from_logical(from, *millis).map(i64::from),
            Some(Logical::Timestamp) => return Ok(*millis),
            _ => not_convertible(value, from),
        },
        (Some(from), _) => not_convertible(value, from),
        (None, _) => Error::data(format!("Unable to convert {value} (class {}) to a number", value.java_class())),
    };
    if let Some(cause) = cause {
        error = error.with_source(cause);
    }
    Err(error)
}

fn not_convertible(value: &Value, schema: &Schema) -> Error {
    Error::data(format!("Unable to convert {value} (class {}) to {schema}", value.java_class()))
}

fn as_double(value: &Value, from: Option<&Schema>) -> Result<f64> {
    if let Some(number) = double_value(value) {
        return Ok(number);
    }
    if let Value::Str(text) = value
        && let Ok(number) = text.parse::<Decimal>()
    {
        return Ok(number.to_f64());
    }
    as_long(value, from).map(|n| n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_narrow_and_texts_are_read() {
        assert_eq!(convert_to_byte(None, &Value::I32(300)).unwrap(), Value::I8(44));
        assert_eq!(convert_to_integer(None, &Value::from("12.9")).unwrap(), Value::I32(12));
        assert_eq!(convert_to_boolean(None, &Value::from("true")).unwrap(), Value::Bool(true));
        assert_eq!(convert_to_long(None, &Value::Null).unwrap(), Value::Null);
        let five = convert_to_decimal(None, &Value::I32(5), 2).unwrap();
        assert_eq!(five, Value::Decimal(Arc::new(Decimal::new(50, 1))));
        let error = convert_to_boolean(None, &Value::from("green")).unwrap_err();
        assert_eq!(error.message(), Some("Unable to convert green (class java.lang.String) to a number"));
        assert!(convert_to_list(None, &Value::Null).is_err());
    }

    #[test]
    fn a_timestamp_has_a_date_and_a_time() {
        let schema = timestamp::builder().build().unwrap();
        let at = Value::Date(1_700_000_000_123);
        assert_eq!(convert_to_date(Some(&schema), &at).unwrap(), Value::Date(1_699_920_000_000));
        assert_eq!(convert_to_time(Some(&schema), &at).unwrap(), Value::Date(80_000_123));
        assert_eq!(convert_to_timestamp(None, &Value::from("1970-01-02")).unwrap(), Value::Date(MILLIS_PER_DAY));
        assert_eq!(convert_to_date(None, &Value::from("5")).unwrap(), Value::Date(5 * MILLIS_PER_DAY));
    }
}
