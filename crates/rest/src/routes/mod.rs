//! The endpoints, one file per resource.

pub mod connector_plugins;
pub mod connectors;
mod endpoint;
pub mod health;
pub mod internal;
pub mod loggers;
pub mod offsets;
pub mod root;
pub mod tasks;
pub mod topics;

pub use endpoint::{Call, Endpoint};
