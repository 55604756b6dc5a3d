//! Header of a record batch (magic 2), read and completed in place.
//!
//! Counterpart: org.apache.kafka.common.record.DefaultRecordBatch.

use super::batch_builder::ProducerId;
use super::codec::Compression;

/// Bytes of a batch header, up to the first record.
pub const HEADER_LEN: usize = 61;
/// Bytes before the part that `batch_length` counts: base offset and the length itself.
pub const PREFIX_LEN: usize = 12;

pub(super) const LEADER_EPOCH: usize = 12;
pub(super) const MAGIC: usize = 16;
pub(super) const CRC: usize = 17;
pub(super) const ATTRIBUTES: usize = 21;
pub(super) const MAX_TIMESTAMP: usize = 35;
const PRODUCER_ID: usize = 43;

pub(super) const CODEC_MASK: i16 = 0x07;
pub(super) const LOG_APPEND_TIME: i16 = 0x08;
pub(super) const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// Bytes that are no readable batch; says what is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidRecords {
    reason: String,
    truncated: bool,
}

impl InvalidRecords {
    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), truncated: false }
    }

    pub(crate) fn truncated(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), truncated: true }
    }

    /// Whether only the end is missing, as at the end of a fetch answer.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }
}

/// What the timestamps of a batch mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The record format has none.
    NoTimestampType,
    /// Set by the producer.
    CreateTime,
    /// Set by the broker, one for the whole batch.
    LogAppendTime,
}

