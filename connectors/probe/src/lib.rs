//! The test kit's plug-ins: connectors that report what the worker does to them, block where they are told to, and fail on purpose.
//!
//! They exist only where `MILENA_TEST_EVENTS=HOST:PORT` is set: [`Probe::from_env`] then opens the channel to the tests.
//!
//! | module | holds |
//! |---|---|
//! | `channel` | the connection: events to the tests, controls from them |
//! | `instance` | one start of a connector or task, as events name it |
//! | `block` | places to block at |
//! | `testable_source`, `testable_sink`, `errant_sink` | connectors that report every call |
//! | `naughty_source`, `plain_sinks` | connectors that report nothing |
//! | `blocking_connector`, `blocking_source`, `blocking_sink` | connectors that block |
//! | `converters`, `faulty_passthrough` | converters and a transformation |
//! | `plugins` | their class names |

mod block;
mod blocking_connector;
mod blocking_sink;
mod blocking_source;
mod channel;
mod converters;
mod errant_sink;
mod faulty_passthrough;
mod instance;
mod naughty_source;
mod plain_sinks;
mod plugins;
mod testable_sink;
mod testable_source;
#[cfg(test)]
mod testing;

pub use channel::{Probe, RestTimeouts};
