//! `Drops`: leaves out the fields that a header of the record names.
//!
//! Counterpart: `io.debezium.transforms.ExtractNewRecordState`, its `drop.fields.…` keys.

use milena_api::config::ConfigMap;
use milena_api::data::{Schema, Value};
use milena_api::error::Result;
use milena_api::record::Record;
use milena_api::transform::Transformation;

use super::envelope::{class_cast, null_pointer};
use crate::replace_field::ReplaceField;
use crate::side::{KeySide, Side, ValueSide};

/// Lists of names remembered at most.
const CAPACITY: usize = 16;

/// What the header is called, and how far dropping goes.
#[derive(Default)]
pub(super) struct Drops {
    /// Name of the header; without one nothing is dropped.
    header: Option<String>,
    /// Whether fields of the key go as well.
    from_key: bool,
    /// Whether only optional fields go, so that readers of earlier records can read the later ones.
    keep_compatible: bool,
    keys: Known<KeySide>,
    values: Known<ValueSide>,
}

/// What has to be done for the lists of names seen last.
struct Known<S>(Vec<Drop<S>>);

struct Drop<S> {
    names: Value,
    schema: Option<Schema>,
    /// `None` where no field goes.
    transformation: Option<ReplaceField<S>>,
}

impl<S> Default for Known<S> {
    fn default() -> Self {
        Known(Vec::new())
    }
}

impl<S: Side> Known<S> {
    fn apply(&mut self, record: &mut dyn Record, names: &Value, keep_compatible: bool) -> Result<()> {
        let schema = S::schema(record);
        let fits = |known: &Drop<S>| {
            let same_schema = match (&known.schema, schema) {
                (Some(known), Some(schema)) => known.same(schema),
                (None, None) => true,
                _ => false,
            };
            same_schema && known.names == *names
        };
        match self.0.iter().position(fits) {
            Some(at) => self.0[..=at].rotate_right(1),
            None => {
                let made = Drop {
                    names: names.detach(),
                    schema: schema.cloned(),
                    transformation: transformation(schema, names, keep_compatible)?,
                };
                self.0.truncate(CAPACITY - 1);
                self.0.insert(0, made);
            }
        }
        match self.0.first_mut().and_then(|first| first.transformation.as_mut()) {
            Some(transformation) => transformation.apply(record).map(|_| ()),
            None => Ok(()),
        }
    }
}

fn transformation<S: Side>(
    schema: Option<&Schema>,
    names: &Value,
    keep_compatible: bool,
) -> Result<Option<ReplaceField<S>>> {
    let Value::Array(names) = names else { return Err(class_cast(names, "java.util.List")) };
    let mut dropped: Vec<String> = Vec::new();
    if keep_compatible {
        let schema = schema.ok_or_else(|| null_pointer("fields are to be dropped from what has no schema"))?;
        for field in schema.fields()?.filter(|field| field.schema.is_optional()) {
            if names.iter().any(|name| name.as_str() == Some(&*field.name)) {
                dropped.push(field.name.to_string());
            }
        }
    } else {
        dropped.extend(names.iter().map(ToString::to_string));
    }
    if dropped.is_empty() {
        return Ok(None);
    }
    let mut transformation = ReplaceField::default();
    transformation.configure(&ConfigMap::from_iter([("exclude".to_owned(), dropped.join(","))]))?;
    Ok(Some(transformation))
}

impl Drops {
    pub(super) fn new(header: Option<String>, from_key: bool, keep_compatible: bool) -> Self {
        Drops { header, from_key, keep_compatible, ..Drops::default() }
    }

    pub(super) fn apply(&mut self, record: &mut dyn Record) -> Result<()> {
        let Some(header) = &self.header else { return Ok(()) };
        let first = record.headers.iter().find(|one| one.key == **header).map(|one| one.value.clone());
        let names = match first {
            None | Some(Value::Null) => return Ok(()),
            Some(Value::Array(names)) if names.is_empty() => return Ok(()),
            Some(names @ Value::Array(_)) => names,
            Some(other) => return Err(class_cast(&other, "java.util.List")),
        };
        if self.from_key && !record.key.is_null() {
            self.keys.apply(record, &names, self.keep_compatible)?;
        }
        self.values.apply(record, &names, self.keep_compatible)
    }
}
