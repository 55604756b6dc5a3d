//! Stores: source offsets and statuses.
//!
//! Counterpart: `org.apache.kafka.connect.storage`.

mod file_offset_store;
mod java_serialization;
mod memory_config_store;
mod offset_codec;
mod status_store;

pub use file_offset_store::FileOffsetStore;
pub(crate) use java_serialization::{read_map, write_map};
pub use memory_config_store::{ConfigSnapshot, MemoryConfigStore};
pub use offset_codec::{ConnectorOffsets, OffsetCodec};
pub use status_store::StatusStore;
