//! `{{name}}` in scenario files.

use anyhow::{Context, Result};
use indexmap::IndexMap;
use serde_json::Value;

/// Names and texts that a scenario may write between double braces.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables(IndexMap<String, String>);

impl Variables {
    pub(super) fn set(&mut self, name: &str, text: impl Into<String>) {
        self.0.insert(name.to_owned(), text.into());
    }

    /// Replaces every `{{name}}`.
    ///
    /// # Errors
    /// When a name is unknown or the braces are not closed.
    pub(super) fn fill(&self, text: &str) -> Result<String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, tail) = after.split_once("}}").with_context(|| format!("unclosed '{{{{' in '{text}'"))?;
            filled.push_str(before);
            filled.push_str(self.0.get(name.trim()).with_context(|| format!("unknown variable '{name}' in '{text}'"))?);
            rest = tail;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// The same for every string and object key in a value.
    pub(super) fn fill_value(&self, value: &Value) -> Result<Value> {
        Ok(match value {
            Value::String(text) => Value::String(self.fill(text)?),
            Value::Array(items) => Value::Array(items.iter().map(|item| self.fill_value(item)).collect::<Result<_>>()?),
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(key, value)| Ok((self.fill(key)?, self.fill_value(value)?)))
                    .collect::<Result<_>>()?,
            ),
            other => other.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_replaced_in_strings_and_keys() {
        let mut variables = Variables::default();
        variables.set("id", "7");
        let filled = variables.fill_value(&json!({"c-{{id}}": ["{{ id }}", 1]})).unwrap();
        assert_eq!(filled, json!({"c-7": ["7", 1]}));
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        assert!(Variables::default().fill("{{nobody}}").is_err());
    }
}
