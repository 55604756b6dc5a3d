//! Placeholder until the definition lands: names and shapes only.

use indexmap::IndexMap;

use crate::error::Result;

/// A configuration: keys to values.
pub type ConfigMap = IndexMap<String, String>;

/// A configuration to be validated: values may be null.
pub type ConfigInput = IndexMap<String, Option<String>>;

/// Definition of configuration keys.
#[derive(Clone, Debug, Default)]
pub struct ConfigDef;

impl ConfigDef {
    /// No keys.
    pub fn new() -> Self {
        ConfigDef
    }

    /// Checks every key.
    pub fn validate(&self, _config: &ConfigInput) -> Vec<ConfigValue> {
        Vec::new()
    }
}

/// What validation says of one key.
#[derive(Clone, Debug, Default)]
pub struct ConfigValue;

/// Definition of one key as texts.
#[derive(Clone, Debug, Default)]
pub struct ConfigKeyInfo;

/// Placeholder.
pub fn unused() -> Result<()> {
    Ok(())
}
