//! `Options`: settings as Debezium reads them, which is more lenient than Kafka's own way.
//!
//! Counterpart: `io.debezium.config.{Configuration, Field}`.

use milena_api::config::{ConfigMap, compile_java_regex};
use milena_api::error::{Error, Result};

/// Settings with the complaints about them: key and reason.
pub(super) struct Options<'c> {
    config: &'c ConfigMap,
    problems: Vec<(&'static str, String)>,
}

impl<'c> Options<'c> {
    pub(super) fn new(config: &'c ConfigMap) -> Self {
        Options { config, problems: Vec::new() }
    }

    /// The text of a key, as given.
    pub(super) fn text(&self, key: &str) -> Option<&'c str> {
        self.config.get(key).map(String::as_str)
    }

    /// The text of a key, or what stands for it.
    pub(super) fn text_or(&self, key: &str, default: &'c str) -> &'c str {
        self.text(key).unwrap_or(default)
    }

    /// True or false; the default for anything else.
    pub(super) fn flag(&self, key: &str, default: bool) -> bool {
        match self.text(key).map(|text| java_trim(text).to_ascii_lowercase()).as_deref() {
            Some("true") => true,
            Some("false") => false,
            _ => default,
        }
    }

    /// A complaint.
    pub(super) fn problem(&mut self, key: &'static str, reason: impl Into<String>) {
        self.problems.push((key, reason.into()));
    }

    /// The key has to be true or false, if given.
    pub(super) fn check_flag(&mut self, key: &'static str) {
        if self.text(key).is_some_and(|text| !matches!(&*java_trim(text).to_ascii_lowercase(), "true" | "false")) {
            self.problem(key, "Either 'true' or 'false' is expected");
        }
    }

    /// The key has to be a number, if given.
    pub(super) fn check_int(&mut self, key: &'static str) {
        if self.text(key).is_some_and(|text| text.parse::<i32>().is_err()) {
            self.problem(key, "An integer is expected");
        }
    }

    /// The key has to be one of these, if given, in any case of letters.
    pub(super) fn check_one_of(&mut self, key: &'static str, allowed: &[&str]) {
        let text = self.text(key).map(|text| java_trim(text).to_lowercase());
        if text.is_some_and(|text| !allowed.contains(&text.as_str())) {
            self.problem(key, format!("Value must be one of {}", allowed.join(", ")));
        }
    }

    /// The key has to be a regular expression, if given.
    pub(super) fn check_regex(&mut self, key: &'static str) {
        if let Some(Err(why)) = self.text(key).map(compile_java_regex) {
            self.problem(key, format!("A valid regular expressions is expected, but {why}"));
        }
    }

    /// The key has to be given, and not be blank.
    pub(super) fn check_required(&mut self, key: &'static str) {
        if self.text(key).is_none_or(|text| java_trim(text).is_empty()) {
            self.problem(key, "A value is required");
        }
    }

    /// An error without details if there were complaints, as Java throws it; the details are logged.
    pub(super) fn finish(self) -> Result<()> {
        if self.problems.is_empty() {
            return Ok(());
        }
        for (key, reason) in &self.problems {
            match self.text(key) {
                Some(text) => tracing::error!("The '{key}' value '{text}' is invalid: {reason}"),
                None => tracing::error!("The '{key}' value is invalid: {reason}"),
            }
        }
        Err(Error::config("Unable to validate config.").with_class("org.apache.kafka.connect.errors.ConnectException"))
    }

    /// The first complaint as an error. The first is that of the key which a Java `HashMap` of `buckets` buckets lists first.
    pub(super) fn finish_with_details(self, buckets: u32) -> Result<()> {
        let place = |key: &str| {
            let hash = key.bytes().fold(0_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
            (hash ^ hash >> 16) & (buckets - 1)
        };
        let Some((key, reason)) = self.problems.iter().min_by_key(|(key, _)| place(key)) else { return Ok(()) };
        let text = self.text_or(key, "null");
        let message = format!("Invalid value {text} for configuration {key}: The '{key}' value is invalid: {reason}");
        Err(Error::config(message))
    }
}

/// The text between its first and last character above space. Counterpart: `String.trim`.
pub(super) fn java_trim(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ')
}

/// The parts between separators, less the empty ones at the end. Counterpart: `String.split`.
pub(super) fn java_split(text: &str, separator: char) -> Vec<&str> {
    if !text.contains(separator) {
        return vec![text];
    }
    let mut parts: Vec<&str> = text.split(separator).collect();
    while parts.last().is_some_and(|last| last.is_empty()) {
        parts.pop();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_split_as_java_splits_them() {
        assert_eq!(java_split("", ','), [""]);
        assert_eq!(java_split(",", ','), [""; 0]);
        assert_eq!(java_split("a,,b,,", ','), ["a", "", "b"]);
        assert_eq!(java_split(",a", ','), ["", "a"]);
    }
}
