//! The schema of a value, as far as it shows one.
//!
//! Counterpart: `Values.inferSchema`.

use crate::data::{Schema, Type, Value};
use crate::error::{Error, Result};

/// The schema of a primitive, a struct, or a collection whose elements share one base type; `None` where nothing fits.
///
/// # Errors
/// `type cannot be null` for a collection of nothing but nulls.
pub fn infer_schema(value: &Value) -> Result<Option<Schema>> {
    Ok(match value {
        Value::Null | Value::Decimal(_) | Value::Date(_) => None,
        Value::Struct(value) => Some(value.schema().clone()),
        Value::Array(items) => match elements(items.iter())? {
            Some(element) if !items.is_empty() => Some(Schema::array_of(Some(element.schema()?))),
            _ => None,
        },
        Value::Map(map) => {
            if map.is_empty() {
                return Ok(None);
            }
            // Entry by entry, as an error in one depends on those before it.
            let (mut keys, mut values) = (Some(Element::default()), Some(Element::default()));
            for (key, value) in map.iter() {
                keys = with(keys, key)?;
                values = if keys.is_some() { with(values, value)? } else { None };
                if values.is_none() {
                    return Ok(None);
                }
            }
            match (keys, values) {
                (Some(keys), Some(values)) => Some(Schema::map_of(Some(keys.schema()?), Some(values.schema()?))),
                _ => None,
            }
        }
        other => other.schema_type().and_then(|ty| Schema::primitive(ty, false)),
    })
}

/// What the elements seen so far have in common.
#[derive(Clone, Copy, Default)]
struct Element {
    ty: Option<Type>,
    optional: bool,
}

impl Element {
    fn schema(self) -> Result<Schema> {
        let error =
            || Error::data("type cannot be null").with_class("org.apache.kafka.connect.errors.SchemaBuilderException");
        let ty = self.ty.ok_or_else(error)?;
        match Schema::primitive(ty, self.optional) {
            Some(schema) => Ok(schema),
            None => Ok(Schema::bare(ty, self.optional)),
        }
    }
}

fn elements<'a>(items: impl Iterator<Item = &'a Value>) -> Result<Option<Element>> {
    let mut element = Some(Element::default());
    for item in items {
        element = with(element, item)?;
        if element.is_none() {
            break;
        }
    }
    Ok(element)
}

fn with(element: Option<Element>, item: &Value) -> Result<Option<Element>> {
    let Some(element) = element else { return Ok(None) };
    if item.is_null() {
        return Ok(Some(Element { optional: true, ..element }));
    }
    let Some(schema) = infer_schema(item)? else { return Ok(None) };
    match element.ty {
        Some(ty) if ty != schema.ty() => Ok(None),
        _ => Ok(Some(Element { ty: Some(schema.ty()), ..element })),
    }
}
