//! What runs on a worker: connectors, source tasks and sink tasks.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.{Worker, WorkerConnector, WorkerTask}` and the task classes.

mod builder;
mod connector;
mod converters;
mod errors;
mod instances;
mod sink_context;
mod sink_task;
mod source_context;
mod source_task;
mod submitted_records;
mod task;
mod topic_creation;
mod topic_tracker;
mod transformation_chain;

pub use builder::{TaskBuilder, WorkerParts};
pub use connector::{AnyConnector, AnyOffsetChanges, WorkerConnector, alter_offsets};
pub use converters::Converters;
pub(crate) use errors::from_kafka;
pub use instances::{MadeTaskConfigs, Worker};
pub use submitted_records::{SourceOffsets, SubmittedRecords};
pub use task::{TaskControl, TaskState};
pub use transformation_chain::{TransformationChain, TransformationStage};