/// The fields of a batch header. Times are milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Bytes after the length field.
    pub batch_length: i32,
    /// Epoch of the leader that wrote the batch; -1 if not known.
    pub leader_epoch: i32,
    /// Record format.
    pub magic: i8,
    /// CRC-32C from the attributes to the end.
    pub crc: u32,
    /// Codec and flags.
    pub attributes: i16,
    /// Last offset minus base offset; compaction keeps it when it removes records.
    pub last_offset_delta: i32,
    /// What the timestamp deltas of the records add to.
    pub base_timestamp: i64,
    /// Greatest timestamp of the batch.
    pub max_timestamp: i64,
    /// -1 without idempotence.
    pub producer_id: i64,
    /// -1 without idempotence.
    pub producer_epoch: i16,
    /// -1 without idempotence.
    pub base_sequence: i32,
    /// Number of records.
    pub count: i32,
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], InvalidRecords> {
    match bytes.get(at..at + N).map(TryInto::try_into) {
        Some(Ok(array)) => Ok(array),
        _ => Err(InvalidRecords::truncated("a batch header is cut off")),
    }
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`; the records need not be there yet.
    ///
    /// # Errors
    /// A cut-off header ([`InvalidRecords::is_truncated`]), a format other than 2, or impossible lengths.
    pub fn read(bytes: &[u8]) -> Result<Self, InvalidRecords> {
        let magic = i8::from_be_bytes(array(bytes, MAGIC)?);
        let header = Self {
            base_offset: i64::from_be_bytes(array(bytes, 0)?),
            batch_length: i32::from_be_bytes(array(bytes, 8)?),
            magic,
            leader_epoch: -1,
            crc: 0,
            attributes: 0,
            last_offset_delta: 0,
            base_timestamp: -1,
            max_timestamp: -1,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            count: 0,
        };
        if magic != 2 {
            return Err(InvalidRecords::malformed(format!("record format {magic} is not supported")));
        }
        let header = Self {
            leader_epoch: i32::from_be_bytes(array(bytes, LEADER_EPOCH)?),
            crc: u32::from_be_bytes(array(bytes, CRC)?),
            attributes: i16::from_be_bytes(array(bytes, ATTRIBUTES)?),
            last_offset_delta: i32::from_be_bytes(array(bytes, 23)?),
            base_timestamp: i64::from_be_bytes(array(bytes, 27)?),
            max_timestamp: i64::from_be_bytes(array(bytes, MAX_TIMESTAMP)?),
            producer_id: i64::from_be_bytes(array(bytes, 43)?),
            producer_epoch: i16::from_be_bytes(array(bytes, 51)?),
            base_sequence: i32::from_be_bytes(array(bytes, 53)?),
            count: i32::from_be_bytes(array(bytes, 57)?),
            ..header
        };
        let body = usize::try_from(header.batch_length).unwrap_or(0);
        if body < HEADER_LEN - PREFIX_LEN {
            return Err(InvalidRecords::malformed(format!("a batch of {} bytes cannot be", header.batch_length)));
        }
        if header.last_offset_delta < 0 || header.count < 0 || header.base_offset < 0 {
            return Err(InvalidRecords::malformed(format!(
                "base offset {}, last offset delta {} and record count {} cannot be",
                header.base_offset, header.last_offset_delta, header.count
            )));
        }
        if header.base_offset.checked_add(i64::from(header.last_offset_delta) + 1).is_none() {
            return Err(InvalidRecords::malformed("offsets beyond the greatest possible one"));
        }
        Ok(header)
    }

    /// Bytes of the whole batch, header included.
    pub fn total_len(&self) -> usize {
        PREFIX_LEN + usize::try_from(self.batch_length).unwrap_or(0)
    }

    /// Offset of the last record, whether compaction kept it or not.
    pub fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// Whether the records belong to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether the batch is a transaction marker, which no consumer hands out.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// Meaning of the timestamps.
    pub fn timestamp_type(&self) -> TimestampType {
        match self.magic {
            0 => TimestampType::NoTimestampType,
            _ if self.attributes & LOG_APPEND_TIME != 0 => TimestampType::LogAppendTime,
            _ => TimestampType::CreateTime,
        }
    }

    /// Codec of the records.
    ///
    /// # Errors
    /// A number that names no codec.
    pub fn compression(&self) -> Result<Compression, InvalidRecords> {
        Compression::from_id(self.attributes & CODEC_MASK)
            .ok_or_else(|| InvalidRecords::malformed(format!("codec {} is not known", self.attributes & CODEC_MASK)))
    }

    /// Compares the checksum; `batch` starts with this header.
    ///
    /// # Errors
    /// A batch that is cut off or does not have the checksum it says.
    pub fn check_crc(&self, batch: &[u8]) -> Result<(), InvalidRecords> {
        let body =
            batch.get(ATTRIBUTES..self.total_len()).ok_or_else(|| InvalidRecords::truncated("a batch is cut off"))?;
        let computed = crc32c::crc32c(body);
        if computed == self.crc {
            return Ok(());
        }
        Err(InvalidRecords::malformed(format!(
            "record batch is corrupt (stored crc = {}, computed crc = {computed})",
            self.crc
        )))
    }
}

fn put(batch: &mut [u8], at: usize, bytes: &[u8]) -> Result<(), InvalidRecords> {
    batch
        .get_mut(at..at + bytes.len())
        .ok_or_else(|| InvalidRecords::truncated("a batch header is cut off"))?
        .copy_from_slice(bytes);
    Ok(())
}

/// Sets the base offset in place; the checksum does not cover it.
///
/// # Errors
/// Fewer bytes than a header.
pub fn set_base_offset(batch: &mut [u8], base_offset: i64) -> Result<(), InvalidRecords> {
    put(batch, 0, &base_offset.to_be_bytes())
}

/// Sets the leader epoch in place; the checksum does not cover it.
///
/// # Errors
/// Fewer bytes than a header.
pub fn set_leader_epoch(batch: &mut [u8], epoch: i32) -> Result<(), InvalidRecords> {
    put(batch, LEADER_EPOCH, &epoch.to_be_bytes())
}

/// Makes `timestamp` (milliseconds) the log append time of the whole batch and renews the checksum.
///
/// # Errors
/// Fewer bytes than the header says.
pub fn set_log_append_time(batch: &mut [u8], timestamp: i64) -> Result<(), InvalidRecords> {
    let header = BatchHeader::read(batch)?;
    put(batch, ATTRIBUTES, &(header.attributes | LOG_APPEND_TIME).to_be_bytes())?;
    put(batch, MAX_TIMESTAMP, &timestamp.to_be_bytes())?;
    let body =
        batch.get(ATTRIBUTES..header.total_len()).ok_or_else(|| InvalidRecords::truncated("a batch is cut off"))?;
    let crc = crc32c::crc32c(body);
    put(batch, CRC, &crc.to_be_bytes())
}

/// Makes another producer, epoch or sequence number the batch's own and renews the checksum.
///
/// # Errors
/// Fewer bytes than the header says.
pub fn set_producer(batch: &mut [u8], producer: &ProducerId) -> Result<(), InvalidRecords> {
    let total = BatchHeader::read(batch)?.total_len();
    put(batch, PRODUCER_ID, &producer.id.to_be_bytes())?;
    put(batch, PRODUCER_ID + 8, &producer.epoch.to_be_bytes())?;
    put(batch, PRODUCER_ID + 10, &producer.base_sequence.to_be_bytes())?;
    let body = batch.get(ATTRIBUTES..total).ok_or_else(|| InvalidRecords::truncated("a batch is cut off"))?;
    let crc = crc32c::crc32c(body);
    put(batch, CRC, &crc.to_be_bytes())
}
