//! `HoistField`: wraps the whole key or value into a field.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.HoistField`.

use std::marker::PhantomData;

use milena_api::config::{ConfigDef, ConfigMap, Type};
use milena_api::data::{Map, Schema, SchemaBuilder, Str, Struct, Value};
use milena_api::error::Result;
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{definition, medium};
use crate::schema_cache::SchemaCache;
use crate::side::Side;

/// A struct, or a map where there is no schema, of one field.
#[derive(Default)]
pub struct HoistField<S> {
    field: Str,
    schemas: SchemaCache<Schema>,
    side: PhantomData<fn() -> S>,
}

impl<S: Side> Transformation for HoistField<S> {
    fn config(&self) -> Result<ConfigDef> {
        definition([medium("field", Type::String, "Name of the one field of the struct or map that is made.")])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        self.field = Str::from(self.config()?.parse(config)?.string("field")?);
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        let (schema, value) = S::parts(record);
        match schema {
            None => {
                let entry = (Value::Str(self.field.clone()), std::mem::take(value));
                *value = Value::map(Map::from_distinct(vec![entry]));
            }
            Some(inner) => {
                let field = &self.field;
                let make = |inner: &Schema| SchemaBuilder::structure().field(field.clone(), inner.clone()).build();
                let outer = self.schemas.get(inner, make)?.clone();
                let mut wrapped = Struct::new(outer.clone())?;
                wrapped.put_at(0, value.clone())?;
                *value = Value::structure(wrapped);
                *schema = Some(outer);
            }
        }
        Ok(Outcome::Keep)
    }
}
