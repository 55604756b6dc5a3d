//! `ConfigInfos`: what validation answers, as REST shows it.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.rest.entities.ConfigInfos`.

use milena_api::config::ConfigKeyInfo;

/// Answer of a validation.
#[derive(Clone, Debug)]
pub struct ConfigInfos {
    /// `connector.class` as it was given.
    pub name: String,
    /// How many errors there are.
    pub error_count: usize,
    /// Groups of the keys.
    pub groups: Vec<String>,
    /// The keys.
    pub configs: Vec<ConfigInfo>,
}

/// One key: its definition, if it has one, and what was found about its value.
#[derive(Clone, Debug)]
pub struct ConfigInfo {
    /// Definition; `None` for a key that nothing defines.
    pub definition: Option<ConfigKeyInfo>,
    /// Value; `None` for a key of the connector that its validation left out.
    pub value: Option<ConfigValueInfo>,
}

/// What was found about the value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigValueInfo {
    /// Key.
    pub name: String,
    /// Value as text; secrets are hidden.
    pub value: Option<String>,
    /// Values that would fit.
    pub recommended_values: Vec<String>,
    /// What is wrong with it.
    pub errors: Vec<String>,
    /// False if the key is of no use as things are.
    pub visible: bool,
}
