//! Which side of a record a transformation works on: its key or its value.

use milena_api::data::{Schema, Value};
use milena_api::record::ConnectRecord;

/// The key or the value of a record.
pub trait Side: Default + Send + 'static {
    /// Schema of this side.
    fn schema(record: &ConnectRecord) -> Option<&Schema>;
    /// Value of this side.
    fn value(record: &ConnectRecord) -> &Value;
    /// Schema and value of this side, to be changed.
    fn parts(record: &mut ConnectRecord) -> (&mut Option<Schema>, &mut Value);

    /// Takes the value out, leaving null.
    fn take(record: &mut ConnectRecord) -> Value {
        std::mem::take(Self::parts(record).1)
    }

    /// Puts schema and value in.
    fn set(record: &mut ConnectRecord, schema: Option<Schema>, value: Value) {
        let (old_schema, old_value) = Self::parts(record);
        *old_schema = schema;
        *old_value = value;
    }
}

/// `…$Key` classes.
#[derive(Default)]
pub struct KeySide;

/// `…$Value` classes.
#[derive(Default)]
pub struct ValueSide;

impl Side for KeySide {
    fn schema(record: &ConnectRecord) -> Option<&Schema> {
        record.key_schema.as_ref()
    }

    fn value(record: &ConnectRecord) -> &Value {
        &record.key
    }

    fn parts(record: &mut ConnectRecord) -> (&mut Option<Schema>, &mut Value) {
        (&mut record.key_schema, &mut record.key)
    }
}

impl Side for ValueSide {
    fn schema(record: &ConnectRecord) -> Option<&Schema> {
        record.value_schema.as_ref()
    }

    fn value(record: &ConnectRecord) -> &Value {
        &record.value
    }

    fn parts(record: &mut ConnectRecord) -> (&mut Option<Schema>, &mut Value) {
        (&mut record.value_schema, &mut record.value)
    }
}
