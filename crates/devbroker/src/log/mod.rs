//! The logs: record batches of one partition each, in memory and, with a data folder, in segment files.

mod batch;
mod files;
mod partition;
mod producers;
mod timestamps;

pub(crate) use partition::{Appended, Partition, ReadError};
