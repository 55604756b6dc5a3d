//! `DirectoryConfigProvider`: one file per value, as secrets are mounted into containers.
//!
//! Counterpart: `org.apache.kafka.common.config.provider.DirectoryConfigProvider`.

use std::fs;

use milena_api::config::ConfigMap;
use milena_api::{Error, Result};

use super::allowed_paths::AllowedPaths;
use super::{ConfigData, ConfigProvider};

pub(super) struct DirectoryConfigProvider {
    allowed: AllowedPaths,
}

impl DirectoryConfigProvider {
    pub(super) fn new(params: &ConfigMap) -> Result<Self> {
        Ok(DirectoryConfigProvider { allowed: AllowedPaths::new(params)? })
    }
}

impl ConfigProvider for DirectoryConfigProvider {
    fn get(&self, path: &str, keys: &[&str]) -> Result<ConfigData> {
        let mut data = ConfigData::default();
        if path.is_empty() {
            return Ok(data);
        }
        let Some(directory) = self.allowed.check(path) else { return Ok(data) };
        if !directory.is_dir() {
            tracing::warn!(path, "config provider path is not a directory");
            return Ok(data);
        }
        let unlisted = |error| {
            Error::config(format!("Could not list directory {}", directory.display())).with_source(Error::from(error))
        };
        for entry in fs::read_dir(&directory).map_err(unlisted)? {
            let file = entry.map_err(unlisted)?.path();
            let Some(key) = file.file_name().and_then(|name| name.to_str()).filter(|name| keys.contains(name)) else {
                continue;
            };
            if file.is_file() {
                let value = fs::read_to_string(&file).map_err(|error| {
                    Error::config(format!("Could not read file {} for property {key}", file.display()))
                        .with_source(Error::from(error))
                })?;
                data.values.insert(key.to_owned(), value);
            }
        }
        Ok(data)
    }
}
