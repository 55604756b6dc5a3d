//! Plug-ins: which there are, by what names, in which versions.

mod error;
mod nearest;
mod registry;
#[cfg(test)]
pub(crate) mod test_plugins;
mod version;

pub use error::PluginError;
pub(crate) use nearest::nearest;
pub(crate) use registry::CONNECTORS;
pub use registry::{PluginRegistry, interface};
pub use version::{InvalidRange, Version, VersionRange};
