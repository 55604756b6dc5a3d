//! `MaskField`: fields lose what they say, but not their type.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.MaskField`.

use std::marker::PhantomData;
use std::sync::Arc;

use milena_api::config::{ConfigDef, ConfigMap, DistinctList, Type, Validator};
use milena_api::data::{Decimal, Map, Str, Struct, Value, values};
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{REPLACE_NULL, definition, high, low, replace_null};
use crate::names::{self, Names};
use crate::require;
use crate::schema_cache::SchemaCache;
use crate::side::Side;
use crate::structs;

const PURPOSE: &str = "mask fields";

/// Replaces values by nothing of their type, or by a fixed one.
#[derive(Default)]
pub struct MaskField<S> {
    fields: Names<()>,
    replacement: Option<Str>,
    replace_null: bool,
    /// For each field whether it is masked.
    plans: SchemaCache<Vec<bool>>,
    side: PhantomData<fn() -> S>,
}

impl<S> MaskField<S> {
    fn masked(&self, value: &Value) -> Result<Value> {
        if value.is_null() {
            return Ok(Value::Null);
        }
        match &self.replacement {
            None => empty(value),
            Some(text) => replaced(value, text),
        }
    }
}

/// The empty value of the same class.
fn empty(value: &Value) -> Result<Value> {
    Ok(match value {
        Value::Bool(_) => Value::Bool(false),
        Value::I8(_) => Value::I8(0),
        Value::I16(_) => Value::I16(0),
        Value::I32(_) => Value::I32(0),
        Value::I64(_) => Value::I64(0),
        Value::F32(_) => Value::F32(0.0),
        Value::F64(_) => Value::F64(0.0),
        Value::Str(_) => Value::Str(Str::default()),
        Value::Array(_) => Value::array(Vec::new()),
        Value::Map(_) => Value::map(Map::new()),
        Value::Decimal(_) => Value::Decimal(Arc::new(Decimal::new(0, 0))),
        Value::Date(_) => Value::Date(0),
        other => return Err(Error::data(format!("Cannot mask value of type: class {}", other.java_class()))),
    })
}

/// The replacement as a value of the same class.
fn replaced(value: &Value, text: &Str) -> Result<Value> {
    let replacement = Value::Str(text.clone());
    match value {
        Value::I8(_) => values::convert_to_byte(None, &replacement),
        Value::I16(_) => values::convert_to_short(None, &replacement),
        Value::I32(_) => values::convert_to_integer(None, &replacement),
        Value::I64(_) => values::convert_to_long(None, &replacement),
        Value::F32(_) => values::convert_to_float(None, &replacement),
        Value::F64(_) => values::convert_to_double(None, &replacement),
        Value::Str(_) => Ok(replacement),
        Value::Decimal(_) => match text.parse::<Decimal>() {
            Ok(number) => Ok(Value::Decimal(Arc::new(number))),
            Err(cause) => {
                let message = format!("Unable to convert {text} (class java.lang.String) to number");
                Err(Error::data(message).with_source(cause))
            }
        },
        other => {
            let message = format!("Cannot mask value of type class {} with custom replacement.", other.java_class());
            Err(Error::data(message))
        }
    }
}

impl<S: Side> Transformation for MaskField<S> {
    fn config(&self) -> Result<ConfigDef> {
        definition([
            high("fields", Type::List, "Fields to mask.").validator(DistinctList::any()),
            low("replacement", Type::String, "What masked numbers and texts become, instead of 0 and the empty text.")
                .default_null()
                .validator(Validator::non_empty_string()),
            replace_null(),
        ])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        self.fields = names::set(config.list("fields")?);
        self.replacement = config.opt_string("replacement")?.map(Str::from);
        self.replace_null = config.boolean(REPLACE_NULL)?;
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        let (schema, value) = S::parts(record);
        if schema.is_none() {
            let map = require::map(value, PURPOSE)?;
            let null = &Value::Null;
            let masked: Result<Vec<Value>> =
                self.fields.iter().map(|(name, ())| self.masked(map.get_str(name).unwrap_or(null))).collect();
            let masked = masked?;
            let map = require::map_mut(value, PURPOSE)?;
            for ((name, ()), masked) in self.fields.iter().zip(masked) {
                map.insert(name.clone(), masked);
            }
            return Ok(Outcome::Keep);
        }
        let from = require::take_structure(value, PURPOSE)?;
        let schema = from.schema().clone();
        let names = &self.fields;
        let mut plans = std::mem::take(&mut self.plans);
        let plan = plans.get(&schema, |schema| Ok(schema.fields()?.map(|field| names.contains(&field.name)).collect()));
        let masked = plan.and_then(|plan: &Vec<bool>| {
            let mut values = structs::into_values(from);
            for ((value, masks), field) in values.iter_mut().zip(plan).zip(schema.fields()?) {
                if value.is_null() {
                    *value = structs::instead_of_null(field, field, self.replace_null)?;
                }
                if *masks {
                    *value = self.masked(value)?;
                }
            }
            Ok(values)
        });
        self.plans = plans;
        *value = Value::structure(Struct::from_values(schema, masked?));
        Ok(Outcome::Keep)
    }
}
