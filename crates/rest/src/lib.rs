//! The REST API: Kafka Connect's endpoints over HTTP, with its statuses, bodies, texts and headers.
//!
//! | module | holds |
//! |---|---|
//! | [`RestServer`] | listeners, connections, start and graceful stop |
//! | `service` | what happens to one request, around its endpoint |
//! | `router`, `routes` | which endpoint a path means; one file per resource |
//! | `entities` | the JSON bodies, one file each |
//! | `json` | reading bodies as Jackson does, with its error texts |
//!
//! The crate knows the worker through `milena_runtime::herder::Herder` alone.

mod config;
mod cors;
mod entities;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod json;
mod listeners;
mod media;
mod path;
mod query;
mod reply;
mod request_log;
mod response_headers;
mod router;
mod routes;
mod server;
mod service;
mod spawn;
mod timeouts;

#[cfg(test)]
mod tests;

pub use config::RestConfig;
pub use error::{Error, Result};
pub use server::RestServer;
pub use timeouts::Timeouts;
