//! The logs: record batches of one partition each, in memory and, with a data folder, in segment files.

mod compaction;
mod files;
mod memory;
mod partition;
mod producers;
#[cfg(test)]
mod test_batches;
mod timestamps;

pub(crate) use memory::Memory;
pub(crate) use partition::{Appended, Partition, ReadError};
