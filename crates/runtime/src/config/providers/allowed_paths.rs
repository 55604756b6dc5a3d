//! `AllowedPaths`: where a provider may read. Counterpart: `org.apache.kafka.common.config.internals.AllowedPaths`.

use std::path::{Component, Path, PathBuf};

use milena_api::config::ConfigMap;
use milena_api::{Error, Result};

/// Paths below which everything may be read; `None` for everywhere.
pub(super) struct AllowedPaths(Option<Vec<PathBuf>>);

impl AllowedPaths {
    /// From the parameter `allowed.paths`, whose items are not trimmed.
    ///
    /// # Errors
    /// A path that is not absolute or does not exist.
    pub(super) fn new(params: &ConfigMap) -> Result<Self> {
        let Some(text) = params.get("allowed.paths").filter(|text| !text.is_empty()) else {
            return Ok(AllowedPaths(None));
        };
        let check = |item: &str| {
            let path = normalized(Path::new(item));
            if !path.is_absolute() {
                return Err(Error::config(format!("Path {} is not absolute", path.display())));
            }
            if !path.exists() {
                return Err(Error::config(format!("Path {} does not exist", path.display())));
            }
            Ok(path)
        };
        Ok(AllowedPaths(Some(text.split(',').map(check).collect::<Result<_>>()?)))
    }

    /// The path to read; `None`, with a warning, for one that is not allowed.
    pub(super) fn check(&self, path: &str) -> Option<PathBuf> {
        let Some(allowed) = &self.0 else { return Some(PathBuf::from(path)) };
        let path = normalized(Path::new(path));
        if allowed.iter().any(|root| path.starts_with(root)) {
            return Some(path);
        }
        tracing::warn!(path = %path.display(), "config provider may not read this path");
        None
    }
}

/// Without `.` and `..`, as far as the text alone tells.
fn normalized(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(result.components().next_back(), Some(Component::Normal(_))) => {
                result.pop();
            }
            Component::ParentDir if result.has_root() => {}
            other => result.push(other),
        }
    }
    result
}
