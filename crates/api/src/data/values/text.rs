//! Values as the text that [`super::parse_string`] reads back.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::data::{MILLIS_PER_DAY, SimpleDateFormat, Str, Value, write_double, write_float};
use crate::error::{Error, Result};

pub(super) const DATE_PATTERN: &str = "yyyy-MM-dd";
pub(super) const TIME_PATTERN: &str = "HH:mm:ss.SSS'Z'";
pub(super) const TIMESTAMP_PATTERN: &str = "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'";

/// A pattern that is known to compile.
pub(super) type Format = LazyLock<Option<SimpleDateFormat>>;
pub(super) static DATE_FORMAT: Format = LazyLock::new(|| SimpleDateFormat::new(DATE_PATTERN).ok());
pub(super) static TIME_FORMAT: Format = LazyLock::new(|| SimpleDateFormat::new(TIME_PATTERN).ok());
pub(super) static TIMESTAMP_FORMAT: Format = LazyLock::new(|| SimpleDateFormat::new(TIMESTAMP_PATTERN).ok());

/// The text of a value: a text as it is, everything else as in JSON with dates in ISO form. `None` for null.
///
/// # Errors
/// A value inside that has no text form.
pub fn convert_to_string(value: &Value) -> Result<Option<Str>> {
    match value {
        Value::Null => Ok(None),
        Value::Str(text) => Ok(Some(text.clone())),
        other => {
            let mut out = String::new();
            append(&mut out, other, false)?;
            Ok(Some(Str::from(out)))
        }
    }
}

/// A date as text, by its size: a time within the first day, else a date if it is a midnight, else a timestamp.
pub fn date_text(millis: i64) -> String {
    let format = if millis < MILLIS_PER_DAY {
        &TIME_FORMAT
    } else if millis % MILLIS_PER_DAY == 0 {
        &DATE_FORMAT
    } else {
        &TIMESTAMP_FORMAT
    };
    format.as_ref().map(|f| f.format(millis)).unwrap_or_default()
}

fn append(out: &mut String, value: &Value, embedded: bool) -> Result<()> {
    let failed =
        |cause| Error::data(format!("Failed to write the text of {}", value.java_class())).with_source(Box::new(cause));
    match value {
        Value::Null => out.push_str("null"),
        Value::F32(v) => write_float(out, *v).map_err(failed)?,
        Value::F64(v) => write_double(out, *v).map_err(failed)?,
        Value::Bool(_) | Value::I8(_) | Value::I16(_) | Value::I32(_) | Value::I64(_) | Value::Decimal(_) => {
            write!(out, "{value}").map_err(failed)?;
        }
        Value::Str(text) if embedded => quote(out, &text.replace('\\', "\\\\").replace('"', "\\\"")),
        Value::Str(text) => out.push_str(text),
        Value::Bytes(bytes) if embedded => quote(out, &STANDARD.encode(bytes)),
        Value::Bytes(bytes) => STANDARD.encode_string(bytes, out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                comma(out, i);
                append(out, item, true)?;
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                comma(out, i);
                append(out, key, true)?;
                out.push(':');
                append(out, item, true)?;
            }
            out.push('}');
        }
        Value::Struct(value) => {
            out.push('{');
            for field in value.schema().fields()? {
                comma(out, field.index);
                append(out, &Value::Str(field.name.clone()), true)?;
                out.push(':');
                append(out, value.get_field(field), true)?;
            }
            out.push('}');
        }
        Value::Date(millis) => out.push_str(&date_text(*millis)),
    }
    Ok(())
}

fn comma(out: &mut String, index: usize) {
    if index > 0 {
        out.push(',');
    }
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    out.push_str(text);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_texts_are_quoted_and_top_level_ones_are_not() {
        let text = |v: Value| convert_to_string(&v).unwrap().map(|t| t.to_string());
        assert_eq!(text(Value::from("a\"b")).as_deref(), Some("a\"b"));
        let list = Value::array(vec![Value::from("a\"\\b"), Value::Null, Value::F64(1e10), Value::Date(0)]);
        assert_eq!(text(list).as_deref(), Some("[\"a\\\"\\\\b\",null,1.0E10,00:00:00.000Z]"));
        assert_eq!(text(Value::Date(259_200_000)).as_deref(), Some("1970-01-04"));
        assert_eq!(text(Value::Date(-1000)).as_deref(), Some("23:59:59.000Z"));
        assert_eq!(text(Value::Null), None);
    }
}
