//! `FileConfigProvider`: values from a properties file.
//!
//! Counterpart: `org.apache.kafka.common.config.provider.FileConfigProvider`.

use milena_api::config::ConfigMap;
use milena_api::{Error, Result};

use super::allowed_paths::AllowedPaths;
use super::{ConfigData, ConfigProvider};
use crate::properties::{Encoding, read_properties};

pub(super) struct FileConfigProvider {
    allowed: AllowedPaths,
}

impl FileConfigProvider {
    pub(super) fn new(params: &ConfigMap) -> Result<Self> {
        Ok(FileConfigProvider { allowed: AllowedPaths::new(params)? })
    }
}

impl ConfigProvider for FileConfigProvider {
    fn get(&self, path: &str, keys: &[&str]) -> Result<ConfigData> {
        if path.is_empty() {
            return Ok(ConfigData::default());
        }
        let Some(file) = self.allowed.check(path) else { return Ok(ConfigData::default()) };
        let mut properties = read_properties(&file, Encoding::Utf8)
            .map_err(|error| Error::config(format!("Could not read properties from file {path}")).with_source(error))?;
        properties.retain(|key, _| keys.contains(&key.as_str()));
        Ok(ConfigData { values: properties, ttl_ms: None })
    }
}
