//! `ReplaceField`: leaves fields out, keeps some, renames them.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.ReplaceField`.

use std::marker::PhantomData;

use milena_api::config::{ConfigDef, ConfigError, ConfigMap, DistinctList, Parsed, Type, Validator};
use milena_api::data::{Map, Schema, SchemaBuilder, Str, Struct, Value};
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{REPLACE_NULL, definition, invalid, list_text, medium, replace_null};
use crate::names::{self, Names};
use crate::require;
use crate::schema_cache::SchemaCache;
use crate::side::Side;
use crate::structs;

const PURPOSE: &str = "field replacement";

/// Filters and renames fields.
#[derive(Default)]
pub struct ReplaceField<S> {
    rules: Rules,
    replace_null: bool,
    plans: SchemaCache<Plan>,
    side: PhantomData<fn() -> S>,
}

#[derive(Default)]
struct Rules {
    exclude: Names<()>,
    include: Names<()>,
    renames: Names<Str>,
}

/// The schema that comes out, and for each of its fields the place its value comes from.
struct Plan {
    schema: Schema,
    from: Vec<usize>,
}

impl Rules {
    /// Exclusion wins; no inclusion means all.
    fn keeps(&self, name: &str) -> bool {
        !self.exclude.contains(name) && (self.include.is_empty() || self.include.contains(name))
    }

    /// Where two fields are given one name and only one of them is kept, its own value goes with it; Java may take the other one's.
    fn plan(&self, schema: &Schema) -> Result<Plan> {
        let mut builder = structs::basics(schema, SchemaBuilder::structure());
        let mut from = Vec::new();
        for field in schema.fields()?.filter(|field| self.keeps(&field.name)) {
            let name = self.renames.get(&field.name).unwrap_or(&field.name);
            builder = builder.field(name.clone(), field.schema.clone());
            from.push(field.index);
        }
        Ok(Plan { schema: builder.build()?, from })
    }

    fn map(&self, map: Map) -> Result<Map> {
        let mut entries = map.into_entries();
        for (key, _) in &entries {
            text_key(key)?;
        }
        entries.retain_mut(|(key, _)| {
            let Value::Str(name) = key else { return true };
            let keeps = self.keeps(name);
            if keeps && let Some(renamed) = self.renames.get(name) {
                *name = renamed.clone();
            }
            keeps
        });
        // Only a new name can be one that is there already.
        let count = |name: &str| entries.iter().filter(|(key, _)| key.as_str() == Some(name)).count();
        let distinct = self.renames.iter().all(|(_, new)| count(new) <= 1);
        Ok(if distinct { Map::from_distinct(entries) } else { entries.into_iter().collect() })
    }
}

/// Java casts the keys to String.
pub(crate) fn text_key(key: &Value) -> Result<&str> {
    match key {
        Value::Str(text) => Ok(text),
        other => Err(Error::data(format!("class {} cannot be cast to class java.lang.String", other.java_class()))
            .with_class(if other.is_null() {
                "java.lang.NullPointerException"
            } else {
                "java.lang.ClassCastException"
            })),
    }
}

/// Pairs of `old:new`.
fn renames(key: &str, items: &[String]) -> Result<Vec<(Str, Str)>, ConfigError> {
    let pair = |item: &String| match item.split(':').collect::<Vec<_>>()[..] {
        [old, new] if !new.is_empty() => Ok((Str::from(old), Str::from(new))),
        _ => Err(invalid(key, list_text(items), format!("Invalid rename mapping: {item}"))),
    };
    items.iter().map(pair).collect()
}

fn rename_validator() -> Validator {
    Validator::custom("list of colon-delimited pairs, e.g. foo:bar,abc:xyz", |name, value: &Parsed| {
        renames(name, value.as_list().unwrap_or_default()).map(|_| ())
    })
}

impl<S: Side> Transformation for ReplaceField<S> {
    fn config(&self) -> Result<ConfigDef> {
        let fields = |name: &str, doc: &str| medium(name, Type::List, doc).default("");
        definition([
            fields("exclude", "Fields to leave out; this wins over include.").validator(DistinctList::any().or_empty()),
            fields("include", "Fields to keep, if not all.").validator(DistinctList::any().or_empty()),
            fields("renames", "Fields to rename, as pairs old:new.").validator(rename_validator()),
            replace_null(),
        ])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        self.rules = Rules {
            exclude: names::set(config.list("exclude")?),
            include: names::set(config.list("include")?),
            renames: renames("renames", config.list("renames")?)?.into_iter().collect(),
        };
        self.replace_null = config.boolean(REPLACE_NULL)?;
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        if S::value(record).is_null() {
            return Ok(Outcome::Keep);
        }
        let (schema, value) = S::parts(record);
        let Some(schema) = schema else {
            let map = require::take_map(value, PURPOSE)?;
            *value = Value::map(self.rules.map(map)?);
            return Ok(Outcome::Keep);
        };
        let from = require::take_structure(value, PURPOSE)?;
        let plan = self.plans.get(schema, |schema| self.rules.plan(schema))?;
        let source = from.schema().clone();
        let mut old = structs::into_values(from);
        let mut values = Vec::with_capacity(plan.from.len());
        for (to, &index) in plan.schema.fields()?.zip(&plan.from) {
            let value = old.get_mut(index).map(std::mem::take).unwrap_or_default();
            values.push(match source.field_at(index) {
                Some(field) if value.is_null() => structs::instead_of_null(field, to, self.replace_null)?,
                _ => value,
            });
        }
        let schema = plan.schema.clone();
        S::set(record, Some(schema.clone()), Value::structure(Struct::from_values(schema, values)));
        Ok(Outcome::Keep)
    }
}
