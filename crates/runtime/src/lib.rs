//! The worker: tasks, connectors, herders, stores, plug-ins, errors.

pub mod config;
pub mod errors;
#[doc(hidden)]
pub mod fuzzing;
pub mod herder;
pub mod logging;
pub mod plugins;
pub mod properties;
pub mod stage;
pub mod standalone;
pub mod storage;
pub mod tasks;
pub mod validation;
pub mod worker;
