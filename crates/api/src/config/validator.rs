//! `Validator`: what a value must be, beyond its type. Counterpart: `ConfigDef.Validator` and the validators beside it.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::error::ConfigError;
use super::java_hash::hash_set_order;
use super::java_regex;
use super::value::Parsed;

/// What a value must be. Cheap to clone. A closure `Fn(&str, &Parsed) -> Result<(), ConfigError>` is one, too; it is given the key's name and
/// its value, which is null when the key is not set or could not be parsed.
#[derive(Clone)]
pub struct Validator(Arc<Rule>);

type Check = dyn Fn(&str, &Parsed) -> Result<(), ConfigError> + Send + Sync;

enum Rule {
    Range { min: Option<Number>, max: Option<Number> },
    OneOf(Vec<String>),
    OneOfIgnoringCase(Vec<String>),
    DistinctList(DistinctList),
    NonNull,
    NonEmpty,
    NonEmptyWithoutControls,
    NonEmptyList,
    ListSize(usize),
    Regex,
    All(Vec<Validator>),
    OrNull(Validator),
    Embedded { prefix: String, inner: Validator },
    Custom { text: String, check: Box<Check> },
}

impl Validator {
    /// A number of at least `min`.
    pub fn at_least(min: impl Into<Number>) -> Self {
        Rule::Range { min: Some(min.into()), max: None }.into()
    }

    /// A number of at most `max`.
    pub fn at_most(max: impl Into<Number>) -> Self {
        Rule::Range { min: None, max: Some(max.into()) }.into()
    }

    /// A number from `min` to `max`, both allowed.
    pub fn between(min: impl Into<Number>, max: impl Into<Number>) -> Self {
        Rule::Range { min: Some(min.into()), max: Some(max.into()) }.into()
    }

    /// One of these texts.
    pub fn one_of<S: Into<String>>(allowed: impl IntoIterator<Item = S>) -> Self {
        Rule::OneOf(allowed.into_iter().map(Into::into).collect()).into()
    }

    /// One of these texts, in any case.
    pub fn one_of_ignoring_case<S: Into<String>>(allowed: impl IntoIterator<Item = S>) -> Self {
        let mut upper: Vec<String> = Vec::new();
        for text in allowed {
            let text = text.into().to_uppercase();
            if !upper.contains(&text) {
                upper.push(text);
            }
        }
        hash_set_order(&mut upper);
        Rule::OneOfIgnoringCase(upper).into()
    }

    /// Not null.
    pub fn non_null() -> Self {
        Rule::NonNull.into()
    }

    /// A text that is not empty; null is none.
    pub fn non_empty_string() -> Self {
        Rule::NonEmpty.into()
    }

    /// A text that is not empty and has no control characters; null is none.
    pub fn non_empty_string_without_control_chars() -> Self {
        Rule::NonEmptyWithoutControls.into()
    }

    /// A list with at least one item.
    pub fn non_empty_list() -> Self {
        Rule::NonEmptyList.into()
    }

    /// A list of at most `max` items.
    pub fn list_size(max: usize) -> Self {
        Rule::ListSize(max).into()
    }

    /// A regular expression of Java.
    pub fn regex() -> Self {
        Rule::Regex.into()
    }

    /// All of these; the first that refuses speaks.
    pub fn all(validators: impl IntoIterator<Item = Validator>) -> Self {
        Rule::All(validators.into_iter().collect()).into()
    }

    /// Whatever `check` accepts. `text` describes it in documentation.
    pub fn custom(
        text: impl Into<String>,
        check: impl Fn(&str, &Parsed) -> Result<(), ConfigError> + Send + Sync + 'static,
    ) -> Self {
        Rule::Custom { text: text.into(), check: Box::new(check) }.into()
    }

    /// This, or null.
    #[must_use]
    pub fn or_null(self) -> Self {
        Rule::OrNull(self).into()
    }

    /// This for a key that is embedded under a prefix: it goes on seeing its own name.
    pub(super) fn embedded(self, prefix: &str) -> Self {
        Rule::Embedded { prefix: prefix.to_owned(), inner: self }.into()
    }

    /// True if parsing takes repeats out of the list before the check.
    pub(super) fn drops_repeats(&self) -> bool {
        match &*self.0 {
            Rule::DistinctList(_) => true,
            Rule::OrNull(inner) => inner.drops_repeats(),
            _ => false,
        }
    }

