//! Keys and checks that several transformations share.

use milena_api::config::{ConfigDef, ConfigError, ConfigKey, Importance, Type};
use milena_api::error::Result;

pub(crate) const REPLACE_NULL: &str = "replace.null.with.default";

/// The key `replace.null.with.default`.
pub(crate) fn replace_null() -> ConfigKey {
    ConfigKey::new(REPLACE_NULL, Type::Boolean)
        .default(true)
        .doc("Whether a null of a field with a default is read as the default, rather than as null.")
}

/// A definition of these keys.
pub(crate) fn definition(keys: impl IntoIterator<Item = ConfigKey>) -> Result<ConfigDef> {
    Ok(ConfigDef::of(keys)?)
}

/// A key of high importance.
pub(crate) fn high(name: &str, ty: Type, doc: &str) -> ConfigKey {
    ConfigKey::new(name, ty).importance(Importance::High).doc(doc)
}

/// A key of medium importance.
pub(crate) fn medium(name: &str, ty: Type, doc: &str) -> ConfigKey {
    ConfigKey::new(name, ty).importance(Importance::Medium).doc(doc)
}

/// A key of low importance.
pub(crate) fn low(name: &str, ty: Type, doc: &str) -> ConfigKey {
    ConfigKey::new(name, ty).importance(Importance::Low).doc(doc)
}

/// A list as Java prints it.
pub(crate) fn list_text(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}

/// `Invalid value … for configuration …: …`.
pub(crate) fn invalid(key: &str, value: impl Into<String>, reason: impl Into<String>) -> ConfigError {
    ConfigError::Invalid { key: key.to_owned(), value: value.into(), reason: Some(reason.into()) }
}
