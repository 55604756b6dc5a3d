//! Milena's own Kafka client: everything that talks to a Kafka cluster.

pub mod admin;
pub mod config;
pub mod consumer;
mod error;
mod error_code;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod group;
mod group_metadata;
mod memory;
mod metrics;
mod net;
mod offset_and_metadata;
pub mod producer;
pub mod records;
mod spawn;

pub use error::{AuthenticationKind, Error, Result};
pub use error_code::ErrorCode;
pub use group_metadata::GroupMetadata;
pub use memory::{Grant, MemoryGovernor};
pub use metrics::{Metric, MetricValue};
pub use milena_api::record::TopicPartition;
pub use offset_and_metadata::OffsetAndMetadata;
