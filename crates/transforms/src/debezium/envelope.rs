//! What a change event looks like.
//!
//! Counterpart: `io.debezium.data.Envelope`.

use milena_api::data::{Schema, Str, Struct, Type, Value};
use milena_api::error::{Error, Result};
use milena_api::record::ConnectRecord;

/// End of the name of every envelope's schema.
pub(super) const SUFFIX: &str = ".Envelope";
pub(super) const BEFORE: &str = "before";
pub(super) const AFTER: &str = "after";
pub(super) const OPERATION: &str = "op";
pub(super) const TIMESTAMP: &str = "ts_ms";

/// True if the schema of the value is named as those of change events are.
pub(super) fn is_envelope(record: &ConnectRecord) -> bool {
    let name = record.value_schema.as_ref().and_then(Schema::name);
    name.is_some_and(|name| name.ends_with(SUFFIX))
}

/// A field that is looked for once per schema.
pub(super) struct Column {
    name: Str,
    found: Option<(usize, Type)>,
    /// True if the value is asked for once only, and can be moved.
    alone: bool,
}

impl Column {
    pub(super) fn of(schema: &Schema, name: &str) -> Result<Column> {
        let found = schema.field(name)?.map(|field| (field.index, field.schema.ty()));
        Ok(Column { name: Str::from(name), found, alone: false })
    }

    /// Finds out which of these columns are the only one at their place.
    pub(super) fn set_alone(columns: &mut [&mut Column]) {
        let places: Vec<Option<(usize, Type)>> = columns.iter().map(|column| column.found).collect();
        for column in columns {
            column.alone = places.iter().filter(|place| **place == column.found).count() == 1;
        }
    }

    pub(super) fn exists(&self) -> bool {
        self.found.is_some()
    }

    /// The schema of the field.
    pub(super) fn schema<'s>(&self, schema: &'s Schema) -> Option<&'s Schema> {
        self.found.and_then(|(index, _)| schema.field_at(index)).map(|field| &field.schema)
    }

    /// The value, or its default where it is null.
    pub(super) fn get<'s>(&self, from: &'s Struct) -> Result<&'s Value> {
        match self.found.and_then(|(index, _)| from.schema().field_at(index)) {
            Some(field) => Ok(from.get_field(field)),
            None => from.get(&self.name),
        }
    }

    /// As [`Column::get`], out of the struct where nothing else needs the value.
    pub(super) fn take(&self, from: &mut Struct) -> Result<Value> {
        match self.found {
            Some((index, _)) if self.alone && !from.raw(index).is_null() => Ok(from.take_at(index)),
            _ => self.get(from).cloned(),
        }
    }

    /// The value of a field that has to be of type `ty`, without the default.
    pub(super) fn typed<'s>(&self, from: &'s Struct, ty: Type) -> Result<&'s Value> {
        match self.found {
            Some((index, found)) if found == ty => Ok(from.raw(index)),
            _ => from.get_typed(&self.name, ty),
        }
    }

    pub(super) fn text<'s>(&self, from: &'s Struct) -> Result<Option<&'s Str>> {
        match self.typed(from, Type::String)? {
            Value::Null => Ok(None),
            Value::Str(text) => Ok(Some(text)),
            other => Err(class_cast(other, "java.lang.String")),
        }
    }

    pub(super) fn int32(&self, from: &Struct) -> Result<Option<i32>> {
        match self.typed(from, Type::Int32)? {
            Value::Null => Ok(None),
            Value::I32(number) => Ok(Some(*number)),
            other => Err(class_cast(other, "java.lang.Integer")),
        }
    }

    pub(super) fn int64(&self, from: &Struct) -> Result<Option<i64>> {
        match self.typed(from, Type::Int64)? {
            Value::Null => Ok(None),
            Value::I64(number) => Ok(Some(*number)),
            other => Err(class_cast(other, "java.lang.Long")),
        }
    }
}

/// Where Java meets a null that it does not expect.
pub(super) fn null_pointer(what: impl Into<String>) -> Error {
    Error::data(what).with_class("java.lang.NullPointerException")
}

/// Where Java meets a value of another class than it expects.
pub(super) fn class_cast(found: &Value, expected: &str) -> Error {
    let message = format!("class {} cannot be cast to class {expected}", found.java_class());
    Error::data(message).with_class("java.lang.ClassCastException")
}

/// An error of this record in Connect's most general class.
pub(super) fn connect(message: impl Into<String>) -> Error {
    Error::data(message).with_class("org.apache.kafka.connect.errors.ConnectException")
}
