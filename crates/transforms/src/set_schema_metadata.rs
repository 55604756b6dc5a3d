//! `SetSchemaMetadata`: gives the schema another name or version.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.SetSchemaMetadata`. As there, only STRUCT schemas can be changed.

use std::marker::PhantomData;

use milena_api::config::{ConfigDef, ConfigMap, Type};
use milena_api::data::{Schema, Str, Struct, Value};
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{REPLACE_NULL, definition, high, replace_null};
use crate::require;
use crate::schema_cache::SchemaCache;
use crate::side::Side;
use crate::structs;

/// Changes the schema, and moves a struct's values over to it.
#[derive(Default)]
pub struct SetSchemaMetadata<S> {
    name: Option<Str>,
    version: Option<i32>,
    replace_null: bool,
    schemas: SchemaCache<Schema>,
    side: PhantomData<fn() -> S>,
}

impl<S: Side> Transformation for SetSchemaMetadata<S> {
    fn config(&self) -> Result<ConfigDef> {
        definition([
            high("schema.name", Type::String, "The new name of the schema.").default_null(),
            high("schema.version", Type::Int, "The new version of the schema.").default_null(),
            replace_null(),
        ])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        self.name = config.opt_string("schema.name")?.map(Str::from);
        self.version = config.get::<Option<i32>>("schema.version")?;
        self.replace_null = config.boolean(REPLACE_NULL)?;
        if self.name.is_none() && self.version.is_none() {
            return Err(Error::config("Neither schema name nor version configured"));
        }
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        let (schema, value) = S::parts(record);
        if value.is_null() && schema.is_none() {
            return Ok(Outcome::Keep);
        }
        let (name, version) = (&self.name, self.version);
        let changed = self.schemas.get(require::schema(schema.as_ref(), "updating schema metadata")?, |schema| {
            // Java asks every schema for its fields here.
            drop(schema.fields()?);
            Ok(schema.with_metadata(name.clone(), version))
        })?;
        *value = match std::mem::take(value) {
            Value::Struct(from) => {
                let values = structs::into_settled_values(from, self.replace_null)?;
                Value::structure(Struct::from_values(changed.clone(), values))
            }
            other => other,
        };
        *schema = Some(changed.clone());
        Ok(Outcome::Keep)
    }
}
