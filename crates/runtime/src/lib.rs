//! The worker: tasks, connectors, herders, stores, plug-ins, errors.

pub mod config;
pub mod herder;
pub mod logging;
pub mod plugins;
pub mod properties;
pub mod stage;
pub mod tasks;
pub mod validation;
