//! The value that a text looks like.
//!
//! Counterpart: `Values.parseString`, `Values.ValueParser`, `Values.SchemaMerger`.

use num_traits::{ToPrimitive as _, Zero as _};

use super::text::{DATE_FORMAT, Format, TIME_FORMAT, TIMESTAMP_FORMAT};
use super::tokens::{Tokens, trim};
use super::{convert, java_digit};
use crate::data::{Decimal, Map, Schema, SchemaAndValue, Str, Type, Value, date, decimal, time, timestamp};

/// Deepest nesting that is looked into; deeper texts stay texts (Java's stack ends somewhere above).
const MAX_DEPTH: usize = 500;

/// Guesses: `null`, a boolean, the smallest fitting number, a date, time or timestamp in ISO form, a list or map of these; else the text itself.
/// The text `null` gives neither schema nor value.
pub fn parse_string(text: &Str) -> SchemaAndValue {
    if text.is_empty() {
        return SchemaAndValue::new(Schema::string(), text.clone());
    }
    let mut parser = Parser { original: text, tokens: Tokens::new(text), depth: 0 };
    match parser.value(false) {
        Ok(Some(found)) => found,
        Ok(None) => SchemaAndValue::NULL,
        Err(NotEmbedded) => SchemaAndValue::new(Schema::string(), text.clone()),
    }
}

/// A text that cannot be an element: the list or map around it is a text then.
struct NotEmbedded;

struct Parser<'t> {
    original: &'t Str,
    tokens: Tokens<'t>,
    depth: usize,
}

/// `None` is null, which has no schema.
type Parsed = Option<SchemaAndValue>;

impl Parser<'_> {
    fn value(&mut self, embedded: bool) -> Result<Parsed, NotEmbedded> {
        if !self.tokens.has_next() {
            return Ok(None);
        }
        if embedded && self.tokens.take("\"") {
            return Ok(Some(self.quoted()));
        }
        if self.literal(embedded, "null") {
            return Ok(None);
        }
        for (word, value) in [("true", true), ("false", false)] {
            if self.literal(embedded, word) {
                return Ok(Some(SchemaAndValue::new(Schema::boolean(), value)));
            }
        }
        let start = self.tokens.mark();
        let nested = if self.depth >= MAX_DEPTH {
            None
        } else if self.tokens.take("[") {
            Some(self.nested(Self::array))
        } else if self.tokens.take("{") {
            Some(self.nested(Self::map))
        } else {
            None
        };
        match nested {
            Some(Ok(found)) => return Ok(Some(found)),
            Some(Err(NotEmbedded)) => self.tokens.rewind(start),
            None => {}
        }
        let token = self.tokens.next();
        if trim(token).is_empty() {
            let text = self.original.slice_ref(token);
            return Ok(Some(SchemaAndValue::new(Schema::string(), text)));
        }
        self.token(embedded, trim(token)).map(Some)
    }

    fn nested(
        &mut self,
        parse: fn(&mut Self) -> Result<SchemaAndValue, NotEmbedded>,
    ) -> Result<SchemaAndValue, NotEmbedded> {
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// At top level the word must be all there is.
    fn literal(&mut self, embedded: bool, word: &str) -> bool {
        let start = self.tokens.mark();
        if self.tokens.take(word) && (embedded || !self.tokens.has_next()) {
            return true;
        }
        self.tokens.rewind(start);
        false
    }

    fn token(&mut self, embedded: bool, token: &str) -> Result<SchemaAndValue, NotEmbedded> {
        let first = token.chars().next().unwrap_or(' ');
        let digit = java_digit(first).is_some();
        if digit && let Some(found) = self.temporal_tokens(token) {
            return Ok(found);
        }
        if (digit || matches!(first, '+' | '-'))
            && let Some(number) = number(token)
        {
            return Ok(number);
        }
        if embedded {
            return Err(NotEmbedded);
        }
        Ok(SchemaAndValue::new(Schema::string(), self.original.clone()))
    }

    /// Colons cut a time into five tokens.
    fn temporal_tokens(&mut self, token: &str) -> Option<SchemaAndValue> {
        let mark = self.tokens.mark();
        if let Some(rest) = self.tokens.next_n(4)
            && let Some(found) = temporal(&format!("{token}{rest}"))
        {
            return Some(found);
        }
        self.tokens.rewind(mark);
        temporal(token)
    }

    /// Tokens up to the closing quote. White space that is a token of its own gets lost on the way, as in Java.
    fn quoted(&mut self) -> SchemaAndValue {
        let mut content = String::new();
        while self.tokens.has_next() && !self.tokens.take("\"") {
            content.push_str(self.tokens.next());
        }
        temporal(&content).unwrap_or_else(|| SchemaAndValue::new(Schema::string(), content))
    }

    fn array(&mut self) -> Result<SchemaAndValue, NotEmbedded> {
        let mut items = Vec::new();
        let mut schema = Merger::default();
        while self.tokens.has_next() {
            if self.tokens.take("]") {
                let schema = schema.common();
                if let Some(schema) = &schema {
                    align(&mut items, schema)?;
                }
                return Ok(SchemaAndValue::new(Schema::array_of(schema), Value::array(items)));
            }
            if self.tokens.take(",") {
                return Err(NotEmbedded);
            }
            let element = self.value(true)?;
            schema.merge(element.as_ref());
            items.push(element.map_or(Value::Null, |e| e.value));
            let mark = self.tokens.mark();
            if self.tokens.take("]") {
                self.tokens.rewind(mark);
            } else if !self.tokens.take(",") {
                return Err(NotEmbedded);
            }
        }
        Err(NotEmbedded)
    }

    fn map(&mut self) -> Result<SchemaAndValue, NotEmbedded> {
        let mut map = Map::new();
        let (mut keys, mut values) = (Merger::default(), Merger::default());
        while self.tokens.has_next() {
            if self.tokens.take("}") {
                return aligned_map(&map, keys.common(), values.common());
            }
            if self.tokens.take(",") {
                return Err(NotEmbedded);
            }
            let Some(key) = self.value(true)?.filter(|key| !key.value.is_null()) else { return Err(NotEmbedded) };
            if !self.tokens.take(":") {
                return Err(NotEmbedded);
            }
            let value = self.value(true)?;
            keys.merge(Some(&key));
            values.merge(value.as_ref());
            map.insert(key.value, value.map_or(Value::Null, |v| v.value));
            self.tokens.take(",");
        }
        Err(NotEmbedded)
    }
}

