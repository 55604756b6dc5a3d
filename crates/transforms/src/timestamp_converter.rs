//! `TimestampConverter`: points in time from one form to another: text, Unix time, Date, Time, Timestamp.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.TimestampConverter`.

use std::marker::PhantomData;
use std::sync::Arc;

use milena_api::config::{ConfigDef, ConfigError, ConfigMap, Type, Validator};
use milena_api::data::{
    self, Logical, MILLIS_PER_DAY, Schema, SchemaBuilder, SimpleDateFormat, Str, Struct, Value, date, time, timestamp,
};
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{REPLACE_NULL, definition, high, low, medium, replace_null};
use crate::require;
use crate::schema_cache::SchemaCache;
use crate::side::Side;
use crate::structs;

const PURPOSE: &str = "converting timestamp formats";

/// Converts one field, or the whole key or value.
#[derive(Default)]
pub struct TimestampConverter<S> {
    field: Str,
    rules: Rules,
    replace_null: bool,
    schemas: SchemaCache<Schema>,
    side: PhantomData<fn() -> S>,
}

#[derive(Default)]
struct Rules {
    target: Form,
    /// With its pattern, for messages.
    format: Option<(SimpleDateFormat, String)>,
    precision: Precision,
}

/// How a point in time is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    Text,
    Unix,
    Date,
    Time,
    #[default]
    Timestamp,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Precision {
    Nanoseconds,
    Microseconds,
    #[default]
    Milliseconds,
    Seconds,
}

impl Form {
    fn schema(self, optional: bool) -> Result<Schema> {
        let built = |builder: SchemaBuilder| if optional { builder.optional().build() } else { builder.build() };
        match self {
            Form::Text => built(SchemaBuilder::new(data::Type::String)),
            Form::Unix => built(SchemaBuilder::new(data::Type::Int64)),
            Form::Date => built(date::builder()),
            Form::Time => built(time::builder()),
            Form::Timestamp => built(timestamp::builder()),
        }
    }

    fn of_schema(schema: &Schema) -> Result<Form> {
        match (schema.logical(), schema.ty()) {
            (Some(Logical::Timestamp), _) => Ok(Form::Timestamp),
            (Some(Logical::Date), _) => Ok(Form::Date),
            (Some(Logical::Time), _) => Ok(Form::Time),
            (_, data::Type::String) => Ok(Form::Text),
            (_, data::Type::Int64) => Ok(Form::Unix),
            _ => Err(Error::fatal(format!("Schema {schema} does not correspond to a known timestamp type format"))),
        }
    }

    fn of_value(value: &Value) -> Result<Form> {
        match value {
            Value::Date(_) => Ok(Form::Timestamp),
            Value::I64(_) => Ok(Form::Unix),
            Value::Str(_) => Ok(Form::Text),
            other => {
                let class = other.java_class();
                Err(Error::data(format!("TimestampConverter does not support class {class} objects as timestamps")))
            }
        }
    }
}

impl Precision {
    /// Java's `TimeUnit`: saturating.
    fn to_millis(self, n: i64) -> i64 {
        match self {
            Precision::Nanoseconds => n / 1_000_000,
            Precision::Microseconds => n / 1000,
            Precision::Milliseconds => n,
            Precision::Seconds => n.saturating_mul(1000),
        }
    }

    fn of_millis(self, millis: i64) -> i64 {
        match self {
            Precision::Nanoseconds => millis.saturating_mul(1_000_000),
            Precision::Microseconds => millis.saturating_mul(1000),
            Precision::Milliseconds => millis,
            Precision::Seconds => millis / 1000,
        }
    }
}

impl Rules {
    fn convert(&self, value: &Value, form: Option<Form>) -> Result<Value> {
        if value.is_null() {
            return Ok(Value::Null);
        }
        let form = match form {
            Some(form) => form,
            None => Form::of_value(value)?,
        };
        let millis = self.millis(value, form)?;
        Ok(match self.target {
            Form::Text => match &self.format {
                Some((format, _)) => Value::from(format.format(millis)),
                None => return Err(no_format()),
            },
            Form::Unix => Value::I64(self.precision.of_millis(millis)),
            Form::Date => Value::Date(millis.wrapping_sub(millis.rem_euclid(MILLIS_PER_DAY))),
            Form::Time => Value::Date(millis.rem_euclid(MILLIS_PER_DAY)),
            Form::Timestamp => Value::Date(millis),
        })
    }

    fn millis(&self, value: &Value, form: Form) -> Result<i64> {
        let wrong = |what: &str| Error::data(format!("Expected {what}, but found class {}", value.java_class()));
        match (form, value) {
            (Form::Text, Value::Str(text)) => {
                let Some((format, pattern)) = &self.format else { return Err(no_format()) };
                format.parse(text).ok_or_else(|| {
                    Error::data(format!("Could not parse timestamp: value ({text}) does not match pattern ({pattern})"))
                })
            }
            (Form::Text, _) => Err(wrong("string timestamp to be a String")),
            (Form::Unix, Value::I64(n)) => Ok(self.precision.to_millis(*n)),
            (Form::Unix, _) => Err(wrong("Unix timestamp to be a Long")),
            (_, Value::Date(millis)) => Ok(*millis),
            (Form::Date, _) => Err(wrong("Date to be a java.util.Date")),
            (Form::Time, _) => Err(wrong("Time to be a java.util.Date")),
            (Form::Timestamp, _) => Err(wrong("Timestamp to be a java.util.Date")),
        }
    }

