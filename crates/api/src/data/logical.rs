//! The four logical types: schemas, and encoding to and from their base types.
//!
//! Counterpart: `org.apache.kafka.connect.data.{Decimal, Date, Time, Timestamp}`.

use super::{Decimal, Schema, SchemaBuilder, Str, Type};
use crate::error::{Error, Result};

/// Schema name of Decimal.
pub const DECIMAL_NAME: &str = "org.apache.kafka.connect.data.Decimal";
/// Schema name of Date.
pub const DATE_NAME: &str = "org.apache.kafka.connect.data.Date";
/// Schema name of Time.
pub const TIME_NAME: &str = "org.apache.kafka.connect.data.Time";
/// Schema name of Timestamp.
pub const TIMESTAMP_NAME: &str = "org.apache.kafka.connect.data.Timestamp";
/// Milliseconds of a day.
pub const MILLIS_PER_DAY: i64 = 86_400_000;

/// A logical type; recognised by schema name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Logical {
    /// BigDecimal as unscaled bytes.
    Decimal,
    /// Days since the epoch.
    Date,
    /// Milliseconds since midnight.
    Time,
    /// Milliseconds since the epoch.
    Timestamp,
}

impl Logical {
    /// The logical type with that schema name.
    pub fn of_name(name: &str) -> Option<Logical> {
        match name {
            DECIMAL_NAME => Some(Logical::Decimal),
            DATE_NAME => Some(Logical::Date),
            TIME_NAME => Some(Logical::Time),
            TIMESTAMP_NAME => Some(Logical::Timestamp),
            _ => None,
        }
    }
}

/// Decimal: encoding and schema.
pub mod decimal {
    use num_bigint::BigInt;

    use super::*;

    /// Parameter that holds the scale.
    pub const SCALE_FIELD: &str = "scale";

    /// A builder of a Decimal schema with this scale.
    pub fn builder(scale: i32) -> SchemaBuilder {
        SchemaBuilder::new(Type::Bytes)
            .name(Str::from_static(DECIMAL_NAME))
            .parameter(SCALE_FIELD, scale.to_string())
            .version(1)
    }

    /// The scale of a Decimal schema.
    ///
    /// # Errors
    /// No scale parameter, or one that is no number.
    pub fn scale(schema: &Schema) -> Result<i32> {
        let text = schema
            .parameters()
            .and_then(|p| p.get(SCALE_FIELD))
            .ok_or_else(|| Error::data("Invalid Decimal schema: scale parameter not found."))?;
        text.parse()
            .map_err(|e| Error::data("Invalid scale parameter found in Decimal schema: ").with_source(Box::new(e)))
    }

    /// The unscaled value, big-endian two's complement of minimal length.
    ///
    /// # Errors
    /// A scale other than the schema's.
    pub fn to_bytes(schema: &Schema, value: &Decimal) -> Result<Vec<u8>> {
        let scale = scale(schema)?;
        if value.scale() != scale {
            return Err(Error::data(format!(
                "Decimal value has mismatching scale for given Decimal schema. Schema has scale {scale}, value has scale {}.",
                value.scale()
            )));
        }
        Ok(value.unscaled().to_signed_bytes_be())
    }

    /// The value of these bytes, with the schema's scale.
    ///
    /// # Errors
    /// No scale, or no bytes at all.
    pub fn from_bytes(schema: &Schema, bytes: &[u8]) -> Result<Decimal> {
        let scale = scale(schema)?;
        if bytes.is_empty() {
            return Err(Error::data("Zero length BigInteger").with_class("java.lang.NumberFormatException"));
        }
        Ok(Decimal::new(BigInt::from_signed_bytes_be(bytes), scale))
    }
}

/// Date: encoding and schema.
pub mod date {
    use super::*;

    /// A builder of a Date schema.
    pub fn builder() -> SchemaBuilder {
        SchemaBuilder::new(Type::Int32).name(Str::from_static(DATE_NAME)).version(1)
    }

    /// Days since the epoch of a midnight in UTC.
    ///
    /// # Errors
    /// Another schema; a time of day.
    pub fn from_logical(schema: &Schema, millis: i64) -> Result<i32> {
        named(schema, DATE_NAME, "Date")?;
        if millis.rem_euclid(MILLIS_PER_DAY) != 0 {
            return Err(Error::data("Kafka Connect Date type should not have any time fields set to non-zero values."));
        }
        Ok((millis / MILLIS_PER_DAY) as i32)
    }

    /// Milliseconds since the epoch of a number of days.
    ///
    /// # Errors
    /// Another schema.
    pub fn to_logical(schema: &Schema, days: i32) -> Result<i64> {
        named(schema, DATE_NAME, "Date")?;
        Ok(i64::from(days) * MILLIS_PER_DAY)
    }
}

/// Time: encoding and schema.
pub mod time {
    use super::*;

    /// A builder of a Time schema.
    pub fn builder() -> SchemaBuilder {
        SchemaBuilder::new(Type::Int32).name(Str::from_static(TIME_NAME)).version(1)
    }

    /// Milliseconds since midnight of an instant on 1970-01-01.
    ///
    /// # Errors
    /// Another schema; another day.
    pub fn from_logical(schema: &Schema, millis: i64) -> Result<i32> {
        named(schema, TIME_NAME, "Time")?;
        if !(0..=MILLIS_PER_DAY).contains(&millis) {
            return Err(Error::data("Kafka Connect Time type should not have any date fields set to non-zero values."));
        }
        Ok(millis as i32)
    }

    /// The instant on 1970-01-01, as milliseconds since the epoch.
    ///
    /// # Errors
    /// Another schema (Java's text says Date); a value outside a day.
    pub fn to_logical(schema: &Schema, millis: i32) -> Result<i64> {
        if schema.name().map(Str::as_str) != Some(TIME_NAME) {
            return Err(Error::data("Requested conversion of Date object but the schema does not match."));
        }
        if !(0..=MILLIS_PER_DAY).contains(&i64::from(millis)) {
            return Err(Error::data(
                "Time values must use number of milliseconds greater than 0 and less than 86400000",
            ));
        }
        Ok(i64::from(millis))
    }
}

/// Timestamp: encoding and schema.
pub mod timestamp {
    use super::*;

    /// A builder of a Timestamp schema.
    pub fn builder() -> SchemaBuilder {
        SchemaBuilder::new(Type::Int64).name(Str::from_static(TIMESTAMP_NAME)).version(1)
    }

    /// Milliseconds since the epoch, both ways.
    ///
    /// # Errors
    /// Another schema.
    pub fn check(schema: &Schema) -> Result<()> {
        named(schema, TIMESTAMP_NAME, "Timestamp")
    }
}

fn named(schema: &Schema, name: &str, what: &str) -> Result<()> {
    if schema.name().map(Str::as_str) == Some(name) {
        return Ok(());
    }
    Err(Error::data(format!("Requested conversion of {what} object but the schema does not match.")))
}

/// `Thu Jan 01 00:00:00 UTC 1970`: `java.util.Date.toString()` in UTC.
pub(crate) fn java_date_text(millis: i64) -> String {
    use std::sync::LazyLock;

    use super::SimpleDateFormat;
    use super::java_calendar::{civil, split};
    static FORMAT: LazyLock<Option<SimpleDateFormat>> =
        LazyLock::new(|| SimpleDateFormat::new("EEE MMM dd HH:mm:ss zzz").ok());
    let head = FORMAT.as_ref().map(|format| format.format(millis)).unwrap_or_default();
    format!("{head} {}", civil(split(millis).0).year)
}
