//! `FieldPath`: the way to a field, also inside of others.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.field.SingleFieldPath`.

use milena_api::config::ConfigError;
use milena_api::data::{Field, Map, Schema, Str, Struct, Value};
use milena_api::error::{Error, Result};

use crate::{require, structs};

const PURPOSE: &str = "nested field access";

/// Steps from the outermost field inwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldPath {
    text: String,
    steps: Vec<Str>,
}

impl FieldPath {
    /// One step, whatever the text: version `V1`.
    pub(crate) fn single(text: &str) -> Self {
        FieldPath { text: text.to_owned(), steps: vec![Str::from(text)] }
    }

    /// Steps between dots, with backticks around those that contain dots: version `V2`.
    pub(crate) fn nested(text: &str) -> Result<Self, ConfigError> {
        let mut steps = Vec::new();
        let mut rest = text;
        let mut more = !text.is_empty();
        while more {
            let (step, behind) = match rest.strip_prefix('`') {
                Some(quoted) => quoted_step(text, rest, quoted)?,
                None => match rest.find('.') {
                    Some(dot) => (rest[..dot].to_owned(), Some(&rest[dot + 1..])),
                    None => (rest.to_owned(), None),
                },
            };
            steps.push(Str::from(step));
            more = behind.is_some();
            rest = behind.unwrap_or_default();
        }
        Ok(FieldPath { text: text.to_owned(), steps })
    }

    /// The path as it was given.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    fn split(&self) -> Result<(&Str, &[Str])> {
        self.steps
            .split_last()
            .ok_or_else(|| Error::data("fromIndex(0) > toIndex(-1)").with_class("java.lang.IllegalArgumentException"))
    }

    /// The field that the path leads to in this schema.
    pub(crate) fn field<'s>(&self, schema: &'s Schema) -> Result<Option<&'s Field>> {
        let (last, outer) = self.split()?;
        let mut schema = schema;
        for step in outer {
            match schema.field(step)? {
                Some(field) => schema = &field.schema,
                None => return Ok(None),
            }
        }
        schema.field(last)
    }

    /// The value that the path leads to; null where a struct on the way is null.
    pub(crate) fn value_of_struct(&self, outermost: &Struct, replace_null: bool) -> Result<Value> {
        let (last, outer) = self.split()?;
        let mut current = outermost;
        for step in outer {
            let Some(field) = current.schema().field(step)? else { return Ok(Value::Null) };
            match require::structure_or_null(structs::read(current, field, replace_null), PURPOSE)? {
                Some(inner) => current = inner,
                None => return Ok(Value::Null),
            }
        }
        let field = current.schema().field(last)?;
        Ok(field.map(|field| structs::read(current, field, replace_null).clone()).unwrap_or_default())
    }

    /// The value that the path leads to; null where a map on the way lacks it.
    pub(crate) fn value_of_map(&self, outermost: &Map) -> Result<Value> {
        let (last, outer) = self.split()?;
        let mut current = outermost;
        for step in outer {
            match require::map_or_null(current.get_str(step).unwrap_or(&Value::Null), PURPOSE)? {
                Some(inner) => current = inner,
                None => return Ok(Value::Null),
            }
        }
        Ok(current.get_str(last).cloned().unwrap_or_default())
    }
}

/// A step that opened with a backtick: it ends at a backtick before a dot or the end, unless a backslash precedes that.
fn quoted_step<'t>(text: &str, rest: &'t str, quoted: &'t str) -> Result<(String, Option<&'t str>), ConfigError> {
    let mut step = String::new();
    let mut from = 0;
    while let Some(at) = quoted[from..].find('`').map(|at| from + at) {
        let behind = &quoted[at + 1..];
        let closes = behind.is_empty() || behind.starts_with('.');
        if closes && quoted[..at].ends_with('\\') {
            step.push_str(&quoted[from..at - 1]);
            step.push('`');
        } else if closes {
            step.push_str(&quoted[from..at]);
            return Ok((step, behind.strip_prefix('.')));
        } else {
            step.push_str(&quoted[from..=at]);
        }
        from = at + 1;
    }
    let position = text[..text.len() - rest.len()].encode_utf16().count();
    Err(ConfigError::other(format!(
        "Incomplete backtick pair in path: [{text}], consider adding a backslash before backtick at position {position} to escape it"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_those_of_kip_821() {
        for (text, steps) in [
            ("foo.bar", &["foo", "bar"][..]),
            ("`foo.bar`.baz", &["foo.bar", "baz"]),
            ("foo.ba`r.baz", &["foo", "ba`r", "baz"]),
            ("foo.``bar.baz`", &["foo", "`bar.baz"]),
            ("foo.`bar\\`.baz`", &["foo", "bar`.baz"]),
            ("foo.`ba`r.baz`", &["foo", "ba`r.baz"]),
            ("foo.`bar\\\\`.\\`baz`", &["foo", "bar\\`.\\`baz"]),
            ("..", &["", "", ""]),
            ("", &[]),
        ] {
            assert_eq!(FieldPath::nested(text).unwrap().steps, steps, "{text}");
        }
        let error = FieldPath::nested("foo.`bar.baz").unwrap_err().to_string();
        assert!(error.ends_with("at position 4 to escape it"), "{error}");
    }
}
