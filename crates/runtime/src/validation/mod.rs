//! Validation of connector configurations.

mod infos;

pub use infos::{ConfigInfo, ConfigInfos, ConfigValueInfo};
