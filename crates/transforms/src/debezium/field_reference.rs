//! `FieldReference`: a field of the envelope, or of a struct in it, that is to go into the record.
//!
//! Counterpart: `io.debezium.transforms.AbstractExtractNewRecordState.FieldReference`.

use milena_api::data::{Schema, SchemaBuilder, Str, Struct, Type, Value};
use milena_api::error::{Error, Result};

use super::envelope::{class_cast, null_pointer};
use super::options::{java_split, java_trim};
use crate::structs;

/// One field: where it is, and what it is called in the record.
#[derive(Debug)]
pub(super) struct FieldReference {
    /// The struct that has it; `None` for the envelope itself.
    parent: Option<Str>,
    field: Str,
    name: Str,
}

/// The place of a field in envelopes of one schema.
#[derive(Debug)]
pub(super) struct Resolved {
    /// Name in the record.
    pub(super) name: Str,
    /// Schema in the record.
    pub(super) schema: Schema,
    parent: Option<usize>,
    /// Position in the parent; in the envelope without one, or if `in_envelope`.
    index: usize,
    in_envelope: bool,
}

impl FieldReference {
    /// Reads a list such as `op, source.lsn:position`.
    pub(super) fn list(prefix: &str, text: &str) -> Result<Vec<FieldReference>> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        java_split(text, ',').into_iter().map(|item| FieldReference::parse(prefix, java_trim(item))).collect()
    }

    fn parse(prefix: &str, text: &str) -> Result<FieldReference> {
        let no_name = || {
            let message = format!("there is no name of a field in \"{text}\"");
            Error::config(message).with_class("java.lang.ArrayIndexOutOfBoundsException")
        };
        let parts = java_split(text, ':');
        let path = java_split(parts.first().ok_or_else(no_name)?, '.');
        let (parent, field) = match path[..] {
            [] => return Err(no_name()),
            [field] => (home(field), field),
            [parent, field, ..] => (Some(parent), field),
        };
        let name = match (&parts[..], &path[..]) {
            ([_], [_]) => format!("{prefix}{field}"),
            ([_], _) => format!("{prefix}{}_{field}", parent.unwrap_or_default()),
            ([_, name], _) => format!("{prefix}{name}"),
            _ => {
                let message = format!("Unexpected field name: {text}");
                return Err(Error::config(message).with_class("java.lang.IllegalArgumentException"));
            }
        };
        Ok(FieldReference { parent: parent.map(Str::from), field: Str::from(field), name: Str::from(name) })
    }

    /// Name in the record.
    pub(super) fn name(&self) -> &Str {
        &self.name
    }

    /// True if this is the operation, which even a tombstone has.
    pub(super) fn is_operation(&self) -> bool {
        self.field == *super::envelope::OPERATION
    }

    /// Looks the field up; `None` if envelopes of this schema do not have it.
    pub(super) fn resolve(&self, envelope: &Schema) -> Result<Option<Resolved>> {
        let (parent, found) = match &self.parent {
            None => (None, envelope.field(&self.field)?),
            Some(parent) => {
                let holder = envelope.field(parent)?;
                let holder = holder.ok_or_else(|| null_pointer(format!("the event has no field {parent}")))?;
                (Some(holder.index), holder.schema.field(&self.field)?)
            }
        };
        let (field, in_envelope) = match found {
            Some(field) => (field, false),
            // An earlier transformation may have put it into the envelope.
            None => match envelope.field(&self.field)? {
                Some(field) => (field, true),
                None => return Ok(None),
            },
        };
        let schema = optional(&field.schema)?;
        Ok(Some(Resolved { name: self.name.clone(), schema, parent, index: field.index, in_envelope }))
    }
}

/// The schema as an optional one. Java loses the children of a MAP here, and then cannot use it.
fn optional(schema: &Schema) -> Result<Schema> {
    if schema.ty() == Type::Map
        && let (Some(key), Some(value)) = (schema.key_schema()?, schema.value_schema()?)
    {
        let builder = SchemaBuilder::map(key.clone(), value.clone());
        return structs::basics(schema, builder).optional().build();
    }
    structs::basics_of(schema)?.optional().build()
}

impl Resolved {
    /// The value; null where the struct that ought to have it is null.
    pub(super) fn value(&self, envelope: &Struct) -> Result<Value> {
        let Some(parent) = self.parent else { return Ok(envelope.raw(self.index).clone()) };
        match envelope.raw(parent) {
            Value::Null => Ok(Value::Null),
            Value::Struct(_) if self.in_envelope => Ok(envelope.raw(self.index).clone()),
            Value::Struct(parent) => Ok(parent.raw(self.index).clone()),
            other => Err(class_cast(other, "org.apache.kafka.connect.data.Struct")),
        }
    }
}

/// The struct that has a field which is named alone.
fn home(field: &str) -> Option<&'static str> {
    match field {
        "id" | "data_collection_order" | "total_order" => Some("transaction"),
        "op" | "ts_ms" | "ts_us" | "ts_ns" => None,
        // Of MongoDB's events.
        "updateDescription" => Some("updateDescription"),
        _ => Some("source"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_looked_for_where_its_name_says() {
        let of = |text: &str| {
            let mut all = FieldReference::list("__", text).unwrap();
            let one = all.remove(0);
            (one.parent.map(|parent| parent.to_string()), one.field.to_string(), one.name.to_string())
        };
        let expected = |parent: Option<&str>, field: &str, name: &str| {
            (parent.map(str::to_owned), field.to_owned(), name.to_owned())
        };
        assert_eq!(of("op"), expected(None, "op", "__op"));
        assert_eq!(of("lsn"), expected(Some("source"), "lsn", "__lsn"));
        assert_eq!(of(" source.lsn "), expected(Some("source"), "lsn", "__source_lsn"));
        assert_eq!(of("total_order:order"), expected(Some("transaction"), "total_order", "__order"));
        assert_eq!(of("a.b.c:"), expected(Some("a"), "b", "__a_b"));
        assert!(FieldReference::list("__", "").unwrap().is_empty());
        assert!(FieldReference::list("__", ",").unwrap().is_empty());
        for bad in ["a:b:c", ".", ":"] {
            assert!(FieldReference::list("__", bad).is_err(), "{bad}");
        }
    }
}
