//! Reading of single keys, with the messages of `ConfigDef`.

use milena_api::config::ConfigMap;
use milena_api::error::{Error, Result};

/// The trimmed text of a key.
pub(crate) fn text<'a>(config: &'a ConfigMap, key: &str) -> Option<&'a str> {
    config.get(key).map(|value| value.trim())
}

/// `Invalid value … for configuration …: …`.
pub(crate) fn invalid(key: &str, value: &str, why: &str) -> Error {
    Error::config(format!("Invalid value {value} for configuration {key}: {why}"))
}

/// A key of type BOOLEAN.
pub(crate) fn boolean(config: &ConfigMap, key: &str, default: bool) -> Result<bool> {
    match text(config, key) {
        None => Ok(default),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(text) => Err(invalid(key, text, "Expected value to be either true or false")),
    }
}

/// A key of type INT.
pub(crate) fn int(config: &ConfigMap, key: &str, default: i32) -> Result<i32> {
    match text(config, key) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| invalid(key, text, "Not a number of type INT")),
    }
}
