//! The logs: record batches of one partition each, in memory and, with a data folder, in segment files.

mod compaction;
mod control;
mod epochs;
mod files;
mod memory;
mod partition;
mod producers;
#[cfg(test)]
mod test_batches;
mod timestamps;
mod transactions;
mod validation;

pub(crate) use control::Marker;
pub(crate) use memory::Memory;
pub(crate) use partition::{Appended, Partition, Read, ReadError};
pub(crate) use transactions::Aborted;
pub(crate) use validation::Refused;
