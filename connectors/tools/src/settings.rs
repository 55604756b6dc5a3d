//! Properties as these connectors read them: without a definition, number by number, as Java's `parseLong` and its kin do.

use std::str::FromStr;

use milena_api::config::ConfigMap;
use milena_api::connector::TaskConfigs;
use milena_api::{Error, Result};

/// The connector's configuration for each of `max_tasks` tasks, with the task's number as `id`.
pub fn numbered(config: &ConfigMap, max_tasks: usize) -> TaskConfigs {
    let numbered = |id: usize| {
        let mut config = config.clone();
        config.insert("id".to_owned(), id.to_string());
        config
    };
    (0..max_tasks).map(numbered).collect()
}

/// A property that must be a number; `message` is what the failure is called, the property itself is named in its cause.
pub fn number<T: FromStr>(config: &ConfigMap, key: &str, message: &str) -> Result<T> {
    let text = config.get(key).map(String::as_str);
    text.and_then(|text| text.parse().ok()).ok_or_else(|| Error::fatal(message).with_source(not_a_number(key, text)))
}

/// The number behind a key whose value is there but cannot be read, or that is missing.
pub fn not_a_number(key: &str, text: Option<&str>) -> Error {
    let message = match text {
        Some(text) => format!("For input string: \"{text}\" (property {key})"),
        None => format!("Cannot parse null string: null (property {key} is missing)"),
    };
    Error::fatal(message).with_class("java.lang.NumberFormatException")
}

/// Java's `parseBoolean`: anything else is false.
pub fn flag(config: &ConfigMap, key: &str) -> bool {
    config.get(key).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}
