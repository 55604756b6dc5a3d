//! From Connect values to JSON text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use milena_api::data::{Logical, Map, Schema, Type, Value, date, decimal, time, timestamp, write_double, write_float};
use milena_api::error::{Error, Result};

use super::escape::write_text;

/// How decimals are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum DecimalFormat {
    /// The unscaled value's bytes.
    #[default]
    Base64,
    /// A number with the digits that the decimal has.
    Numeric,
}

/// The settings that writing depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer {
    pub(super) decimal_format: DecimalFormat,
    pub(super) replace_null_with_default: bool,
}

impl Writer {
    /// Appends one value.
    pub(super) fn value(self, out: &mut Vec<u8>, schema: Option<&Schema>, value: &Value) -> Result<()> {
        if value.is_null() {
            return self.null(out, schema);
        }
        if let Some((schema, logical)) = schema.and_then(|s| s.logical().map(|l| (s, l))) {
            return self.logical(out, schema, logical, value);
        }
        let ty = match schema {
            Some(schema) => schema.ty(),
            None => value.schema_type().ok_or_else(|| {
                Error::data(format!("Java class class {} does not have corresponding schema type.", value.java_class()))
            })?,
        };
        match (ty, value) {
            (Type::Int8, Value::I8(v)) => put_integer(out, i64::from(*v)),
            (Type::Int16, Value::I16(v)) => put_integer(out, i64::from(*v)),
            (Type::Int32, Value::I32(v)) => put_integer(out, i64::from(*v)),
            (Type::Int64, Value::I64(v)) => put_integer(out, *v),
            (Type::Float32, Value::F32(v)) => quoted_unless(out, v.is_finite(), |out| write_float(out, *v)),
            (Type::Float64, Value::F64(v)) => quoted_unless(out, v.is_finite(), |out| write_double(out, *v)),
            (Type::Boolean, Value::Bool(v)) => out.extend_from_slice(if *v { b"true" } else { b"false" }),
            (Type::String, Value::Str(v)) => write_text(out, v),
            (Type::Bytes, Value::Bytes(v)) => put_base64(out, v),
            (Type::Array, Value::Array(items)) => {
                let element = match schema {
                    Some(schema) => schema.value_schema()?,
                    None => None,
                };
                out.push(b'[');
                for (i, item) in items.iter().enumerate() {
                    comma(out, i);
                    self.value(out, element, item)?;
                }
                out.push(b']');
            }
            (Type::Map, Value::Map(map)) => self.map(out, schema, map)?,
            (Type::Struct, Value::Struct(value)) => {
                let Some(schema) = schema.filter(|schema| *schema == value.schema()) else {
                    return Err(Error::data("Mismatching schema."));
                };
                out.push(b'{');
                for field in schema.fields()? {
                    comma(out, field.index);
                    write_text(out, &field.name);
                    out.push(b':');
                    self.value(out, Some(&field.schema), value.raw(field.index))?;
                }
                out.push(b'}');
            }
            (Type::Bytes, other) => {
                return Err(Error::data(format!("Invalid type for bytes type: class {}", other.java_class())));
            }
            (ty, other) => return Err(Error::data(format!("Invalid type for {ty}: class {}", other.java_class()))),
        }
        Ok(())
    }

    fn null(self, out: &mut Vec<u8>, schema: Option<&Schema>) -> Result<()> {
        if let Some(schema) = schema {
            match schema.default_value() {
                Some(default) if self.replace_null_with_default => return self.value(out, Some(schema), default),
                _ if schema.is_optional() => {}
                _ => {
                    let message = "Conversion error: null value for field that is required and has no default value";
                    return Err(Error::data(message));
                }
            }
        }
        out.extend_from_slice(b"null");
        Ok(())
    }

    /// An object if the keys are texts, else an array of pairs.
    fn map(self, out: &mut Vec<u8>, schema: Option<&Schema>, map: &Map) -> Result<()> {
        let (key_schema, value_schema) = match schema {
            Some(schema) => (schema.key_schema()?, schema.value_schema()?),
            None => (None, None),
        };
        let object = match key_schema {
            Some(key) => key.ty() == Type::String,
            None => map.iter().all(|(key, _)| matches!(key, Value::Str(_))),
        };
        out.push(if object { b'{' } else { b'[' });
        for (i, (key, value)) in map.iter().enumerate() {
            comma(out, i);
            match (object, key) {
                (true, Value::Str(name)) => write_text(out, name),
                (true, key) => {
                    let mut name = Vec::new();
                    self.value(&mut name, key_schema, key)?;
                    let name = String::from_utf8_lossy(&name);
                    write_text(out, name.trim_matches('"'));
                }
                (false, key) => {
                    out.push(b'[');
                    self.value(out, key_schema, key)?;
                }
            }
            out.push(if object { b':' } else { b',' });
            self.value(out, value_schema, value)?;
            if !object {
                out.push(b']');
            }
        }
        out.push(if object { b'}' } else { b']' });
        Ok(())
    }

    fn logical(self, out: &mut Vec<u8>, schema: &Schema, logical: Logical, value: &Value) -> Result<()> {
        let wrong = |what: &str, expected: &str| {
            Error::data(format!("Invalid type for {what}, expected {expected} but was class {}", value.java_class()))
        };
        match (logical, value) {
            (Logical::Decimal, Value::Decimal(v)) => match self.decimal_format {
                DecimalFormat::Base64 => put_base64(out, &decimal::to_bytes(schema, v)?),
                DecimalFormat::Numeric => out.extend_from_slice(v.to_string().as_bytes()),
            },
            (Logical::Date, Value::Date(ms)) => put_integer(out, i64::from(date::from_logical(schema, *ms)?)),
            (Logical::Time, Value::Date(ms)) => put_integer(out, i64::from(time::from_logical(schema, *ms)?)),
            (Logical::Timestamp, Value::Date(ms)) => {
                timestamp::check(schema)?;
                put_integer(out, *ms);
            }
            (Logical::Decimal, _) => return Err(wrong("Decimal", "BigDecimal")),
            (Logical::Date, _) => return Err(wrong("Date", "Date")),
            (Logical::Time, _) => return Err(wrong("Time", "Date")),
            (Logical::Timestamp, _) => return Err(wrong("Timestamp", "Date")),
        }
        Ok(())
    }
}

fn comma(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b',');
    }
}

/// Appends what `write` writes: bytes as a sink of formatted text.
struct Text<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for Text<'_> {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        self.0.extend_from_slice(part.as_bytes());
        Ok(())
    }
}

fn quoted_unless(out: &mut Vec<u8>, bare: bool, write: impl FnOnce(&mut Text<'_>) -> std::fmt::Result) {
    if !bare {
        out.push(b'"');
    }
    // Writing to memory does not fail.
    if write(&mut Text(out)).is_ok() && !bare {
        out.push(b'"');
    }
}

fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
    out.push(b'"');
}

/// Decimal digits, without a detour over a heap text.
fn put_integer(out: &mut Vec<u8>, value: i64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    out.extend_from_slice(&digits[at..]);
}
