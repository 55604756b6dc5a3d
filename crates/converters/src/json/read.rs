//! From a parsed document to Connect values, with and without a schema.

use bytes::Bytes;
use milena_api::data::{
    Logical, Map, Schema, Str, Struct, Type, Value, date, decimal, time, timestamp, validate_value_at,
};
use milena_api::error::{Error, Result};

use super::keys::Keys;
use super::tape::{Kind, Tape};
use super::{encoding, number};

/// From this size on maps are filled through their hash index.
const LARGE_MAP: u32 = 16;

/// One document on its way to values.
pub(super) struct Source<'a> {
    pub(super) tape: &'a Tape,
    pub(super) text: &'a Str,
    pub(super) keys: &'a mut Keys,
    pub(super) replace_null_with_default: bool,
    /// Set where a required text or byte field got null because the document holds something else: Java finds that when the value is put into its struct.
    pub(super) odd_null: bool,
}

impl Source<'_> {
    fn raw(&self, at: usize) -> &str {
        self.tape.raw(self.text, at)
    }

    /// The text of a node, sharing the input where it has no escapes.
    fn str(&self, at: usize) -> Str {
        match self.tape.node(at).kind {
            Kind::Escaped => Str::from(self.tape.text(self.text, at).into_owned()),
            _ => self.text.slice_ref(self.raw(at)),
        }
    }

    fn key(&mut self, at: usize) -> (Str, bool) {
        if self.tape.node(at).kind == Kind::Text
            && let Some(kept) = self.keys.get(self.tape.raw(self.text, at))
        {
            return (kept, true);
        }
        (self.str(at), false)
    }

    /// A value without schema: Long, Double, text, boolean, list, map.
    pub(super) fn inferred(&mut self, at: usize) -> Value {
        let node = self.tape.node(at);
        match node.kind {
            Kind::Missing | Kind::Null => Value::Null,
            Kind::True => Value::Bool(true),
            Kind::False => Value::Bool(false),
            Kind::Int => Value::I64(number::wrapping_i64(self.raw(at))),
            Kind::Float => Value::F64(number::to_f64(self.raw(at))),
            Kind::Text | Kind::Escaped => Value::Str(self.str(at)),
            Kind::Array => {
                let tape = self.tape;
                Value::array(tape.elements(at).map(|element| self.inferred(element)).collect())
            }
            Kind::Object | Kind::Known => {
                self.map(at, node.len, |source, value| Ok(source.inferred(value))).unwrap_or_default()
            }
        }
    }

    /// A map with text keys; of a name that comes twice, the last value counts.
    fn map(
        &mut self,
        at: usize,
        len: u32,
        mut convert: impl FnMut(&mut Self, usize) -> Result<Value>,
    ) -> Result<Value> {
        let tape = self.tape;
        let mut entries: Vec<(Value, Value)> = Vec::with_capacity(len as usize);
        let mut distinct = len < LARGE_MAP;
        for (name, value) in tape.members(at) {
            let (key, kept) = self.key(name);
            // Kept names are equal exactly if they are the same bytes in memory.
            distinct =
                distinct && kept && entries.iter().all(|(k, _)| k.as_str().is_none_or(|k| k.as_ptr() != key.as_ptr()));
            let value = convert(self, value)?;
            entries.push((Value::Str(key), value));
        }
        let map = if distinct { Map::from_distinct(entries) } else { entries.into_iter().collect() };
        Ok(Value::map(map))
    }

    /// A value of this schema, lenient as Java's reader: a text for a number reads as 0, a number for a text as null.
    pub(super) fn typed(&mut self, schema: &Schema, at: usize) -> Result<Value> {
        let kind = self.tape.node(at).kind;
        if kind == Kind::Null {
            return self.null(schema);
        }
        if let Some(logical) = schema.logical() {
            return self.logical(logical, schema, at);
        }
        Ok(match schema.ty() {
            Type::Boolean => Value::Bool(kind == Kind::True),
            Type::Int8 => Value::I8(self.integer(at) as i8),
            Type::Int16 => Value::I16(self.integer(at) as i16),
            Type::Int32 => Value::I32(self.integer(at) as i32),
            Type::Int64 => Value::I64(self.integer(at)),
            Type::Float32 if matches!(kind, Kind::Int | Kind::Float) => Value::F32(number::to_f32(self.raw(at))),
            Type::Float32 => Value::F32(0.0),
            Type::Float64 if matches!(kind, Kind::Int | Kind::Float) => Value::F64(number::to_f64(self.raw(at))),
            Type::Float64 => Value::F64(0.0),
            Type::String if kind.is_text() => Value::Str(self.str(at)),
            Type::Bytes if kind.is_text() => {
                let text = self.tape.text(self.text, at);
                let bytes = encoding::base64_decode(&text).ok_or_else(|| Error::data("Invalid bytes field"))?;
                Value::Bytes(Bytes::from(bytes))
            }
            Type::String | Type::Bytes => {
                self.odd_null |= !schema.is_optional();
                Value::Null
            }
            Type::Array => {
                let element = schema.value_schema()?;
                let tape = self.tape;
                let mut items = Vec::with_capacity(tape.node(at).len as usize);
                for item in tape.elements(at) {
                    items.push(self.child(element, item)?);
                }
                Value::array(items)
            }
            Type::Map => self.typed_map(schema, at)?,
            Type::Struct => self.structure(schema, at)?,
        })
    }

    fn child(&mut self, schema: Option<&Schema>, at: usize) -> Result<Value> {
        match schema {
            Some(schema) => self.typed(schema, at),
            None => Ok(self.inferred(at)),
        }
    }

    fn null(&self, schema: &Schema) -> Result<Value> {
        match schema.default_value() {
            Some(default) if self.replace_null_with_default => Ok(default.clone()),
            _ if schema.is_optional() => Ok(Value::Null),
            _ => Err(Error::data(format!("Invalid null value for required {} field", schema.ty()))),
        }
    }

    /// `longValue()` of the node; its low bits are what the narrower integers take.
    fn integer(&self, at: usize) -> i64 {
        match self.tape.node(at).kind {
            Kind::Int => number::wrapping_i64(self.raw(at)),
            Kind::Float => number::truncated_i64(self.raw(at)),
            _ => 0,
        }
    }

    fn logical(&mut self, logical: Logical, schema: &Schema, at: usize) -> Result<Value> {
        let kind = self.tape.node(at).kind;
        let odd = |what: &str, expected: &str| {
            Error::data(format!(
                "Invalid type for {what}, underlying representation should be {expected} but was {}",
                kind.name()
            ))
        };
        let int32 = || match kind {
            Kind::Int => number::exact_i64(self.raw(at)).and_then(|n| i32::try_from(n).ok()),
            _ => None,
        };
        match logical {
            Logical::Decimal if matches!(kind, Kind::Int | Kind::Float) => number::to_decimal(self.raw(at))
                .map(|d| Value::Decimal(std::sync::Arc::new(d)))
                .ok_or_else(|| odd("Decimal", "numeric or bytes")),
            Logical::Decimal if kind.is_text() => {
                let text = self.tape.text(self.text, at);
                let wrong = || Error::data("Invalid bytes for Decimal field");
                let bytes = encoding::base64_decode(&text).ok_or_else(wrong)?;
                let value = decimal::from_bytes(schema, &bytes).map_err(|cause| wrong().with_source(cause))?;
                Ok(Value::Decimal(std::sync::Arc::new(value)))
            }
            Logical::Decimal => Err(odd("Decimal", "numeric or bytes")),
            Logical::Date => {
                let days = int32().ok_or_else(|| odd("Date", "integer"))?;
                date::to_logical(schema, days).map(Value::Date)
            }
            Logical::Time => {
                let millis = int32().ok_or_else(|| odd("Time", "integer"))?;
                time::to_logical(schema, millis).map(Value::Date)
            }
            Logical::Timestamp if kind == Kind::Int => {
                timestamp::check(schema)?;
                Ok(Value::Date(self.integer(at)))
            }
            Logical::Timestamp => Err(odd("Timestamp", "integral")),
        }
    }

    fn typed_map(&mut self, schema: &Schema, at: usize) -> Result<Value> {
        let (key_schema, value_schema) = (schema.key_schema()?, schema.value_schema()?);
        let node = self.tape.node(at);
        if key_schema.is_none_or(|key| key.ty() == Type::String) {
            if node.kind != Kind::Object {
                let found = node.kind.name();
                return Err(Error::data(format!(
                    "Maps with string fields should be encoded as JSON objects, but found {found}"
                )));
            }
            return self.map(at, node.len, |source, value| source.child(value_schema, value));
        }
        if node.kind != Kind::Array {
            let found = node.kind.name();
            return Err(Error::data(format!(
                "Maps with non-string fields should be encoded as JSON array of tuples, but found {found}"
            )));
        }
        let mut map = Map::with_capacity(node.len as usize);
        for entry in self.tape.elements(at) {
            let tuple = self.tape.node(entry);
            if tuple.kind != Kind::Array {
                return Err(Error::data(format!(
                    "Found invalid map entry instead of array tuple: {}",
                    tuple.kind.name()
                )));
            }
            if tuple.len != 2 {
                return Err(Error::data(format!(
                    "Found invalid map entry, expected length 2 but found :{}",
                    tuple.len
                )));
            }
            let value_at = self.tape.node(entry + 1).next as usize;
            let key = self.child(key_schema, entry + 1)?;
            map.insert(key, self.child(value_schema, value_at)?);
        }
        Ok(Value::map(map))
    }

    fn structure(&mut self, schema: &Schema, at: usize) -> Result<Value> {
        let node = self.tape.node(at);
        if node.kind != Kind::Object {
            return Err(Error::data(format!(
                "Structs should be encoded as JSON objects, but found {}",
                node.kind.name()
            )));
        }
        // First where each field's value is (the last one, if the name comes twice), then the values in the order of the fields.
        let mut values = vec![Value::Null; schema.field_count()];
        let mut found = Found::new(schema.field_count());
        let mut guess = 0;
        for (name, value) in self.tape.members(at) {
            let name = self.tape.text(self.text, name);
            let field = match schema.field_at(guess) {
                Some(field) if field.name == *name => Some(field),
                _ => schema.field(&name)?,
            };
            if let Some(field) = field {
                found.set(field.index, value);
                guess = field.index + 1;
            }
        }
        for field in schema.fields()? {
            let before = std::mem::replace(&mut self.odd_null, false);
            let value = match found.get(field.index) {
                Some(value) => self.typed(&field.schema, value)?,
                None => self.null(&field.schema)?,
            };
            if self.odd_null {
                validate_value_at(
                    &format!("field: \"{}\"", field.name),
                    Some(&field.name),
                    Some(&field.schema),
                    &value,
                )?;
            }
            self.odd_null = before;
            values[field.index] = value;
        }
        Ok(Value::structure(Struct::from_values(schema.clone(), values)))
    }
}

/// Positions by field; on the stack for ordinary structs.
enum Found {
    Small([u32; 32]),
    Large(Vec<u32>),
}

impl Found {
    /// Position 0 is the root, never a field's value: it stands for "not found".
    fn new(fields: usize) -> Self {
        if fields <= 32 { Found::Small([0; 32]) } else { Found::Large(vec![0; fields]) }
    }

    fn set(&mut self, field: usize, at: usize) {
        let slots: &mut [u32] = match self {
            Found::Small(slots) => slots,
            Found::Large(slots) => slots,
        };
        if let Some(slot) = slots.get_mut(field) {
            *slot = at as u32;
        }
    }

    fn get(&self, field: usize) -> Option<usize> {
        let slots: &[u32] = match self {
            Found::Small(slots) => slots,
            Found::Large(slots) => slots,
        };
        slots.get(field).filter(|at| **at != 0).map(|at| *at as usize)
    }
}
