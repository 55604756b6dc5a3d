//! `Cast`: changes the type of fields or of a whole key or value.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.Cast`.

use std::marker::PhantomData;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use milena_api::config::{self, ConfigDef, ConfigError, ConfigMap, Parsed, Validator};
use milena_api::data::{Logical, Schema, SchemaBuilder, Str, Struct, Type, Value, date, time, timestamp, values};
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{REPLACE_NULL, definition, high, invalid, list_text, replace_null};
use crate::number::{parse_double, parse_float, parse_integer};
use crate::require;
use crate::schema_cache::SchemaCache;
use crate::side::Side;
use crate::structs;

const PURPOSE: &str = "cast types";
const TARGETS: &str = "[INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING]";
const SOURCES: &str = "[INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING, BYTES]";

/// Casts.
#[derive(Default)]
pub struct Cast<S> {
    casts: Vec<(Str, Type)>,
    whole: Option<Type>,
    replace_null: bool,
    plans: SchemaCache<Plan>,
    side: PhantomData<fn() -> S>,
}

/// The schema that comes out, and the target of each field.
struct Plan {
    schema: Schema,
    targets: Vec<Option<Type>>,
}

impl Plan {
    fn cast(&self, from: Arc<Struct>, replace_null: bool) -> Result<Value> {
        let source = from.schema().clone();
        let mut values = structs::into_values(from);
        for ((value, target), (field, to)) in
            values.iter_mut().zip(&self.targets).zip(source.fields()?.zip(self.schema.fields()?))
        {
            if value.is_null() {
                *value = structs::instead_of_null(field, to, replace_null)?;
            }
            if let Some(ty) = target {
                *value = cast(Some(&field.schema), value, *ty)?;
            }
        }
        Ok(Value::structure(Struct::from_values(self.schema.clone(), values)))
    }
}

/// What the key `spec` says: targets by field, or one for the whole.
struct Spec {
    fields: Vec<(Str, Type)>,
    whole: Option<Type>,
}

fn parse_spec(items: &[String]) -> Result<Spec, ConfigError> {
    let mut fields: Vec<(Str, Type)> = Vec::new();
    let mut whole = None;
    for item in items {
        let mut parts: Vec<&str> = item.split(':').collect();
        while parts.len() > 1 && parts.last() == Some(&"") {
            parts.pop();
        }
        match parts[..] {
            [ty] => whole = Some(target(ty)?),
            [field, ty] => {
                let (field, ty) = (field.trim(), target(ty)?);
                match fields.iter_mut().find(|(known, _)| known == field) {
                    Some(known) => known.1 = ty,
                    None => fields.push((Str::from(field), ty)),
                }
            }
            _ => return Err(invalid("renames", list_text(items), format!("Invalid rename mapping: {item}"))),
        }
    }
    if whole.is_some() && items.len() > 1 {
        return Err(ConfigError::other(
            "Cast transformations that specify a type to cast the entire value to may only specify a single cast in their spec",
        ));
    }
    Ok(Spec { fields, whole })
}

fn target(text: &str) -> Result<Type, ConfigError> {
    let text = text.trim();
    let upper = text.to_uppercase();
    let ty = Type::from_name(&upper).ok_or_else(|| ConfigError::Invalid {
        key: format!("Invalid type found in casting spec: {text}"),
        value: format!(
            "java.lang.IllegalArgumentException: No enum constant org.apache.kafka.connect.data.Schema.Type.{upper}"
        ),
        reason: None,
    })?;
    if !ty.is_primitive() || ty == Type::Bytes {
        let message = format!("Cast transformation does not support casting to {ty}; supported types are {TARGETS}");
        return Err(ConfigError::other(message));
    }
    Ok(ty)
}

fn spec_validator() -> Validator {
    let text = "list of colon-delimited pairs, e.g. foo:bar,abc:xyz";
    Validator::custom(text, |_, value: &Parsed| match value.as_list() {
        Some(items) if !items.is_empty() => parse_spec(items).map(|_| ()),
        _ => Err(ConfigError::other("Must specify at least one field to cast.")),
    })
}

impl<S> Cast<S> {
    fn plan(&self, schema: &Schema) -> Result<Plan> {
        let mut targets = Vec::new();
        let mut builder = match self.whole {
            Some(ty) => structs::basics(schema, SchemaBuilder::new(ty)),
            None => {
                let mut builder = structs::basics(schema, SchemaBuilder::structure());
                for field in schema.fields()? {
                    let target = self.casts.iter().find(|(name, _)| *name == field.name).map(|(_, ty)| *ty);
                    let schema = match target {
                        Some(ty) => cast_schema(&field.schema, ty)?,
                        None => field.schema.clone(),
                    };
                    builder = builder.field(field.name.clone(), schema);
                    targets.push(target);
                }
                builder
            }
        };
        if schema.is_optional() {
            builder = builder.optional();
        }
        if let Some(default) = schema.default_value() {
            builder = builder.default_value(cast(Some(schema), default, self.whole.unwrap_or(Type::Struct))?);
        }
        Ok(Plan { schema: builder.build()?, targets })
    }
}

/// A bare schema of the target type that keeps optional and default.
fn cast_schema(schema: &Schema, ty: Type) -> Result<Schema> {
    let mut builder = SchemaBuilder::new(ty);
    if schema.is_optional() {
        builder = builder.optional();
    }
    if let Some(default) = schema.default_value() {
        builder = builder.default_value(cast(Some(schema), default, ty)?);
    }
    builder.build()
}

