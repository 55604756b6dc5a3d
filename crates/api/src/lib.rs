//! What the author of a connector, converter or transformation sees of Milena.
//!
//! | module | holds |
//! |---|---|
//! | [`data`] | schemas, values, structs, logical types |
//! | [`config`] | definitions of configuration keys, parsing, validation |
//! | [`header`], [`record`] | records on their way to and from Kafka |
//! | [`source`], [`sink`], [`connector`] | connectors and tasks, and the contexts they are given |
//! | [`converter`], [`transform`] | the plug-ins between a task and Kafka |
//! | [`plugin`] | how a plug-in is announced to the runtime |
//! | [`error`] | one error type, shaped by what the runtime does next |
//!
//! Nothing here depends on the runtime: a plug-in is compiled against this crate alone. The `erased` traits are what the runtime
//! holds; authors implement the typed ones and never see a box.

#![deny(missing_docs)]

pub mod config;
pub mod connector;
pub mod converter;
pub mod data;
pub mod error;
pub mod header;
pub mod metrics;
pub mod plugin;
pub mod record;
pub mod sink;
pub mod source;
pub mod transform;

pub use error::{Error, ErrorKind, Result};
pub use record::TopicPartition;

/// Version that everything shipped with the worker reports: the Kafka release whose behaviour it has.
pub const KAFKA_VERSION: &str = "4.3.1";

/// Version text of a plug-in that has none.
pub const UNDEFINED_VERSION: &str = "undefined";

/// Compiles and runs the code of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/writing-a-connector.md")]
pub struct WritingAConnector;
