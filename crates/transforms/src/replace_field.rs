//! `ReplaceField`: leaves fields out, keeps some, renames them.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.ReplaceField`.

use std::collections::{HashMap, HashSet};
use std::marker::PhantomData;
use std::sync::Arc;

use milena_api::config::{ConfigDef, ConfigError, ConfigMap, DistinctList, Parsed, Type, Validator};
use milena_api::data::{Map, Schema, SchemaBuilder, Str, Struct, Value};
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{REPLACE_NULL, definition, invalid, list_text, medium, replace_null};
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
    exclude: HashSet<String>,
    include: HashSet<String>,
    renames: HashMap<String, Str>,
}

/// The schema that comes out, and for each of its fields the place it comes from.
struct Plan {
    schema: Schema,
    from: Vec<usize>,
}

impl Rules {
    /// Exclusion wins; no inclusion means all.
    fn keeps(&self, name: &str) -> bool {
        !self.exclude.contains(name) && (self.include.is_empty() || self.include.contains(name))
    }

    fn plan(&self, schema: &Schema) -> Result<Plan> {
        let mut builder = structs::basics(schema, SchemaBuilder::structure());
        let mut from = Vec::new();
        for field in schema.fields()?.filter(|field| self.keeps(&field.name)) {
            let name = self.renames.get(field.name.as_str()).unwrap_or(&field.name);
            builder = builder.field(name.clone(), field.schema.clone());
            from.push(field.index);
        }
        Ok(Plan { schema: builder.build()?, from })
    }

    fn map(&self, map: &Map) -> Result<Map> {
        let mut out = Map::with_capacity(map.len());
        for (key, value) in map.iter() {
            let name = text_key(key)?;
            if self.keeps(name) {
                match self.renames.get(name) {
                    Some(renamed) => out.insert(renamed.clone(), value.clone()),
                    None => out.insert(key.clone(), value.clone()),
                };
            }
        }
        Ok(out)
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
fn renames(key: &str, items: &[String]) -> Result<Vec<(String, Str)>, ConfigError> {
    let pair = |item: &String| match item.split(':').collect::<Vec<_>>()[..] {
        [old, new] if !new.is_empty() => Ok((old.to_owned(), Str::from(new))),
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
            exclude: config.list("exclude")?.iter().cloned().collect(),
            include: config.list("include")?.iter().cloned().collect(),
            renames: renames("renames", config.list("renames")?)?.into_iter().collect(),
        };
        self.replace_null = config.boolean(REPLACE_NULL)?;
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        if S::value(record).is_null() {
            return Ok(Outcome::Keep);
        }
        let Some(schema) = S::schema(record) else {
            let map = self.rules.map(require::map(S::value(record), PURPOSE)?)?;
            *S::parts(record).1 = Value::map(map);
            return Ok(Outcome::Keep);
        };
        let from = Arc::clone(require::structure(S::value(record), PURPOSE)?);
        let plan = self.plans.get(schema, |schema| self.rules.plan(schema))?;
        let mut values = Vec::with_capacity(plan.from.len());
        for (to, &index) in plan.schema.fields()?.zip(&plan.from) {
            let value = from.schema().field_at(index).map(|field| structs::read(&from, field, self.replace_null));
            values.push(structs::unchanged(to, value.unwrap_or(&Value::Null))?);
        }
        let schema = plan.schema.clone();
        S::set(record, Some(schema.clone()), Value::structure(Struct::from_values(schema, values)));
        Ok(Outcome::Keep)
    }
}
