//! Config providers: where the values of `${provider:path:key}` come from (KIP-297).
//!
//! Counterpart: `org.apache.kafka.common.config.provider`.

mod allowed_paths;
mod directory;
mod env_var;
mod file;

use indexmap::IndexMap;
use milena_api::config::ConfigMap;
use milena_api::{Error, Result};

use crate::plugins::nearest;

/// What a provider knows of the keys it was asked for.
#[derive(Clone, Debug, Default)]
pub struct ConfigData {
    /// Values; keys it does not know are left out.
    pub values: IndexMap<String, String>,
    /// For how long the values hold, in milliseconds; `None` for ever.
    pub ttl_ms: Option<i64>,
}

/// Gives values for keys at a path. Called wherever a configuration is resolved, which may read files.
pub trait ConfigProvider: Send + Sync {
    /// The values of `keys` at `path`.
    ///
    /// # Errors
    /// The source of the values cannot be read.
    fn get(&self, path: &str, keys: &[&str]) -> Result<ConfigData>;
}

type Make = fn(&ConfigMap) -> Result<Box<dyn ConfigProvider>>;

const PACKAGE: &str = "org.apache.kafka.common.config.provider.";

/// Simple class names without their suffix, and how to make an instance from the parameters.
const PROVIDERS: [(&str, Make); 3] = [
    ("File", |params| Ok(Box::new(file::FileConfigProvider::new(params)?))),
    ("Directory", |params| Ok(Box::new(directory::DirectoryConfigProvider::new(params)?))),
    ("EnvVar", |params| Ok(Box::new(env_var::EnvVarConfigProvider::new(params)?))),
];

/// The provider declared as `config.providers.<name>.class`, which may be a full name, a simple name or an alias.
///
/// # Errors
/// No such class, or parameters it refuses.
pub fn new_provider(name: &str, class: &str, params: &ConfigMap) -> Result<Box<dyn ConfigProvider>> {
    let simple = class.strip_prefix(PACKAGE).unwrap_or(class);
    let found = PROVIDERS.iter().find(|(alias, _)| {
        simple
            .strip_prefix(alias)
            .is_some_and(|rest| rest == "ConfigProvider" || (rest.is_empty() && simple.len() == class.len()))
    });
    if let Some((_, make)) = found {
        return make(params);
    }
    let names: Vec<String> = PROVIDERS.iter().map(|(alias, _)| format!("{PACKAGE}{alias}ConfigProvider")).collect();
    let near = nearest(class, names.iter().map(String::as_str).chain(PROVIDERS.iter().map(|(alias, _)| *alias)));
    let hint = if near.is_empty() {
        format!(". This worker has: {}", names.join(", "))
    } else {
        format!(". Did you mean {}?", near.join(" or "))
    };
    Err(Error::config(format!(
        "Invalid value {class} for configuration config.providers.{name}.class: Could not load config provider class or \
         one of its dependencies{hint}"
    )))
}

#[cfg(test)]
mod tests;
