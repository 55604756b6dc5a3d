//! `ConfigError`: why a configuration or a definition cannot be used. Counterpart: `org.apache.kafka.common.config.ConfigException`.

use super::value::Parsed;
use crate::error::Error;

/// An error in a configuration. `Display` is the text that Kafka has for it, as REST and logs show it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The value of a key cannot be used.
    #[error("Invalid value {value} for configuration {key}{}", reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default())]
    Invalid {
        /// Name of the key, in the words of the one who checks: embedded keys are named without their prefix.
        key: String,
        /// The value as shown; a secret shows `[hidden]`.
        value: String,
        /// What is wrong with it.
        reason: Option<String>,
    },
    /// A key without default is not set.
    #[error("Missing required configuration \"{key}\" which has no default value.")]
    Missing {
        /// Name of the key.
        key: String,
    },
    /// A program asks for a key that was never defined.
    #[error("Unknown configuration '{key}'")]
    Unknown {
        /// Name of the key.
        key: String,
    },
    /// A definition has a key twice.
    #[error("Configuration {key} is defined twice.")]
    DefinedTwice {
        /// Name of the key.
        key: String,
    },
    /// A definition names keys as dependents that it does not have.
    #[error("Some configurations in are referred in the dependents, but not defined: {}", keys.join(","))]
    UndefinedDependents {
        /// Names of those keys.
        keys: Vec<String>,
    },
    /// Anything else, in the words of the one who checks.
    #[error("{0}")]
    Other(String),
}

impl ConfigError {
    /// An unusable value: `Invalid value <value> for configuration <key>: <reason>`.
    pub fn invalid(key: impl Into<String>, value: &Parsed, reason: impl Into<String>) -> Self {
        ConfigError::Invalid { key: key.into(), value: value.shown().into_owned(), reason: Some(reason.into()) }
    }

    /// A text of one's own.
    pub fn other(message: impl Into<String>) -> Self {
        ConfigError::Other(message.into())
    }

    /// The key at fault, where there is one.
    pub fn key(&self) -> Option<&str> {
        match self {
            ConfigError::Invalid { key, .. }
            | ConfigError::Missing { key }
            | ConfigError::Unknown { key }
            | ConfigError::DefinedTwice { key } => Some(key),
            ConfigError::UndefinedDependents { .. } | ConfigError::Other(_) => None,
        }
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Error::config(error.to_string())
    }
}