    /// Checks a value.
    ///
    /// # Errors
    /// The value is refused.
    pub fn ensure_valid(&self, name: &str, value: &Parsed) -> Result<(), ConfigError> {
        let refuse = |reason: &str| Err(ConfigError::invalid(name, value, reason));
        match &*self.0 {
            Rule::Range { min, max } => match value.as_f64() {
                None => refuse("Value must be non-null"),
                Some(n) => match (min, max) {
                    (Some(min), _) if n < min.as_f64() => refuse(&format!("Value must be at least {min}")),
                    (_, Some(max)) if n > max.as_f64() => refuse(&format!("Value must be no more than {max}")),
                    _ => Ok(()),
                },
            },
            Rule::OneOf(allowed) => match value.as_str() {
                Some(text) if allowed.iter().any(|one| one == text) => Ok(()),
                _ => refuse(&format!("String must be one of: {}", allowed.join(", "))),
            },
            Rule::OneOfIgnoringCase(allowed) => match value.as_str() {
                Some(text) if allowed.contains(&text.to_uppercase()) => Ok(()),
                _ => refuse(&format!("String must be one of (case insensitive): {}", allowed.join(", "))),
            },
            Rule::DistinctList(rules) => rules.ensure_valid(name, value),
            Rule::NonNull if value.is_null() => refuse("entry must be non null"),
            Rule::NonEmpty if value.as_str() == Some("") => refuse("String must be non-empty"),
            Rule::NonEmptyWithoutControls => match value.as_str() {
                Some("") => refuse("String may not be empty"),
                Some(text) => match control_chars(text) {
                    found if found.is_empty() => Ok(()),
                    found => refuse(&format!(
                        "String may not contain control sequences but had the following ASCII chars: {}",
                        found.join(", ")
                    )),
                },
                None => Ok(()),
            },
            Rule::NonEmptyList if value.as_list().is_none_or(<[String]>::is_empty) => refuse("Empty list"),
            Rule::ListSize(max) if value.as_list().is_some_and(|items| items.len() > *max) => {
                refuse(&format!("exceeds maximum list size of [{max}]."))
            }
            Rule::NonNull | Rule::NonEmpty | Rule::NonEmptyList | Rule::ListSize(_) => Ok(()),
            Rule::Regex => match value.as_str().map(java_regex::compile) {
                Some(Ok(_)) => Ok(()),
                Some(Err(message)) => refuse(&format!("Invalid regex: {message}")),
                // What Java's regular expressions say of a null, and Kafka passes on.
                None => refuse(r#"Invalid regex: Cannot invoke "String.isEmpty()" because "this.pattern" is null"#),
            },
            Rule::All(all) => all.iter().try_for_each(|one| one.ensure_valid(name, value)),
            Rule::OrNull(_) if value.is_null() => Ok(()),
            Rule::OrNull(inner) => inner.ensure_valid(name, value),
            Rule::Embedded { prefix, inner } => inner.ensure_valid(name.strip_prefix(prefix).unwrap_or(name), value),
            Rule::Custom { check, .. } => check(name, value),
        }
    }
}

/// What documentation says of the values allowed.
impl fmt::Display for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Rule::Range { min: Some(min), max: None } => write!(f, "[{min},...]"),
            Rule::Range { min: None, max: Some(max) } => write!(f, "[...,{max}]"),
            Rule::Range { min: Some(min), max: Some(max) } => write!(f, "[{min},...,{max}]"),
            Rule::Range { min: None, max: None } => f.write_str("[...]"),
            Rule::OneOf(allowed) => write!(f, "[{}]", allowed.join(", ")),
            Rule::OneOfIgnoringCase(allowed) => write!(f, "(case insensitive) [{}]", allowed.join(", ")),
            Rule::DistinctList(rules) if rules.allowed.is_empty() => Ok(()),
            Rule::DistinctList(rules) => write!(f, "[{}]", rules.allowed.join(", ")),
            Rule::NonNull => f.write_str("non-null string"),
            Rule::NonEmpty => f.write_str("non-empty string"),
            Rule::NonEmptyWithoutControls => f.write_str("non-empty string without ISO control characters"),
            Rule::NonEmptyList => f.write_str("non-empty list"),
            Rule::ListSize(max) => write!(f, "List containing maximum of {max} elements"),
            Rule::Regex => f.write_str("valid regex"),
            Rule::All(all) => {
                let texts: Vec<String> = all.iter().map(ToString::to_string).filter(|text| !text.is_empty()).collect();
                f.write_str(&texts.join(", "))
            }
            Rule::OrNull(inner) => write!(f, "null or {inner}"),
            Rule::Embedded { inner, .. } => inner.fmt(f),
            Rule::Custom { text, .. } => f.write_str(text),
        }
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Validator({self})")
    }
}

