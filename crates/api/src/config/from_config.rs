//! `FromConfig`: a Rust struct as the one definition of a configuration. `#[derive(ConfigDef)]` writes it.

use std::time::Duration;

use super::definition::ConfigDef;
use super::error::ConfigError;
use super::key::ConfigKey;
use super::parsed::{ParsedConfig, unexpected};
use super::secret::Secret;
use super::types::Type;
use super::validator::Validator;
use super::value::Parsed;
use super::{ConfigInput, ConfigMap, ConfigValue};

/// A struct that is read from a configuration and defines its keys.
pub trait FromConfig: Sized {
    /// The keys.
    ///
    /// # Errors
    /// A key is there twice, or its default is not valid.
    fn config_def() -> Result<ConfigDef, ConfigError>;

    /// From parsed values.
    ///
    /// # Errors
    /// A value that the field's type cannot hold.
    fn from_parsed(config: &ParsedConfig) -> Result<Self, ConfigError>;

    /// Parses a configuration; the first error ends it.
    ///
    /// # Errors
    /// As [`ConfigDef::parse`].
    fn from_config(config: &ConfigMap) -> Result<Self, ConfigError> {
        Self::from_parsed(&Self::config_def()?.parse(config)?)
    }

    /// Checks every key of a configuration.
    ///
    /// # Errors
    /// As [`FromConfig::config_def`].
    fn validate(config: &ConfigInput) -> Result<Vec<ConfigValue>, ConfigError> {
        Ok(Self::config_def()?.validate(config))
    }
}

/// A type that fields of a configuration can have.
pub trait FromParsed: Sized {
    /// Type of the key.
    const TYPE: Type;
    /// True if null is a value, and the default without another.
    const NULLABLE: bool = false;

    /// From a parsed value.
    ///
    /// # Errors
    /// Null, another type, or a number that is too large.
    fn from_parsed(name: &str, value: &Parsed) -> Result<Self, ConfigError>;

    /// What the type itself demands of the value, e.g. that it is not negative.
    fn validator() -> Option<Validator> {
        None
    }
}

/// The key of a field of type `T`; the derive adds the rest. A default makes it optional, as does a type that knows null; validators come behind
/// the type's own, and are not asked about null if the type knows it.
#[doc(hidden)]
pub fn field_key<T: FromParsed>(
    name: &str,
    ty: Type,
    default: Option<String>,
    validators: Vec<Validator>,
) -> ConfigKey {
    let key = ConfigKey::new(name, ty);
    let key = match default {
        Some(text) => key.default(text),
        None if T::NULLABLE => key.default_null(),
        None => key,
    };
    let own = validators.into_iter().map(|validator| if T::NULLABLE { validator.or_null() } else { validator });
    let mut all: Vec<Validator> = T::validator().into_iter().chain(own).collect();
    match (all.len(), all.pop()) {
        (1, Some(only)) => key.validator(only),
        (_, Some(last)) => {
            all.push(last);
            key.validator(Validator::all(all))
        }
        (_, None) => key,
    }
}

macro_rules! signed {
    ($($rust:ty => $ty:ident, $what:literal;)*) => {$(
        impl FromParsed for $rust {
            const TYPE: Type = Type::$ty;

            fn from_parsed(name: &str, value: &Parsed) -> Result<Self, ConfigError> {
                value.as_i64().and_then(|n| n.try_into().ok()).ok_or_else(|| unexpected(name, value, $what))
            }
        }
    )*};
}

macro_rules! unsigned {
    ($($rust:ty => $ty:ident;)*) => {$(
        impl FromParsed for $rust {
            const TYPE: Type = Type::$ty;

            fn from_parsed(name: &str, value: &Parsed) -> Result<Self, ConfigError> {
                value.as_i64().and_then(|n| n.try_into().ok()).ok_or_else(|| {
                    unexpected(name, value, concat!("an integer of the range of ", stringify!($rust)))
                })
            }

            fn validator() -> Option<Validator> {
                Some(match i64::try_from(<$rust>::MAX) {
                    Ok(max) => Validator::between(0, max),
                    Err(_) => Validator::at_least(0),
                })
            }
        }
    )*};
}

signed! {
    i16 => Short, "a 16-bit integer (short)";
    i32 => Int, "a 32-bit integer";
    i64 => Long, "a 64-bit integer (long)";
}

unsigned! {
    u8 => Short;
    u16 => Int;
    u32 => Long;
    u64 => Long;
    usize => Long;
}

impl FromParsed for bool {
    const TYPE: Type = Type::Boolean;

    fn from_parsed(name: &str, value: &Parsed) -> Result<Self, ConfigError> {
        match value {
            Parsed::Boolean(value) => Ok(*value),
            other => Err(unexpected(name, other, "either true or false")),
        }
    }
}

impl FromParsed for f64 {
    const TYPE: Type = Type::Double;

    fn from_parsed(name: &str, value: &Parsed) -> Result<Self, ConfigError> {
        value.as_f64().ok_or_else(|| unexpected(name, value, "a double"))
    }
}

impl FromParsed for String {
    const TYPE: Type = Type::String;

    fn from_parsed(name: &str, value: &Parsed) -> Result<Self, ConfigError> {
        value.as_str().map(str::to_owned).ok_or_else(|| unexpected(name, value, "a string"))
    }
}

impl FromParsed for Vec<String> {
    const TYPE: Type = Type::List;

    fn from_parsed(name: &str, value: &Parsed) -> Result<Self, ConfigError> {
        value.as_list().map(<[String]>::to_vec).ok_or_else(|| unexpected(name, value, "a list"))
    }
}

impl FromParsed for Secret {
    const TYPE: Type = Type::Password;

    fn from_parsed(name: &str, value: &Parsed) -> Result<Self, ConfigError> {
        match value {
            Parsed::Password(secret) => Ok(secret.clone()),
            other => Err(unexpected(name, other, "a password")),
        }
    }
}

/// Milliseconds, as all of Kafka's durations.
impl FromParsed for Duration {
    const TYPE: Type = Type::Long;

    fn from_parsed(name: &str, value: &Parsed) -> Result<Self, ConfigError> {
        u64::from_parsed(name, value).map(Duration::from_millis)
    }

    fn validator() -> Option<Validator> {
        Some(Validator::at_least(0))
    }
}

impl<T: FromParsed> FromParsed for Option<T> {
    const TYPE: Type = T::TYPE;
    const NULLABLE: bool = true;

    fn from_parsed(name: &str, value: &Parsed) -> Result<Self, ConfigError> {
        if value.is_null() { Ok(None) } else { T::from_parsed(name, value).map(Some) }
    }

    fn validator() -> Option<Validator> {
        T::validator().map(Validator::or_null)
    }
}
