//! Reads a value written with one schema as a value of another.
//!
//! Counterpart: `org.apache.kafka.connect.data.SchemaProjector`.

use std::fmt::Display;

use super::{Map, Schema, Str, Struct, Type, Value};
use crate::error::{Error, Result};

/// Projects `value` of `source` onto `target`. No shortcut is taken for equal schemas.
///
/// # Errors
/// Java's `SchemaProjectorException` texts; a data error where a projected value does not fit its field.
pub fn project(source: &Schema, value: &Value, target: &Schema) -> Result<Value> {
    check_compatible(source, target)?;
    if source.is_optional() && !target.is_optional() {
        let Some(default) = target.default_value() else {
            return Err(error("Writer schema is optional, however, target schema does not provide a default value."));
        };
        if value.is_null() {
            return Ok(default.clone());
        }
    }
    if value.is_null() {
        return Ok(Value::Null);
    }
    match (source.ty(), value) {
        (Type::Struct, Value::Struct(from)) => structure(source, from, target),
        (Type::Array, Value::Array(items)) => {
            let (source, target) = (child(source.value_schema()?)?, child(target.value_schema()?)?);
            let items: Result<Vec<Value>> = items.iter().map(|item| project(source, item, target)).collect();
            Ok(Value::array(items?))
        }
        (Type::Map, Value::Map(map)) => {
            let keys = (child(source.key_schema()?)?, child(target.key_schema()?)?);
            let values = (child(source.value_schema()?)?, child(target.value_schema()?)?);
            let mut projected = Map::with_capacity(map.len());
            for (key, value) in map.iter() {
                projected.insert(project(keys.0, key, keys.1)?, project(values.0, value, values.1)?);
            }
            Ok(Value::map(projected))
        }
        (Type::Struct | Type::Array | Type::Map, other) => {
            let message = format!("{} is no value of type {}", other.java_class(), source.ty());
            Err(Error::data(message).with_class("java.lang.ClassCastException"))
        }
        (_, value) => Ok(as_number(value, target.ty()).unwrap_or_else(|| value.clone())),
    }
}

fn error(message: impl Into<String>) -> Error {
    Error::data(message).with_class("org.apache.kafka.connect.errors.SchemaProjectorException")
}

fn child(schema: Option<&Schema>) -> Result<&Schema> {
    schema.ok_or_else(|| {
        Error::data("a schema without element schema cannot be projected").with_class("java.lang.NullPointerException")
    })
}

fn check_compatible(source: &Schema, target: &Schema) -> Result<()> {
    let (from, to) = (source.ty(), target.ty());
    let promotable = from <= to && to <= Type::Float64;
    if from != to && !promotable {
        return Err(error(format!("Schema type mismatch. source type: {from} and target type: {to}")));
    }
    if source.name() != target.name() {
        let (from, to) = (or_null(source.name()), or_null(target.name()));
        return Err(error(format!("Schema name mismatch. source name: {from} and target name: {to}")));
    }
    if source.parameters() != target.parameters() {
        let text = |schema: &Schema| match schema.parameters() {
            None => "null".to_owned(),
            Some(all) => {
                let all: Vec<String> = all.iter().map(|(key, value): (&Str, &Str)| format!("{key}={value}")).collect();
                format!("{{{}}}", all.join(", "))
            }
        };
        return Err(error(format!(
            "Schema parameters not equal. source parameters: {} and target parameters: {}",
            text(source),
            text(target)
        )));
    }
    Ok(())
}

fn or_null<T: Display>(value: Option<&T>) -> String {
    value.map_or_else(|| "null".to_owned(), T::to_string)
}

fn structure(source: &Schema, from: &Struct, target: &Schema) -> Result<Value> {
    let mut to = Struct::new(target.clone())?;
    for field in target.fields()? {
        match source.field(&field.name)? {
            Some(written) => {
                let value = project(&written.schema, from.get(&field.name)?, &field.schema).map_err(|cause| {
                    // Only projection errors are wrapped, others pass.
                    if cause.java_class().ends_with(".SchemaProjectorException") {
                        error(format!("Error projecting {}", field.name)).with_source(cause)
                    } else {
                        cause
                    }
                })?;
                to.put_at(field.index, value)?;
            }
            None if field.schema.is_optional() => {}
            None => match field.schema.default_value() {
                Some(default) => to.put_at(field.index, default.clone())?,
                None => {
                    return Err(error(format!(
                        "Required field `{}` is missing from source schema: {source}",
                        field.name
                    )));
                }
            },
        }
    }
    Ok(Value::structure(to))
}

/// A number as Java's `Number` gives it for this type, whatever class of number it is: the schema is believed, not the value. `None` for what is
/// no number, or where none is wanted.
fn as_number(value: &Value, to: Type) -> Option<Value> {
    let double = match value {
        Value::F32(number) => Some(f64::from(*number)),
        Value::F64(number) => Some(*number),
        _ => None,
    };
    let long = match value {
        Value::Decimal(number) => number.to_i64_wrapping(),
        _ => double.map_or_else(|| value.as_i64(), |number| Some(number as i64))?,
    };
    // Fractions become an int first, which does not wrap around.
    let int = double.map_or(long as i32, |number| number as i32);
    let double = || match value {
        Value::Decimal(number) => number.to_f64(),
        _ => double.unwrap_or(long as f64),
    };
    Some(match to {
        Type::Int8 => Value::I8(int as i8),
        Type::Int16 => Value::I16(int as i16),
        Type::Int32 => Value::I32(int),
        Type::Int64 => Value::I64(long),
        // Each is rounded once.
        Type::Float32 => Value::F32(match value {
            Value::F32(_) | Value::F64(_) => double() as f32,
            Value::Decimal(number) => number.to_f32(),
            _ => long as f32,
        }),
        Type::Float64 => Value::F64(double()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::SchemaBuilder;

    #[test]
    fn numbers_widen_and_never_narrow() {
        assert_eq!(project(&Schema::int32(), &Value::I32(5), &Schema::int64()).unwrap(), Value::I64(5));
        assert_eq!(
            project(&Schema::int32(), &Value::I32(16_777_217), &Schema::float32()).unwrap(),
            Value::F32(16_777_216.0)
        );
        assert!(project(&Schema::int64(), &Value::I64(5), &Schema::int32()).is_err());
    }

    #[test]
    fn fields_that_are_missing_take_their_default() {
        let source =
            SchemaBuilder::structure().field("a", Schema::int8()).field("gone", Schema::int8()).build().unwrap();
        let nine = Schema::builder(Type::Int32).default_value(9).build().unwrap();
        let target = SchemaBuilder::structure().field("a", Schema::int16()).field("b", nine).build().unwrap();
        let mut from = Struct::new(source.clone()).unwrap();
        from.put("a", 1i8).unwrap().put("gone", 2i8).unwrap();
        let to = project(&source, &Value::structure(from), &target).unwrap();
        assert_eq!(to.to_string(), "Struct{a=1,b=9}");
        let strict = SchemaBuilder::structure().field("c", Schema::int8()).build().unwrap();
        let error = project(&source, &Value::structure(Struct::new(source.clone()).unwrap()), &strict).unwrap_err();
        assert_eq!(error.message(), Some("Required field `c` is missing from source schema: Schema{STRUCT}"));
    }
}