impl From<Rule> for Validator {
    fn from(rule: Rule) -> Self {
        Validator(Arc::new(rule))
    }
}

impl From<DistinctList> for Validator {
    fn from(rules: DistinctList) -> Self {
        Rule::DistinctList(rules).into()
    }
}

impl<F> From<F> for Validator
where
    F: Fn(&str, &Parsed) -> Result<(), ConfigError> + Send + Sync + 'static,
{
    fn from(check: F) -> Self {
        Validator::custom("", check)
    }
}

/// Code points of the ISO control characters in a text.
fn control_chars(text: &str) -> Vec<String> {
    text.chars().filter(|c| c.is_control()).map(|c| u32::from(c).to_string()).collect()
}

/// A list whose items are not empty and do not repeat; [`ConfigDef::parse`](super::ConfigDef::parse) takes repeats out beforehand, with a warning,
/// and only validation refuses them. Counterpart: `ConfigDef.ValidList`.
#[derive(Clone, Debug, Default)]
pub struct DistinctList {
    allowed: Vec<String>,
    or_empty: bool,
    or_null: bool,
}

impl DistinctList {
    /// One or more items of any text.
    pub fn any() -> Self {
        DistinctList::default()
    }

    /// One or more of these items.
    pub fn of<S: Into<String>>(allowed: impl IntoIterator<Item = S>) -> Self {
        DistinctList { allowed: allowed.into_iter().map(Into::into).collect(), ..DistinctList::default() }
    }

    /// Also no item at all.
    #[must_use]
    pub fn or_empty(mut self) -> Self {
        self.or_empty = true;
        self
    }

    /// Also null.
    #[must_use]
    pub fn or_null(mut self) -> Self {
        self.or_null = true;
        self
    }

    fn ensure_valid(&self, name: &str, value: &Parsed) -> Result<(), ConfigError> {
        let refuse = |what: &str| Err(ConfigError::other(format!("Configuration '{name}' {what}")));
        let Some(items) = value.as_list() else {
            return if self.or_null && value.is_null() { Ok(()) } else { refuse("values must not be null.") };
        };
        if items.is_empty() && !self.or_empty {
            let valid = match self.allowed.is_empty() {
                true => "any non-empty value".to_owned(),
                false => format!("[{}]", self.allowed.join(", ")),
            };
            return refuse(&format!("must not be empty. Valid values include: {valid}"));
        }
        if items.iter().collect::<HashSet<_>>().len() < items.len() {
            return refuse("values must not be duplicated.");
        }
        for item in items {
            if item.is_empty() {
                return refuse("values must not be empty.");
            }
            if !self.allowed.is_empty() && !self.allowed.contains(item) {
                return Err(ConfigError::Invalid {
                    key: name.to_owned(),
                    value: item.clone(),
                    reason: Some(format!("String must be one of: {}", self.allowed.join(", "))),
                });
            }
        }
        Ok(())
    }
}

/// A bound of a range; it shows the way it was given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A whole number.
    Int(i64),
    /// Any other.
    Double(f64),
}

impl Number {
    fn as_f64(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "Kafka compares as doubles, too")]
            Number::Int(n) => n as f64,
            Number::Double(n) => n,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Int(n) => n.fmt(f),
            Number::Double(n) => f.write_str(&crate::data::double_text(*n)),
        }
    }
}

impl From<i32> for Number {
    fn from(n: i32) -> Self {
        Number::Int(i64::from(n))
    }
}

impl From<i64> for Number {
    fn from(n: i64) -> Self {
        Number::Int(n)
    }
}

impl From<f64> for Number {
    fn from(n: f64) -> Self {
        Number::Double(n)
    }
}
