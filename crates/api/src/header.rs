//! Headers of a record: an ordered multimap.
//!
//! Counterpart: `org.apache.kafka.connect.header.{Header, Headers, ConnectHeaders}`.

use std::fmt;

use crate::data::{Logical, Schema, Str, Type, Value};
use crate::error::{Error, Result};

/// One header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Name; several headers may share it.
    pub key: Str,
    /// Schema of the value; `None` if unknown.
    pub schema: Option<Schema>,
    /// The value.
    pub value: Value,
}

/// Headers in order. An empty collection allocates nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<Header>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Headers(Vec::new())
    }

    /// Number of headers.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without headers.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All headers in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Header> + DoubleEndedIterator {
        self.0.iter()
    }

    /// Appends a header. A struct without a schema gets its own.
    ///
    /// # Errors
    /// A null for a required schema, or a value of another class than the schema's (contents are not compared, as in Java).
    pub fn add(&mut self, key: impl Into<Str>, schema: Option<Schema>, value: impl Into<Value>) -> Result<&mut Self> {
        let value = value.into();
        let schema = match (&schema, &value) {
            (None, Value::Struct(s)) => Some(s.schema().clone()),
            _ => schema,
        };
        if let Some(schema) = &schema {
            check(schema, &value)?;
        }
        self.0.push(Header { key: key.into(), schema, value });
        Ok(self)
    }

    /// Appends a header that is known to fit: for converters.
    pub fn push(&mut self, header: Header) {
        self.0.push(header);
    }

    /// The last header of that name.
    pub fn last_with_name(&self, key: &str) -> Option<&Header> {
        self.0.iter().rev().find(|h| h.key == *key)
    }

    /// All headers of that name, in order.
    pub fn all_with_name<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Header> {
        self.0.iter().filter(move |h| h.key == *key)
    }

    /// Removes all headers of that name.
    pub fn remove(&mut self, key: &str) {
        self.0.retain(|h| h.key != *key);
    }

    /// Keeps those for which `keep` says so.
    pub fn retain(&mut self, keep: impl FnMut(&Header) -> bool) {
        self.0.retain(keep);
    }

    /// Keeps the last header of each name, where it stands.
    pub fn retain_latest(&mut self) {
        let mut seen = std::collections::HashSet::new();
        let mut kept: Vec<Header> = self.0.drain(..).rev().filter(|h| seen.insert(h.key.clone())).collect();
        kept.reverse();
        self.0 = kept;
    }

    /// Keeps the last header of that name, and all of other names.
    pub fn retain_latest_of(&mut self, key: &str) {
        let last = self.0.iter().rposition(|h| h.key == *key);
        let mut at = 0;
        self.0.retain(|h| {
            at += 1;
            h.key != *key || Some(at - 1) == last
        });
    }

    /// Replaces each header by what `change` makes of it; `None` removes it.
    ///
    /// # Errors
    /// The first that `change` returns; the headers are then as they were.
    pub fn apply(&mut self, mut change: impl FnMut(&Header) -> Result<Option<Header>>) -> Result<()> {
        let changed: Result<Vec<Option<Header>>> = self.0.iter().map(&mut change).collect();
        self.0 = changed?.into_iter().flatten().collect();
        Ok(())
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

fn check(schema: &Schema, value: &Value) -> Result<()> {
    if value.is_null() {
        if schema.is_optional() {
            return Ok(());
        }
        return Err(Error::data(format!("A null value requires an optional schema but was {schema}")));
    }
    // Java looks at the class only, and lets the base class of a logical type pass too.
    let base = value.schema_type() == Some(schema.ty());
    let logical = match schema.logical() {
        Some(Logical::Decimal) => matches!(value, Value::Decimal(_)),
        Some(_) => matches!(value, Value::Date(_)),
        None => false,
    };
    if base || logical {
        return Ok(());
    }
    Err(Error::data(format!("The value {value} is not compatible with the schema {schema}")))
}

/// Schema that the typed adders of Java use for a value: text and bytes may be null, numbers not.
pub fn schema_of(value: &Value) -> Option<Schema> {
    match value.schema_type() {
        Some(Type::Array | Type::Map) | None => None,
        Some(Type::Struct) => match value {
            Value::Struct(s) => Some(s.schema().clone()),
            _ => None,
        },
        Some(ty) => Schema::primitive(ty, false),
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = &'a Header;
    type IntoIter = std::slice::Iter<'a, Header>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// `ConnectHeaders(headers=[…])`, as records print.
impl fmt::Display for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectHeaders(headers=")?;
        if !self.0.is_empty() {
            f.write_str("[")?;
            for (i, h) in self.0.iter().enumerate() {
                let schema = h.schema.as_ref().map_or_else(|| "null".to_owned(), Schema::to_string);
                let comma = if i > 0 { ", " } else { "" };
                write!(f, "{comma}ConnectHeader(key={}, value={}, schema={schema})", h.key, h.value)?;
            }
            f.write_str("]")?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{SchemaBuilder, Struct, date};

    fn abc() -> Headers {
        let mut headers = Headers::new();
        for (key, value) in [("a", 1i8), ("b", 2), ("a", 3)] {
            headers.add(key, Some(Schema::int8()), value).unwrap();
        }
        headers
    }

    fn keys(headers: &Headers) -> String {
        headers.iter().map(|h| format!("{}{}", h.key, h.value)).collect()
    }

    #[test]
    fn headers_are_an_ordered_multimap() {
        let mut headers = abc();
        assert_eq!(headers.last_with_name("a").map(|h| &h.value), Some(&Value::I8(3)));
        assert_eq!(headers.all_with_name("a").count(), 2);
        headers.retain_latest_of("b");
        assert_eq!(keys(&headers), "a1b2a3");
        headers.retain_latest();
        assert_eq!(keys(&headers), "b2a3");
        headers.remove("b");
        assert_eq!(keys(&headers), "a3");
        let mut headers = abc();
        headers.retain_latest_of("a");
        assert_eq!(keys(&headers), "b2a3");
        headers.apply(|h| Ok((h.key != "b").then(|| h.clone()))).unwrap();
        assert_eq!(keys(&headers), "a3");
    }

    #[test]
    fn only_the_class_of_a_value_is_checked() {
        let mut headers = Headers::new();
        let date = date::builder().build().unwrap();
        headers.add("d", Some(date.clone()), 5).unwrap().add("d", Some(date), Value::Date(0)).unwrap();
        let error = headers.add("s", Some(Schema::string()), 5).map(drop).unwrap_err();
        assert_eq!(error.message(), Some("The value 5 is not compatible with the schema Schema{STRING}"));
        let error = headers.add("s", Some(Schema::string()), Value::Null).map(drop).unwrap_err();
        assert_eq!(error.message(), Some("A null value requires an optional schema but was Schema{STRING}"));
        headers.add("n", None, Value::Null).unwrap();
        assert_eq!(headers.len(), 3);
    }

    #[test]
    fn a_struct_brings_its_schema() {
        let schema = SchemaBuilder::structure().field("a", Schema::int8()).build().unwrap();
        let mut headers = Headers::new();
        headers.add("s", None, Value::structure(Struct::new(schema.clone()).unwrap())).unwrap();
        assert_eq!(headers.last_with_name("s").and_then(|h| h.schema.as_ref()), Some(&schema));
    }
}
