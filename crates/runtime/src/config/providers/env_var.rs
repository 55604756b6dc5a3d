//! `EnvVarConfigProvider`: values from the environment, as it was when the provider was made.
//!
//! Counterpart: `org.apache.kafka.common.config.provider.EnvVarConfigProvider`.

use std::collections::HashMap;

use milena_api::config::{ConfigMap, compile_java_regex};
use milena_api::{Error, Result};

use super::{ConfigData, ConfigProvider};

pub(super) struct EnvVarConfigProvider {
    variables: HashMap<String, String>,
}

impl EnvVarConfigProvider {
    pub(super) fn new(params: &ConfigMap) -> Result<Self> {
        let variables = std::env::vars_os();
        Self::of(
            params,
            variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// With these variables as the environment.
    pub(super) fn of(params: &ConfigMap, variables: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let Some(pattern) = params.get("allowlist.pattern") else {
            return Ok(EnvVarConfigProvider { variables: variables.collect() });
        };
        let regex = compile_java_regex(&format!("^(?:{pattern})$")).map_err(|error| {
            Error::config(format!("Invalid value {pattern} for configuration allowlist.pattern: {error}"))
        })?;
        let allowed = variables.filter(|(name, _)| regex.is_match(name).unwrap_or(false));
        Ok(EnvVarConfigProvider { variables: allowed.collect() })
    }
}

impl ConfigProvider for EnvVarConfigProvider {
    fn get(&self, path: &str, keys: &[&str]) -> Result<ConfigData> {
        if !path.is_empty() {
            return Err(Error::config(format!(
                "Path is not supported for EnvVarConfigProvider, invalid value '{path}'"
            )));
        }
        let found = keys.iter().filter_map(|key| Some(((*key).to_owned(), self.variables.get(*key)?.clone())));
        Ok(ConfigData { values: found.collect(), ttl_ms: None })
    }
}
