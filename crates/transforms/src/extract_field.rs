//! `ExtractField`: a field takes the place of the whole key or value.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.ExtractField`.

use std::marker::PhantomData;

use milena_api::config::{ConfigDef, ConfigMap, Type, Validator};
use milena_api::data::Value;
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{REPLACE_NULL, definition, high, medium, replace_null};
use crate::field_path::FieldPath;
use crate::require;
use crate::side::Side;

const PURPOSE: &str = "field extraction";

/// Takes one field out.
#[derive(Default)]
pub struct ExtractField<S> {
    path: FieldPath,
    replace_null: bool,
    side: PhantomData<fn() -> S>,
}

impl<S: Side> Transformation for ExtractField<S> {
    fn config(&self) -> Result<ConfigDef> {
        let versions = "How the field is named: V1 for a field of the outermost struct or map, V2 for a path with dots between its steps.";
        definition([
            medium("field", Type::String, "The field to take out."),
            replace_null(),
            high("field.syntax.version", Type::String, versions)
                .default("V1")
                .validator(Validator::one_of_ignoring_case(["V1", "V2"])),
        ])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        let field = config.string("field")?;
        self.path = if config.string("field.syntax.version")?.eq_ignore_ascii_case("V2") {
            FieldPath::nested(field)?
        } else {
            FieldPath::single(field)
        };
        self.replace_null = config.boolean(REPLACE_NULL)?;
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        let value = S::value(record);
        let (schema, value) = match S::schema(record) {
            None => match require::map_or_null(value, PURPOSE)? {
                Some(map) => (None, self.path.value_of_map(map)?),
                None => (None, Value::Null),
            },
            Some(schema) => {
                let from = require::structure_or_null(value, PURPOSE)?;
                let field = self.path.field(schema)?.ok_or_else(|| {
                    let message = format!("Unknown field: {}", self.path.text());
                    Error::data(message).with_class("java.lang.IllegalArgumentException")
                })?;
                let value = match from {
                    Some(from) => self.path.value_of_struct(from, self.replace_null)?,
                    None => Value::Null,
                };
                (Some(field.schema.clone()), value)
            }
        };
        S::set(record, schema, value);
        Ok(Outcome::Keep)
    }
}