fn aligned_map(map: &Map, key: Option<Schema>, value: Option<Schema>) -> Result<SchemaAndValue, NotEmbedded> {
    let Some(key) = key else { return Ok(SchemaAndValue::new(Schema::map_of(None, None), Value::map(map.clone()))) };
    let (mut keys, mut values): (Vec<Value>, Vec<Value>) = map.iter().map(|(k, v)| (k.clone(), v.clone())).unzip();
    align(&mut keys, &key)?;
    if let Some(value) = &value {
        align(&mut values, value)?;
    }
    let map: Map = keys.into_iter().zip(values).collect();
    Ok(SchemaAndValue::new(Schema::map_of(Some(key), value), Value::map(map)))
}

fn align(items: &mut [Value], schema: &Schema) -> Result<(), NotEmbedded> {
    for item in items {
        *item = convert::convert_to(schema, None, item).map_err(|_| NotEmbedded)?;
    }
    Ok(())
}

/// Finds the schema that all elements fit.
#[derive(Default)]
struct Merger {
    common: Option<Schema>,
    incompatible: bool,
}

impl Merger {
    fn merge(&mut self, latest: Option<&SchemaAndValue>) {
        let Some(latest) = latest.and_then(|l| l.schema.as_ref()).filter(|_| !self.incompatible) else { return };
        self.common = match self.common.take() {
            None => Some(latest.clone()),
            Some(previous) => merged(previous, latest),
        };
        self.incompatible = self.common.is_none();
    }

    fn common(self) -> Option<Schema> {
        self.common
    }
}

fn merged(previous: Schema, latest: &Schema) -> Option<Schema> {
    let numeric = |ty: Type| ty <= Type::Float64;
    if previous.ty() == latest.ty() {
        return (previous.is_optional() == latest.is_optional()).then(|| latest.clone());
    }
    if !numeric(previous.ty()) || !numeric(latest.ty()) {
        return None;
    }
    Some(if latest.ty() > previous.ty() { latest.clone() } else { previous })
}

/// A date, time or timestamp, told apart by length alone.
pub(super) fn temporal(text: &str) -> Option<SchemaAndValue> {
    let text = text.replace("\\:", ":");
    let parse = |format: &Format, builder: crate::data::SchemaBuilder| {
        let millis = format.as_ref()?.parse(&text)?;
        Some(SchemaAndValue::new(builder.build().ok()?, Value::Date(millis)))
    };
    match text.encode_utf16().count() {
        10 => parse(&DATE_FORMAT, date::builder()),
        13 => parse(&TIME_FORMAT, time::builder()),
        24 => parse(&TIMESTAMP_FORMAT, timestamp::builder()),
        _ => None,
    }
}

/// The smallest class that holds the number: integers first, then FLOAT32 and FLOAT64 by range alone, else Decimal.
fn number(text: &str) -> Option<SchemaAndValue> {
    let number: Decimal = text.parse().ok()?;
    if let Some(whole) = whole(&number) {
        return Some(if let Ok(v) = i8::try_from(whole) {
            SchemaAndValue::new(Schema::int8(), v)
        } else if let Ok(v) = i16::try_from(whole) {
            SchemaAndValue::new(Schema::int16(), v)
        } else if let Ok(v) = i32::try_from(whole) {
            SchemaAndValue::new(Schema::int32(), v)
        } else {
            SchemaAndValue::new(Schema::int64(), whole)
        });
    }
    if number.scale() != 0 {
        let float = number.to_f32();
        if float.is_finite() {
            return Some(SchemaAndValue::new(Schema::float32(), float));
        }
        let double = number.to_f64();
        if double.is_finite() {
            return Some(SchemaAndValue::new(Schema::float64(), double));
        }
    }
    let schema = decimal::builder(number.scale()).build().ok()?;
    Some(SchemaAndValue::new(schema, Value::Decimal(std::sync::Arc::new(number))))
}

/// The number, if it has no fraction and fits 64 bits.
fn whole(number: &Decimal) -> Option<i64> {
    if number.unscaled().is_zero() {
        return Some(0);
    }
    let scale = i64::from(number.scale());
    let digits = number.unscaled().magnitude().to_string().len() as i64;
    if digits - scale > 19 || digits - scale < 1 {
        return None;
    }
    let ten = num_bigint::BigInt::from(10);
    if scale <= 0 {
        return (number.unscaled() * ten.pow(scale.unsigned_abs() as u32)).to_i64();
    }
    let power = ten.pow(scale as u32);
    let whole = number.unscaled() / &power;
    if &whole * power == *number.unscaled() { whole.to_i64() } else { None }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
