//! Properties checked against the table of their client.
//!
//! Counterpart: org.apache.kafka.common.config.AbstractConfig.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Properties;
use super::keys::{Check, ClientConfigKey, DefaultValue, Type};
use crate::error::{Error, Result};

/// Every known property with its text, checked; typed on the way out.
pub(super) struct Values<'a> {
    keys: &'static [ClientConfigKey],
    given: &'a Properties,
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
            Check::Between(least, most) if !text.parse::<f64>().is_ok_and(|n| n >= least && n <= most) => {
                wrong(format!("Value must be between {least} and {most}"))
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

    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        self.text(name).unwrap_or("").split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
    }

    pub(super) fn refuse<T>(&self, name: &str, reason: impl Into<String>) -> Result<T> {
        let secret = self.keys.iter().any(|key| key.name == name && key.kind == Type::Password);
        let shown = self.text(name).map_or("null", |text| if secret { "[hidden]" } else { text });
        Err(invalid(name, shown, reason))
    }

    /// Properties that name Java code work only where the code is one that this client has built in.
    pub(super) fn refuse_java_classes(&self, accepted: &[(&str, &str)]) -> Result<()> {
        for key in self.keys {
            let names_code = key.kind == Type::Class
                || matches!(
                    key.name,
                    "interceptor.classes" | "metric.reporters" | "security.providers" | "config.providers"
                );
            let Some(text) = self.given.get(key.name).filter(|text| names_code && !text.trim().is_empty()) else {
                continue;
            };
            let fine = text
                .split(',')
                .all(|class| accepted.iter().any(|(name, suffix)| *name == key.name && class.trim().ends_with(suffix)));
            if !fine {
                return self.refuse(
                    key.name,
                    "it names Java code, which cannot run in this worker; remove the property or keep the connector on a Java worker",
                );
            }
        }
        Ok(())
    }
}
