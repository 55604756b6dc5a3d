//! Properties checked against the table of their client.
//!
//! Counterpart: org.apache.kafka.common.config.AbstractConfig.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Properties;
use super::docs::Support;
use super::keys::{Check, ClientConfigKey, DefaultValue, Type};
use crate::error::{Error, Result};

/// Every known property with its text, checked; typed on the way out.
pub(super) struct Values<'a> {
    keys: &'static [ClientConfigKey],
    given: &'a Properties,
}

#[cfg(test)]
thread_local! {
    /// Names that were asked for, so that a test can tell which properties are really read.
    pub(super) static READ: std::cell::RefCell<BTreeSet<String>> = const { std::cell::RefCell::new(BTreeSet::new()) };
}

/// Leaves out what this process has named already: every task makes clients from the same properties.
fn not_named_before<'a>(client: &'static str, mut names: Vec<&'a str>) -> Vec<&'a str> {
    static NAMED: Mutex<BTreeSet<(&'static str, String)>> = Mutex::new(BTreeSet::new());
    let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    names.retain(|name| named.insert((client, (*name).to_owned())));
    names
}

fn invalid(key: &str, value: &str, reason: impl Into<String>) -> Error {
    Error::Config { key: key.to_owned(), value: value.to_owned(), reason: reason.into() }
}

impl<'a> Values<'a> {
    /// Checks all of them; unknown ones are named once, in one event.
    pub(super) fn check(client: &'static str, keys: &'static [ClientConfigKey], given: &'a Properties) -> Result<Self> {
        let values = Self { keys, given };
        for key in keys {
            values.check_one(key)?;
        }
        for key in keys {
            values.refuse_unsupported(key)?;
        }
        let unknown: Vec<&str> = given
            .keys()
            .map(String::as_str)
            .filter(|name| !name.starts_with("metrics.context.") && !keys.iter().any(|key| key.name == *name))
            .collect();
        let unknown = not_named_before(client, unknown);
        if !unknown.is_empty() {
            tracing::warn!(client, properties = ?unknown, "these properties were given, but no such ones are known");
        }
        Ok(values)
    }

    fn check_one(&self, key: &ClientConfigKey) -> Result<()> {
        let Some(text) = self.given.get(key.name).map(|text| text.trim()) else {
            let ours =
                matches!(key.name, "key.deserializer" | "value.deserializer" | "key.serializer" | "value.serializer");
            if key.default == DefaultValue::Required && !ours {
                return Err(invalid(key.name, "null", "it is required and has no default; give it a value"));
            }
            return Ok(());
        };
        let shown = if key.kind == Type::Password { "[hidden]" } else { text };
        let wrong = |reason: String| Err(invalid(key.name, shown, reason));
        if key.kind == Type::List && !text.is_empty() && text.split(',').any(|part| part.trim().is_empty()) {
            return wrong(format!("Configuration '{}' values must not be empty.", key.name));
        }
        let number = match key.kind {
            Type::Boolean if !text.eq_ignore_ascii_case("true") && !text.eq_ignore_ascii_case("false") => {
                return wrong("Expected value to be either true or false".to_owned());
            }
            Type::Int => match text.parse::<i32>() {
                Ok(number) => Some(i64::from(number)),
                Err(_) => return wrong("Not a number of type INT".to_owned()),
            },
            Type::Short => match text.parse::<i16>() {
                Ok(number) => Some(i64::from(number)),
                Err(_) => return wrong("Not a number of type SHORT".to_owned()),
            },
            Type::Long => match text.parse::<i64>() {
                Ok(number) => Some(number),
                Err(_) => return wrong("Not a number of type LONG".to_owned()),
            },
            Type::Double if text.parse::<f64>().is_err() => return wrong("Not a number of type DOUBLE".to_owned()),
            _ => None,
        };
        match key.check {
            Check::AtLeast(least) if number.is_some_and(|n| n < least) => {
                wrong(format!("Value must be at least {least}"))
            }
            Check::Range(least, _) if number.is_some_and(|n| n < least) => {
                wrong(format!("Value must be at least {least}"))
            }
            Check::Range(_, most) if number.is_some_and(|n| n > most) => {
                wrong(format!("Value must be no more than {most}"))
            }
            Check::Between(least, _) if text.parse::<f64>().is_ok_and(|n| n < least) => {
                wrong(format!("Value must be at least {least}"))
            }
            Check::Between(least, most) if !text.parse::<f64>().is_ok_and(|n| n >= least && n <= most) => {
                wrong(format!("Value must be no more than {most}"))
            }
            Check::RangeOr(least, most, other) if number.is_some_and(|n| n != other && (n < least || n > most)) => {
                wrong(format!("Value must be between {least} and {most} or equal to {other}"))
            }
            Check::Choice(choices) if !choices.contains(&text) => {
                wrong(format!("String must be one of: {}", choices.join(", ")))
            }
            Check::ChoiceIgnoringCase(choices) if !choices.iter().any(|choice| choice.eq_ignore_ascii_case(text)) => {
                wrong(format!("String must be one of (case insensitive): {}", choices.join(", ")))
            }
            Check::NonEmpty if text.is_empty() => wrong("String must be non-empty".to_owned()),
            _ => Ok(()),
        }
    }

    /// Text as given, or the default's; `None` for Kafka's null.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        #[cfg(test)]
        READ.with_borrow_mut(|read| read.insert(name.to_owned()));
        if let Some(text) = self.given.get(name) {
            return Some(text.trim());
        }
        match self.keys.iter().find(|key| key.name == name)?.default {
            DefaultValue::Value(text) => Some(text),
            DefaultValue::Null | DefaultValue::Required => None,
        }
    }

    pub(super) fn is_given(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// A number; the table has checked it, so 0 stands for a name that is not in it.
    pub(super) fn long(&self, name: &str) -> i64 {
        self.text(name).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    pub(super) fn int(&self, name: &str) -> i32 {
        self.text(name).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// A size in bytes; negative ones count as none.
    pub(super) fn size(&self, name: &str) -> usize {
        usize::try_from(self.long(name)).unwrap_or(0)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// Milliseconds; negative ones count as none.
    pub(super) fn millis(&self, name: &str) -> Duration {
        Duration::from_millis(u64::try_from(self.long(name)).unwrap_or(0))
    }

    /// Parts between commas; of those that are there twice, the first.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let mut parts = Vec::new();
        for part in self.text(name).unwrap_or("").split(',').map(str::trim).filter(|part| !part.is_empty()) {
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        parts
    }

    pub(super) fn refuse<T>(&self, name: &str, reason: impl Into<String>) -> Result<T> {
        let secret = self.keys.iter().any(|key| key.name == name && key.kind == Type::Password);
        let shown = self.text(name).map_or("null", |text| if secret { "[hidden]" } else { text });
        Err(invalid(name, shown, reason))
    }

    /// Values that would need what is not here, unless they say what holds anyway.
    fn refuse_unsupported(&self, key: &ClientConfigKey) -> Result<()> {
        let (Some(given), Support::Refused { unless, why }) = (self.given.get(key.name), key.support()) else {
            return Ok(());
        };
        let is_default = matches!(key.default, DefaultValue::Value(text) if text == given.trim());
        let simple = |class: &str| class.rsplit('.').next().unwrap_or_default().to_owned();
        let taken = |text: &str| unless.iter().any(|known| *known == text || simple(known) == text);
        if is_default || given.split(',').map(str::trim).all(|text| text.is_empty() || taken(text)) {
            return Ok(());
        }
        // Passwords are never among them, but that is not this place's to know.
        let shown = if key.kind == Type::Password { "[hidden]" } else { given.trim() };
        Err(invalid(key.name, shown, why))
    }
}

#[cfg(test)]
mod tests {
    use super::not_named_before;

    #[test]
    fn unknown_properties_are_named_once_per_kind_of_client() {
        assert_eq!(not_named_before("test", vec!["a", "b"]), ["a", "b"]);
        assert_eq!(not_named_before("test", vec!["b", "c"]), ["c"]);
        assert_eq!(not_named_before("another test", vec!["b"]), ["b"]);
    }
}
