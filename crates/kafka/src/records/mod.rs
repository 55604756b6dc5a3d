//! Record batches in Kafka's wire format: headers, codecs, writing and reading in place.
//!
//! Counterpart: org.apache.kafka.common.record.

mod batch_builder;
mod batch_header;
mod codec;
pub(crate) mod legacy;
mod record_iter;
mod varint;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;

pub use batch_builder::{BatchBuilder, ProducerId, RecordParts, record_size_bound};
pub use batch_header::{BatchHeader, HEADER_LEN, InvalidRecords, PREFIX_LEN, TimestampType};
pub use batch_header::{set_base_offset, set_leader_epoch, set_log_append_time, set_producer};
pub use codec::{Compression, Level};
pub use record_iter::{Headers, RecordIter, RecordView};
pub use varint::{read_varint, read_varlong, varint_len, varlong_len, write_varint, write_varlong};
