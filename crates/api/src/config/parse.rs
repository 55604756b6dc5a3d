//! Parsing: from text to value, key by key; the first error ends it.

use std::collections::HashSet;

use tracing::warn;

use super::ConfigMap;
use super::class::ClassResolver;
use super::definition::ConfigDef;
use super::error::ConfigError;
use super::key::{ConfigKey, DefaultValue};
use super::number::{parse_double, parse_integer};
use super::parsed::ParsedConfig;
use super::secret::Secret;
use super::types::Type;
use super::value::Parsed;

impl ConfigDef {
    /// Parses and checks all keys in the order of definition. Keys that are not defined are left alone. CLASS values are taken as they are.
    ///
    /// # Errors
    /// The first value that is missing or invalid, or dependents that are not defined.
    pub fn parse(&self, config: &ConfigMap) -> Result<ParsedConfig, ConfigError> {
        self.parse_resolving(config, None)
    }

    /// As [`ConfigDef::parse`]; CLASS values must be known to `classes`, and become full names.
    ///
    /// # Errors
    /// As [`ConfigDef::parse`].
    pub fn parse_with(&self, config: &ConfigMap, classes: &dyn ClassResolver) -> Result<ParsedConfig, ConfigError> {
        self.parse_resolving(config, Some(classes))
    }

    fn parse_resolving(
        &self,
        config: &ConfigMap,
        classes: Option<&dyn ClassResolver>,
    ) -> Result<ParsedConfig, ConfigError> {
        let undefined = self.undefined_dependents();
        if !undefined.is_empty() {
            return Err(ConfigError::UndefinedDependents { keys: undefined.into_iter().map(str::to_owned).collect() });
        }
        self.keys()
            .map(|key| Ok((key.name.clone(), parse_key(key, config.get(&key.name).map(String::as_str), classes)?)))
            .collect()
    }
}

fn parse_key(key: &ConfigKey, set: Option<&str>, classes: Option<&dyn ClassResolver>) -> Result<Parsed, ConfigError> {
    let mut value = match (set, &key.default) {
        (Some(text), _) => parse_type(&key.name, Some(text), key.ty, classes)?,
        (None, DefaultValue::Value(value)) => value.clone(),
        (None, DefaultValue::Required) => return Err(ConfigError::Missing { key: key.name.clone() }),
        (None, DefaultValue::Unparsable(error)) => return Err(error.clone()),
    };
    if let Some(validator) = &key.validator {
        if validator.drops_repeats()
            && let Parsed::List(items) = &mut value
        {
            drop_repeats(&key.name, items);
        }
        validator.ensure_valid(&key.name, &value)?;
    }
    Ok(value)
}

fn drop_repeats(name: &str, items: &mut Vec<String>) {
    let mut seen = HashSet::new();
    let distinct: Vec<String> = items.iter().filter(|item| seen.insert(item.as_str())).cloned().collect();
    if distinct.len() < items.len() {
        warn!(
            "Configuration key \"{name}\" contains duplicate values. Duplicates will be removed. The original value is: [{}], the updated value is: [{}]",
            items.join(", "),
            distinct.join(", ")
        );
        *items = distinct;
    }
}

/// Reads one value as Java reads it; `None` is null, for every type. Without `classes`, CLASS takes any text. Counterpart: `ConfigDef.parseType`.
///
/// # Errors
/// The text is not of that type.
pub fn parse_type(
    name: &str,
    text: Option<&str>,
    ty: Type,
    classes: Option<&dyn ClassResolver>,
) -> Result<Parsed, ConfigError> {
    let Some(text) = text else { return Ok(Parsed::Null) };
    // Messages show the text as it was given, blanks included.
    let invalid =
        |reason: String| ConfigError::Invalid { key: name.to_owned(), value: text.to_owned(), reason: Some(reason) };
    let trimmed = java_trim(text);
    let number = |parsed: Option<Parsed>| parsed.ok_or_else(|| invalid(format!("Not a number of type {ty}")));
    match ty {
        Type::Boolean if equals_ignoring_case(trimmed, "true") => Ok(Parsed::Boolean(true)),
        Type::Boolean if equals_ignoring_case(trimmed, "false") => Ok(Parsed::Boolean(false)),
        Type::Boolean => Err(invalid("Expected value to be either true or false".to_owned())),
        Type::String => Ok(Parsed::String(trimmed.to_owned())),
        Type::Password => Ok(Parsed::Password(Secret::new(trimmed))),
        Type::Int => number(parse_integer(trimmed).and_then(|n| n.try_into().ok()).map(Parsed::Int)),
        Type::Short => number(parse_integer(trimmed).and_then(|n| n.try_into().ok()).map(Parsed::Short)),
        Type::Long => number(parse_integer(trimmed).map(Parsed::Long)),
        Type::Double => number(parse_double(trimmed).map(Parsed::Double)),
        Type::List => Ok(Parsed::List(split_list(trimmed))),
        Type::Class => match classes {
            None => Ok(Parsed::Class(trimmed.to_owned())),
            Some(classes) => match classes.resolve(trimmed) {
                Some(class) => Ok(Parsed::Class(class)),
                None => Err(invalid(format!("Class {text} could not be found."))),
            },
        },
    }
}

/// `String.trim`: takes away everything up to U+0020 at both ends, and nothing else.
fn java_trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// The items between commas, less the white space around each; none in a blank text. Empty items stay.
fn split_list(trimmed: &str) -> Vec<String> {
    if trimmed.is_empty() {
        return Vec::new();
    }
    // What `\s` stands for in Java. Both ends of the whole text are trimmed already.
    let white = |c: char| matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r');
    trimmed.split(',').map(|item| item.trim_matches(white).to_owned()).collect()
}

/// `String.equalsIgnoreCase` against an ASCII word: compares by upper case, to which the long s (U+017F) belongs as well.
fn equals_ignoring_case(text: &str, word: &str) -> bool {
    let upper = |c: char| if c == '\u{17f}' { 'S' } else { c.to_ascii_uppercase() };
    text.chars().map(upper).eq(word.chars().map(upper))
}
