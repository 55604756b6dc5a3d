//! `ValueToKey`: makes a key of fields of the value.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.ValueToKey`.

use std::sync::Arc;

use milena_api::config::{ConfigDef, ConfigMap, DistinctList, Type};
use milena_api::data::{Map, Schema, SchemaBuilder, Str, Struct, Value};
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{REPLACE_NULL, definition, high, replace_null};
use crate::require;
use crate::schema_cache::SchemaCache;
use crate::structs;

const PURPOSE: &str = "copying fields from value to key";

/// Copies fields.
#[derive(Default)]
pub struct ValueToKey {
    fields: Vec<Str>,
    replace_null: bool,
    schemas: SchemaCache<Schema>,
}

impl Transformation for ValueToKey {
    fn config(&self) -> Result<ConfigDef> {
        let doc = "Fields of the value that make up the key.";
        definition([high("fields", Type::List, doc).validator(DistinctList::any()), replace_null()])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        self.fields = config.list("fields")?.iter().map(|name| Str::from(name.as_str())).collect();
        self.replace_null = config.boolean(REPLACE_NULL)?;
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        if record.value_schema.is_none() {
            let map = require::map(&record.value, PURPOSE)?;
            let copied = |name: &Str| (Value::Str(name.clone()), map.get_str(name).cloned().unwrap_or_default());
            let key: Map = self.fields.iter().map(copied).collect();
            record.key = Value::map(key);
            record.key_schema = None;
            return Ok(Outcome::Keep);
        }
        let from = Arc::clone(require::structure(&record.value, PURPOSE)?);
        let names = &self.fields;
        let schema = self.schemas.get(from.schema(), |schema| {
            let mut builder = SchemaBuilder::structure();
            for name in names {
                let field = schema.field(name)?.ok_or_else(|| Error::data(format!("Field does not exist: {name}")))?;
                builder = builder.field(name.clone(), field.schema.clone());
            }
            builder.build()
        })?;
        let mut values = Vec::with_capacity(names.len());
        for name in names {
            if let Some(field) = from.schema().field(name)? {
                values.push(structs::unchanged(field, structs::read(&from, field, self.replace_null))?);
            }
        }
        let schema = schema.clone();
        record.key = Value::structure(Struct::from_values(schema.clone(), values));
        record.key_schema = Some(schema);
        Ok(Outcome::Keep)
    }
}
