//! Reads records: batches as slices of what the broker sent, positions, groups, commits.
//!
//! Counterpart: org.apache.kafka.clients.consumer.KafkaConsumer.

mod batch;
mod broker;
mod buffer;
mod client;
mod commit;
mod committed;
mod fetch;
mod fetching;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod partition;
mod planning;
mod positions;
mod rebalance;
mod session;
mod subscription;
mod wakeup;

pub use crate::offset_and_metadata::OffsetAndMetadata;
pub use crate::records::{Headers, RecordIter, RecordView};
pub use batch::FetchedBatch;
pub use client::{Consumer, Polled};
pub use commit::CommitFuture;
pub use subscription::{StartOffset, Subscription};
pub use wakeup::Wakeup;