fn cast(schema: Option<&Schema>, value: &Value, ty: Type) -> Result<Value> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let from = match schema {
        Some(schema) => schema.ty(),
        None => value.schema_type().ok_or_else(|| {
            let class = value.java_class();
            let message = format!("Cast transformation was passed a value of type class {class} which is not supported by Connect's data API");
            Error::data(message)
        })?,
    };
    if !from.is_primitive() {
        let message =
            format!("Cast transformation does not support casting from {from}; supported types are {SOURCES}");
        return Err(Error::data(message));
    }
    let encoded = match (schema, value) {
        (Some(schema), Value::Date(millis)) if ty != Type::String => encode(schema, *millis)?,
        _ => value.clone(),
    };
    let range = || Error::data(format!("Value ({encoded}) was out of range for requested data type"));
    let integer = |min: i64, max: i64| match &encoded {
        Value::Str(text) => parse_integer(text, min, max).ok_or_else(range),
        _ => Err(unexpected(&encoded)),
    };
    Ok(match ty {
        Type::Int8 => Value::I8(match as_int(&encoded) {
            Some(n) => n as i8,
            None => integer(i8::MIN.into(), i8::MAX.into())? as i8,
        }),
        Type::Int16 => Value::I16(match as_int(&encoded) {
            Some(n) => n as i16,
            None => integer(i16::MIN.into(), i16::MAX.into())? as i16,
        }),
        Type::Int32 => Value::I32(match as_int(&encoded) {
            Some(n) => n,
            None => integer(i32::MIN.into(), i32::MAX.into())? as i32,
        }),
        Type::Int64 => Value::I64(match as_long(&encoded) {
            Some(n) => n,
            None => integer(i64::MIN, i64::MAX)?,
        }),
        Type::Float32 => Value::F32(match &encoded {
            Value::F64(n) => *n as f32,
            Value::F32(n) => *n,
            Value::Decimal(n) => n.to_f32(),
            Value::Str(text) => parse_float(text).ok_or_else(range)?,
            other => as_long(other).ok_or_else(|| unexpected(other))? as f32,
        }),
        Type::Float64 => Value::F64(match &encoded {
            Value::F64(n) => *n,
            Value::F32(n) => f64::from(*n),
            Value::Decimal(n) => n.to_f64(),
            Value::Str(text) => parse_double(text).ok_or_else(range)?,
            other => as_long(other).ok_or_else(|| unexpected(other))? as f64,
        }),
        Type::Boolean => Value::Bool(match &encoded {
            Value::Str(text) => text.eq_ignore_ascii_case("true"),
            other => as_long(other).ok_or_else(|| unexpected(other))? != 0,
        }),
        Type::String => match encoded {
            Value::Str(text) => Value::Str(text),
            Value::Date(millis) => Value::from(values::date_text(millis)),
            Value::Bytes(bytes) => Value::from(STANDARD.encode(bytes)),
            other => Value::from(other.to_string()),
        },
        _ => return Err(unexpected(&encoded)),
    })
}

fn unexpected(value: &Value) -> Error {
    Error::data(format!("Unexpected type in Cast transformation: class {}", value.java_class()))
}

/// Dates as the numbers that stand for them.
fn encode(schema: &Schema, millis: i64) -> Result<Value> {
    Ok(match schema.logical() {
        Some(Logical::Date) => Value::I32(date::from_logical(schema, millis)?),
        Some(Logical::Time) => Value::I32(time::from_logical(schema, millis)?),
        Some(Logical::Timestamp) => {
            timestamp::check(schema)?;
            Value::I64(millis)
        }
        _ => Value::Date(millis),
    })
}

/// `intValue()`: floating-point numbers saturate, integers lose their high bits.
fn as_int(value: &Value) -> Option<i32> {
    match value {
        Value::F32(n) => Some(*n as i32),
        Value::F64(n) => Some(*n as i32),
        other => as_long(other).map(|n| n as i32),
    }
}

/// `longValue()`; 1 and 0 for booleans.
fn as_long(value: &Value) -> Option<i64> {
    match value {
        Value::F32(n) => Some(*n as i64),
        Value::F64(n) => Some(*n as i64),
        Value::Decimal(n) => Some(n.to_i64_wrapping()),
        Value::Bool(b) => Some(i64::from(*b)),
        other => other.as_i64(),
    }
}

impl<S: Side> Transformation for Cast<S> {
    fn config(&self) -> Result<ConfigDef> {
        let doc = "Fields and their new types, as pairs field:type; or one type alone for the whole key or value. \
                   Types are int8, int16, int32, int64, float32, float64, boolean and string.";
        definition([high("spec", config::Type::List, doc).validator(spec_validator()), replace_null()])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        let spec = parse_spec(config.list("spec")?)?;
        self.casts = spec.fields;
        self.whole = spec.whole;
        self.replace_null = config.boolean(REPLACE_NULL)?;
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        if S::value(record).is_null() {
            return Ok(Outcome::Keep);
        }
        let (schema, value) = S::parts(record);
        let Some(schema) = schema else {
            if let Some(ty) = self.whole {
                *value = cast(None, value, ty)?;
                return Ok(Outcome::Keep);
            }
            let map = require::map_mut(value, PURPOSE)?;
            for (name, ty) in &self.casts {
                let cast = cast(None, map.get_str(name).unwrap_or(&Value::Null), *ty)?;
                map.insert(name.clone(), cast);
            }
            return Ok(Outcome::Keep);
        };
        let mut plans = std::mem::take(&mut self.plans);
        let changed = plans.get(schema, |schema| self.plan(schema)).and_then(|plan| {
            let value = match self.whole {
                Some(ty) => cast(Some(schema), value, ty)?,
                None => plan.cast(require::take_structure(value, PURPOSE)?, self.replace_null)?,
            };
            Ok((plan.schema.clone(), value))
        });
        self.plans = plans;
        let (schema, value) = changed?;
        S::set(record, Some(schema), value);
        Ok(Outcome::Keep)
    }
}