    /// The values of a struct, with the one of that name converted.
    fn values(&self, from: &Struct, to: &Schema, name: &Str, replace_null: bool) -> Result<Vec<Value>> {
        let mut values = Vec::with_capacity(from.values().len());
        for (field, target) in from.schema().fields()?.zip(to.fields()?) {
            let value = structs::read(from, field, replace_null);
            values.push(if field.name == *name {
                let form = Form::of_schema(&field.schema)?;
                match value {
                    Value::Null => structs::unchanged(target, value)?,
                    value => self.convert(value, Some(form))?,
                }
            } else {
                structs::unchanged(field, value)?
            });
        }
        Ok(values)
    }

    fn schema(&self, schema: &Schema, name: &Str, replace_null: bool) -> Result<Schema> {
        let mut builder = structs::basics(schema, SchemaBuilder::structure());
        for field in schema.fields()? {
            let converted = if field.name == *name {
                self.target.schema(field.schema.is_optional())?
            } else {
                field.schema.clone()
            };
            builder = builder.field(field.name.clone(), converted);
        }
        if schema.is_optional() {
            builder = builder.optional();
        }
        let built = builder.build()?;
        match schema.default_value() {
            Some(Value::Struct(default)) => {
                let default = Struct::from_values(built.clone(), self.values(default, &built, name, replace_null)?);
                SchemaBuilder::copy(&built).default_value(Value::structure(default)).build()
            }
            _ => Ok(built),
        }
    }
}

/// Java finds out by stumbling.
fn no_format() -> Error {
    Error::data("a text needs the key 'format' to be read as a timestamp").with_class("java.lang.NullPointerException")
}

impl<S: Side> Transformation for TimestampConverter<S> {
    fn config(&self) -> Result<ConfigDef> {
        let targets = ["string", "unix", "Date", "Time", "Timestamp"];
        let precisions = ["nanoseconds", "microseconds", "milliseconds", "seconds"];
        definition([
            high("field", Type::String, "The field to convert; empty for the whole key or value.").default(""),
            high("target.type", Type::String, "The form that comes out: string, unix, Date, Time or Timestamp.")
                .validator(Validator::one_of(targets)),
            medium("format", Type::String, "Pattern of texts, as SimpleDateFormat of Java takes it.").default(""),
            low(
                "unix.precision",
                Type::String,
                "What a Unix time counts: seconds, milliseconds, microseconds or nanoseconds.",
            )
            .default("milliseconds")
            .validator(Validator::one_of(precisions)),
            replace_null(),
        ])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        let target = match config.string("target.type")? {
            "string" => Form::Text,
            "unix" => Form::Unix,
            "Date" => Form::Date,
            "Time" => Form::Time,
            _ => Form::Timestamp,
        };
        let precision = match config.string("unix.precision")? {
            "nanoseconds" => Precision::Nanoseconds,
            "microseconds" => Precision::Microseconds,
            "seconds" => Precision::Seconds,
            _ => Precision::Milliseconds,
        };
        let pattern = config.string("format")?;
        let format = if pattern.trim().is_empty() {
            if target == Form::Text {
                let message = "TimestampConverter requires format option to be specified when using string timestamps";
                return Err(Error::config(message));
            }
            None
        } else {
            let format = SimpleDateFormat::new(pattern).map_err(|cause| ConfigError::Invalid {
                key: format!(
                    "TimestampConverter requires a SimpleDateFormat-compatible pattern for string timestamps: {pattern}"
                ),
                value: cause.headline(),
                reason: None,
            })?;
            Some((format, pattern.to_owned()))
        };
        self.rules = Rules { target, format, precision };
        self.field = Str::from(config.string("field")?);
        self.replace_null = config.boolean(REPLACE_NULL)?;
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        let value = S::value(record);
        let Some(schema) = S::schema(record) else {
            if value.is_null() || self.field.is_empty() {
                let converted = self.rules.convert(value, None)?;
                *S::parts(record).1 = converted;
                return Ok(Outcome::Keep);
            }
            require::map(value, PURPOSE)?;
            let map = require::map_mut(S::parts(record).1, PURPOSE)?;
            let converted = self.rules.convert(map.get_str(&self.field).unwrap_or(&Value::Null), None)?;
            map.insert(self.field.clone(), converted);
            return Ok(Outcome::Keep);
        };
        if self.field.is_empty() {
            let target = self.rules.target.schema(schema.is_optional())?;
            let form = Form::of_schema(schema)?;
            let converted = self.rules.convert(value, Some(form))?;
            S::set(record, Some(target), converted);
            return Ok(Outcome::Keep);
        }
        let from = require::structure_or_null(value, PURPOSE)?.map(Arc::clone);
        let (rules, name, replace_null) = (&self.rules, &self.field, self.replace_null);
        let changed = self.schemas.get(schema, |schema| rules.schema(schema, name, replace_null))?.clone();
        let converted = match from {
            None => Value::Null,
            Some(from) => Value::structure(Struct::from_values(
                changed.clone(),
                rules.values(&from, &changed, name, replace_null)?,
            )),
        };
        S::set(record, Some(changed), converted);
        Ok(Outcome::Keep)
    }
}
