//! `ParsedConfig`: the values of all defined keys. Counterpart: `AbstractConfig`.

use indexmap::IndexMap;

use super::error::ConfigError;
use super::from_config::FromParsed;
use super::secret::Secret;
use super::value::Parsed;

/// The parsed values, in the order of definition. The typed getters refuse null: use [`ParsedConfig::get`] with an `Option`, as in
/// `config.get::<Option<i64>>("poll.ms")`, where null is allowed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParsedConfig {
    values: IndexMap<String, Parsed>,
}

impl ParsedConfig {
    /// The value of a key.
    ///
    /// # Errors
    /// The key is not defined.
    pub fn value(&self, name: &str) -> Result<&Parsed, ConfigError> {
        self.values.get(name).ok_or_else(|| ConfigError::Unknown { key: name.to_owned() })
    }

    /// The value of a key as a Rust type.
    ///
    /// # Errors
    /// The key is not defined, is null and the type no `Option`, or is of another type.
    pub fn get<T: FromParsed>(&self, name: &str) -> Result<T, ConfigError> {
        T::from_parsed(name, self.value(name)?)
    }

    /// A STRING or the name of a CLASS.
    ///
    /// # Errors
    /// As [`ParsedConfig::get`].
    pub fn string(&self, name: &str) -> Result<&str, ConfigError> {
        let value = self.value(name)?;
        value.as_str().ok_or_else(|| unexpected(name, value, "a text"))
    }

    /// A STRING or the name of a CLASS, or null.
    ///
    /// # Errors
    /// As [`ParsedConfig::get`].
    pub fn opt_string(&self, name: &str) -> Result<Option<&str>, ConfigError> {
        match self.value(name)? {
            Parsed::Null => Ok(None),
            value => value.as_str().map(Some).ok_or_else(|| unexpected(name, value, "a text")),
        }
    }

    /// A BOOLEAN.
    ///
    /// # Errors
    /// As [`ParsedConfig::get`].
    pub fn boolean(&self, name: &str) -> Result<bool, ConfigError> {
        self.get(name)
    }

    /// An INT.
    ///
    /// # Errors
    /// As [`ParsedConfig::get`].
    pub fn int(&self, name: &str) -> Result<i32, ConfigError> {
        self.get(name)
    }

    /// A SHORT.
    ///
    /// # Errors
    /// As [`ParsedConfig::get`].
    pub fn short(&self, name: &str) -> Result<i16, ConfigError> {
        self.get(name)
    }

    /// A LONG; also an INT or SHORT.
    ///
    /// # Errors
    /// As [`ParsedConfig::get`].
    pub fn long(&self, name: &str) -> Result<i64, ConfigError> {
        self.get(name)
    }

    /// A DOUBLE.
    ///
    /// # Errors
    /// As [`ParsedConfig::get`].
    pub fn double(&self, name: &str) -> Result<f64, ConfigError> {
        self.get(name)
    }

    /// A LIST.
    ///
    /// # Errors
    /// As [`ParsedConfig::get`].
    pub fn list(&self, name: &str) -> Result<&[String], ConfigError> {
        let value = self.value(name)?;
        value.as_list().ok_or_else(|| unexpected(name, value, "a list"))
    }

    /// A PASSWORD.
    ///
    /// # Errors
    /// As [`ParsedConfig::get`].
    pub fn password(&self, name: &str) -> Result<&Secret, ConfigError> {
        match self.value(name)? {
            Parsed::Password(secret) => Ok(secret),
            value => Err(unexpected(name, value, "a password")),
        }
    }

    /// True if the key is defined.
    pub fn contains(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Keys and values in the order of definition.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Parsed)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Sets or adds a value.
    pub fn insert(&mut self, name: impl Into<String>, value: Parsed) {
        self.values.insert(name.into(), value);
    }
}

impl FromIterator<(String, Parsed)> for ParsedConfig {
    fn from_iter<I: IntoIterator<Item = (String, Parsed)>>(values: I) -> Self {
        ParsedConfig { values: values.into_iter().collect() }
    }
}

/// A value is read as something it is not: null, or of another type.
pub(super) fn unexpected(name: &str, value: &Parsed, wanted: &str) -> ConfigError {
    ConfigError::invalid(name, value, format!("Expected value to be {wanted}"))
}
