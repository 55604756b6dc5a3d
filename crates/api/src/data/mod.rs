//! Connect's data model: schemas, values, structs and the logical types.
//!
//! Counterpart: `org.apache.kafka.connect.data`.

mod big_decimal;
pub(crate) mod java_calendar;
mod java_text;
mod logical;
mod map;
mod schema;
mod schema_builder;
mod schema_projector;
mod simple_date_format;
mod str;
mod structs;
mod validate;
mod value;
pub mod values;

pub use big_decimal::Decimal;
pub use java_text::{double_text, float_text, write_double, write_float};
pub use logical::{
    DATE_NAME, DECIMAL_NAME, Logical, MILLIS_PER_DAY, TIME_NAME, TIMESTAMP_NAME, date, decimal, time, timestamp,
};
pub use map::Map;
pub use schema::{Field, Schema, Type};
pub use schema_builder::SchemaBuilder;
pub use schema_projector::project;
pub use simple_date_format::SimpleDateFormat;
pub use str::Str;
pub use structs::Struct;
pub use validate::{validate_value, validate_value_at};
pub use value::{SchemaAndValue, Value};
