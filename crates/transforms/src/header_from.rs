//! `HeaderFrom`: copies or moves fields into headers.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.HeaderFrom`.

use std::marker::PhantomData;
use std::sync::Arc;

use milena_api::config::{ConfigDef, ConfigMap, Type, Validator};
use milena_api::data::{Schema, SchemaBuilder, Str, Struct, Value};
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{REPLACE_NULL, definition, high, replace_null};
use crate::require;
use crate::schema_cache::SchemaCache;
use crate::side::Side;
use crate::structs;

/// Fields to headers, pair by pair.
#[derive(Default)]
pub struct HeaderFrom<S> {
    pairs: Vec<(String, Str)>,
    moves: bool,
    replace_null: bool,
    schemas: SchemaCache<Schema>,
    side: PhantomData<fn() -> S>,
}

impl<S> HeaderFrom<S> {
    fn purpose(&self) -> &'static str {
        if self.moves { "header move" } else { "header copy" }
    }
}

impl<S: Side> HeaderFrom<S> {
    fn with_schema(&mut self, record: &mut dyn Record, schema: &Schema) -> Result<()> {
        let from = Arc::clone(require::structure(S::value(record), self.purpose())?);
        let mut rest = None;
        if self.moves {
            let pairs = &self.pairs;
            let remaining = self.schemas.get(schema, |schema| {
                let mut builder = structs::basics(schema, SchemaBuilder::structure());
                for field in schema.fields()?.filter(|field| !pairs.iter().any(|(name, _)| field.name == **name)) {
                    builder = builder.field(field.name.clone(), field.schema.clone());
                }
                builder.build()
            })?;
            let mut values = Vec::with_capacity(remaining.field_count());
            for field in remaining.fields()? {
                let Some(field) = from.schema().field(&field.name)? else { continue };
                values.push(structs::unchanged(field, structs::read(&from, field, self.replace_null))?);
            }
            rest = Some((remaining.clone(), Struct::from_values(remaining.clone(), values)));
        }
        for (name, header) in &self.pairs {
            let field = schema.field(name)?.ok_or_else(|| {
                Error::data(format!("{name} is not a field of {schema}")).with_class("java.lang.NullPointerException")
            })?;
            let value = structs::read(&from, field, self.replace_null).clone();
            record.headers.add(header.clone(), Some(field.schema.clone()), value)?;
        }
        if let Some((schema, value)) = rest {
            S::set(record, Some(schema), Value::structure(value));
        }
        Ok(())
    }
}

impl<S: Side> Transformation for HeaderFrom<S> {
    fn config(&self) -> Result<ConfigDef> {
        definition([
            high("fields", Type::List, "Fields whose values go into headers.").validator(Validator::non_empty_list()),
            high("headers", Type::List, "Names of the headers, in the order of the fields.")
                .validator(Validator::non_empty_list()),
            high("operation", Type::String, "Whether the fields stay (copy) or go (move).")
                .validator(Validator::one_of(["move", "copy"])),
            replace_null(),
        ])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        let (fields, headers) = (config.list("fields")?, config.list("headers")?);
        if fields.len() != headers.len() {
            return Err(Error::config("'fields' config must have the same number of elements as 'headers' config."));
        }
        self.pairs = fields.iter().cloned().zip(headers.iter().map(|name| Str::from(name.as_str()))).collect();
        self.moves = config.string("operation")? == "move";
        self.replace_null = config.boolean(REPLACE_NULL)?;
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        if let Some(schema) = S::schema(record).cloned() {
            self.with_schema(record, &schema)?;
            return Ok(Outcome::Keep);
        }
        let from = Arc::clone(require::map(S::value(record), self.purpose())?);
        for (name, header) in &self.pairs {
            record.headers.add(header.clone(), None, from.get_str(name).cloned().unwrap_or_default())?;
        }
        if self.moves {
            drop(from);
            let map = require::map_mut(S::parts(record).1, self.purpose())?;
            for (name, _) in &self.pairs {
                map.remove(&Value::from(name.as_str()));
            }
        }
        Ok(Outcome::Keep)
    }
}
