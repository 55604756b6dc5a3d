//! Validation of connector configurations.

mod clients;
mod connector;
mod converters;
mod infos;
mod plugin_config;
mod service;

#[cfg(test)]
mod tests;

pub use connector::ConnectorValidator;
pub use infos::{ConfigInfo, ConfigInfos, ConfigValueInfo};
pub use service::Validator;
