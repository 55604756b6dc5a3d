//! Configuration: keys and their types, parsing, validation, and structs that define both.
//!
//! Counterpart: `org.apache.kafka.common.config`. What is accepted and what messages say is Kafka's to the letter.
//!
//! A configuration is defined once. Plug-ins derive it from the struct they work with:
//!
//! ```
//! use std::time::Duration;
//! use milena_api::config::{ConfigDef, ConfigMap, FromConfig};
//!
//! /// Writes records to an HTTP endpoint.
//! #[derive(ConfigDef)]
//! struct HttpSinkConfig {
//!     /// Where to send records.
//!     #[config(name = "http.url", importance = high, group = "Connection")]
//!     url: String,
//!     /// How long one request may take.
//!     #[config(name = "http.timeout.ms", default = 30_000, importance = low, range = 1..)]
//!     timeout: Duration,
//! }
//!
//! let config = ConfigMap::from_iter([("http.url".to_owned(), "http://localhost".to_owned())]);
//! assert_eq!(HttpSinkConfig::from_config(&config)?.timeout, Duration::from_secs(30));
//! # Ok::<(), milena_api::config::ConfigError>(())
//! ```
//!
//! or write it out: [`ConfigDef::of`] with a [`ConfigKey`] each. [`ConfigDef::parse`] stops at the first error, for programs;
//! [`ConfigDef::validate`] reports all of them, for people.

mod class;
mod definition;
mod embed;
mod error;
mod from_config;
mod java_hash;
mod java_regex;
mod key;
mod number;
mod parse;
mod parsed;
mod recommender;
mod secret;
mod types;
mod validate;
mod validator;
mod value;

use indexmap::IndexMap;

pub use class::ClassResolver;
pub use definition::ConfigDef;
pub use error::ConfigError;
#[doc(hidden)]
pub use from_config::field_key;
pub use from_config::{FromConfig, FromParsed};
pub use java_regex::{compile as compile_java_regex, compile_whole as compile_java_regex_whole};
pub use key::{ConfigKey, ConfigKeyInfo};
/// Makes a struct the definition of its configuration: see [`FromConfig`], and the derive's own page for the attributes.
pub use milena_api_macros::ConfigDef;
pub use parse::parse_type;
pub use parsed::ParsedConfig;
pub use recommender::{Recommender, fixed_values};
pub use secret::{HIDDEN, Secret};
pub use types::{Importance, Type, Width};
pub use validate::ConfigValue;
pub use validator::{DistinctList, Number, Validator};
pub use value::Parsed;

/// A configuration: keys to values, in the order given.
pub type ConfigMap = IndexMap<String, String>;

/// A configuration to be validated: values may be null.
pub type ConfigInput = IndexMap<String, Option<String>>;
