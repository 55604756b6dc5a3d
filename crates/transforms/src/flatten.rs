//! `Flatten`: fields of nested structs and maps become fields of the outermost one.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.Flatten`.

use std::marker::PhantomData;
use std::sync::Arc;

use milena_api::config::{self, ConfigDef, ConfigMap};
use milena_api::data::{Map, Schema, SchemaBuilder, Struct, Type, Value};
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{definition, medium};
use crate::replace_field::text_key;
use crate::require;
use crate::schema_cache::SchemaCache;
use crate::side::Side;
use crate::structs;

const PURPOSE: &str = "flattening";

/// Joins the names on the way to a leaf.
#[derive(Default)]
pub struct Flatten<S> {
    delimiter: String,
    schemas: SchemaCache<Schema>,
    side: PhantomData<fn() -> S>,
}

impl<S> Flatten<S> {
    fn name(&self, prefix: &str, name: &str) -> String {
        if prefix.is_empty() { name.to_owned() } else { format!("{prefix}{}{name}", self.delimiter) }
    }

    fn flat_map(&self, map: &Map, prefix: &str, out: &mut Map) -> Result<()> {
        for (key, value) in map.iter() {
            let name = self.name(prefix, text_key(key)?);
            if value.is_null() {
                out.insert(name, Value::Null);
                continue;
            }
            match (value.schema_type(), value) {
                (None, other) => {
                    return Err(Error::data(format!(
                        "Flatten transformation was passed a value of type class {} which is not supported by Connect's data API",
                        other.java_class()
                    )));
                }
                (_, Value::Map(inner)) => self.flat_map(inner, &name, out)?,
                (Some(Type::Struct), other) => {
                    return Err(Error::data(format!(
                        "Flatten transformation does not support class {} for record without schemas (for field {name}).",
                        other.java_class()
                    )));
                }
                (_, leaf) => {
                    out.insert(name, leaf.clone());
                }
            }
        }
        Ok(())
    }

    /// Adds the leaves of `schema`; under an optional struct all are optional, and the struct's default is theirs.
    fn flat_schema(
        &self,
        schema: &Schema,
        prefix: &str,
        optional: bool,
        default: Option<&Struct>,
        mut builder: SchemaBuilder,
    ) -> Result<SchemaBuilder> {
        for field in schema.fields()? {
            let name = self.name(prefix, &field.name);
            let optional = optional || field.schema.is_optional();
            let inherited = match default {
                Some(default) => Some(default.get(&field.name)?).filter(|value| !value.is_null()),
                None => None,
            };
            let default = field.schema.default_value().or(inherited);
            match field.schema.ty() {
                Type::Struct => {
                    let default = match default {
                        Some(Value::Struct(default)) => Some(default.as_ref()),
                        _ => None,
                    };
                    builder = self.flat_schema(&field.schema, &name, optional, default, builder)?;
                }
                Type::Map => {
                    return Err(Error::data(format!(
                        "Flatten transformation does not support MAP for record with schemas (for field {name})."
                    )));
                }
                _ => {
                    let mut leaf = structs::basics_of(&field.schema)?;
                    if optional {
                        leaf = leaf.optional();
                    }
                    if let Some(default) = default {
                        leaf = leaf.default_value(default.clone());
                    }
                    builder = builder.field(name, leaf.build()?);
                }
            }
        }
        Ok(builder)
    }
}

/// The leaves of a struct in the order of the flat schema; those of a struct that is null are null.
fn leaves(schema: &Schema, from: Option<&Struct>, out: &mut Vec<Value>) -> Result<()> {
    for field in schema.fields()? {
        match (field.schema.ty(), from) {
            (Type::Struct, Some(from)) => match from.raw(field.index) {
                Value::Struct(inner) => leaves(&field.schema, Some(inner), out)?,
                _ => leaves(&field.schema, None, out)?,
            },
            (Type::Struct, None) => leaves(&field.schema, None, out)?,
            (_, Some(from)) => out.push(structs::unchanged(field, from.get_field(field))?),
            (_, None) => out.push(Value::Null),
        }
    }
    Ok(())
}

impl<S: Side> Transformation for Flatten<S> {
    fn config(&self) -> Result<ConfigDef> {
        definition([medium("delimiter", config::Type::String, "What stands between the joined names.").default(".")])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        self.delimiter = self.config()?.parse(config)?.string("delimiter")?.to_owned();
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        if S::value(record).is_null() {
            return Ok(Outcome::Keep);
        }
        let Some(schema) = S::schema(record) else {
            let map = Arc::clone(require::map(S::value(record), PURPOSE)?);
            let mut flat = Map::with_capacity(map.len());
            self.flat_map(&map, "", &mut flat)?;
            *S::parts(record).1 = Value::map(flat);
            return Ok(Outcome::Keep);
        };
        let from = Arc::clone(require::structure(S::value(record), PURPOSE)?);
        let mut schemas = std::mem::take(&mut self.schemas);
        let flat = schemas
            .get(schema, |schema| {
                let builder = structs::basics(schema, SchemaBuilder::structure());
                let default = match schema.default_value() {
                    Some(Value::Struct(default)) => Some(default.as_ref()),
                    _ => None,
                };
                self.flat_schema(schema, "", schema.is_optional(), default, builder)?.build()
            })
            .cloned();
        self.schemas = schemas;
        let flat = flat?;
        let mut values = Vec::with_capacity(flat.field_count());
        leaves(from.schema(), Some(&from), &mut values)?;
        S::set(record, Some(flat.clone()), Value::structure(Struct::from_values(flat, values)));
        Ok(Outcome::Keep)
    }
}
