//! `PluginError`: why a plug-in cannot be had.

use milena_api::Error;

use super::version::InvalidRange;

/// Why a plug-in cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// Nothing of that name, or several.
    #[error("{0}")]
    NotFound(String),
    /// The class is there, but in no version that was asked for.
    #[error(
        "Plugin {class} not found that matches the version range {range}, available versions: [{}]",
        available.join(", ")
    )]
    NoSuchVersion {
        /// Class or alias as given.
        class: String,
        /// What was asked for.
        range: String,
        /// Versions there are.
        available: Vec<String>,
    },
    /// A `*.plugin.version` that is no version range.
    #[error(transparent)]
    InvalidRange(#[from] InvalidRange),
    /// The plug-in's constructor failed.
    #[error("Instantiation error")]
    Instantiation(#[source] Error),
}

impl From<PluginError> for Error {
    fn from(error: PluginError) -> Self {
        let class = match &error {
            PluginError::NoSuchVersion { .. } => {
                "org.apache.kafka.connect.runtime.isolation.VersionedPluginLoadingException"
            }
            PluginError::InvalidRange(_) => "org.apache.maven.artifact.versioning.InvalidVersionSpecificationException",
            PluginError::NotFound(_) | PluginError::Instantiation(_) => {
                "org.apache.kafka.connect.errors.ConnectException"
            }
        };
        let message = error.to_string();
        match error {
            PluginError::Instantiation(cause) => Error::fatal(message).with_source(cause),
            _ => Error::fatal(message).with_class(class),
        }
    }
}
