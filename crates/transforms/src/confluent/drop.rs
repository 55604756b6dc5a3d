//! `Drop`: makes the key or the value null.
//!
//! Counterpart: `io.confluent.connect.transforms.Drop`.

use std::marker::PhantomData;

use milena_api::config::{ConfigDef, ConfigMap, Type, Validator};
use milena_api::data::{Schema, Value};
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{definition, medium};
use crate::schema_cache::SchemaCache;
use crate::side::Side;
use crate::structs;

/// What becomes of the schema.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Behavior {
    #[default]
    Nullify,
    Retain,
    Validate,
    ForceOptional,
}

/// Makes a side null.
#[derive(Default)]
pub struct Drop<S> {
    behavior: Behavior,
    schemas: SchemaCache<Schema>,
    side: PhantomData<fn() -> S>,
}

impl<S: Side> Transformation for Drop<S> {
    fn config(&self) -> Result<ConfigDef> {
        let doc = "What becomes of the schema: nullify drops it too, retain keeps it, validate keeps it and fails if it is not optional, \
                   force_optional makes it optional.";
        definition([medium("schema.behavior", Type::String, doc)
            .default("nullify")
            .validator(Validator::one_of_ignoring_case(["nullify", "retain", "validate", "force_optional"]))])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        self.behavior = match config.string("schema.behavior")?.to_ascii_lowercase().as_str() {
            "retain" => Behavior::Retain,
            "validate" => Behavior::Validate,
            "force_optional" => Behavior::ForceOptional,
            _ => Behavior::Nullify,
        };
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        let schema = match (self.behavior, S::schema(record)) {
            (Behavior::Nullify, _) | (_, None) => None,
            (Behavior::Validate, Some(schema)) if !schema.is_optional() => {
                return Err(Error::data(format!(
                    "The schema {schema} is not optional, so that there can be no null in place of its value"
                )));
            }
            (Behavior::Retain | Behavior::Validate, Some(schema)) => Some(schema.clone()),
            (Behavior::ForceOptional, Some(schema)) if schema.is_optional() => Some(schema.clone()),
            (Behavior::ForceOptional, Some(schema)) => Some(self.schemas.get(schema, structs::optional)?.clone()),
        };
        S::set(record, schema, Value::Null);
        Ok(Outcome::Keep)
    }
}
