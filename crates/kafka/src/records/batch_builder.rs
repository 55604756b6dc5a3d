//! A record batch that is written in place, record by record.
//!
//! Counterpart: org.apache.kafka.common.record.MemoryRecordsBuilder.

use bytes::Bytes;

use super::batch_header::{ATTRIBUTES, CRC, HEADER_LEN, InvalidRecords, PREFIX_LEN, TRANSACTIONAL};
use super::codec::{Compression, Level};
use super::varint::{varint_len, varlong_len, write_varint, write_varlong};

/// What goes into a record.
#[derive(Debug, Clone, Copy)]
pub struct RecordParts<'a> {
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Value.
    pub value: Option<&'a [u8]>,
    /// Headers in their order.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
}

/// Who wrote a batch, for brokers to tell repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerId {
    /// Id the broker gave.
    pub id: i64,
    /// Its epoch.
    pub epoch: i16,
    /// Sequence number of the batch's first record.
    pub base_sequence: i32,
    /// Whether the records belong to a transaction.
    pub transactional: bool,
}

/// Builds one batch (magic 2).
#[derive(Debug)]
pub struct BatchBuilder {
    /// Room for the header, then the records.
    buffer: Vec<u8>,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl BatchBuilder {
    /// An empty batch with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        let mut buffer = Vec::with_capacity(capacity.max(HEADER_LEN));
        buffer.resize(HEADER_LEN, 0);
        Self { buffer, count: 0, base_timestamp: -1, max_timestamp: -1 }
    }

    /// Number of records.
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Bytes so far, header included, before compression.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether there is no record yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether a record of `size` (see [`record_size_bound`]) keeps the batch within `limit` bytes.
    pub fn has_room_for(&self, size: usize, limit: usize) -> bool {
        self.buffer.len() + size <= limit
    }

    /// Writes a record behind the others.
    ///
    /// # Errors
    /// A part longer than 2 GiB; nothing was written then.
    #[inline]
    pub fn append(&mut self, record: &RecordParts<'_>) -> Result<(), InvalidRecords> {
        if self.count == 0 {
            self.base_timestamp = record.timestamp;
        }
        let timestamp_delta = record.timestamp.wrapping_sub(self.base_timestamp);
        let mut len = 1 + varlong_len(timestamp_delta) + varint_len(self.count);
        len += part_len(record.key) + part_len(record.value);
        let header_count = record.headers.len() as i32;
        len += varint_len(header_count);
        for (key, value) in record.headers {
            len += part_len(Some(key.as_bytes())) + part_len(*value);
        }
        let Ok(record_len) = i32::try_from(len) else {
            return Err(InvalidRecords::malformed(format!("a record of {len} bytes is larger than the format allows")));
        };
        self.buffer.reserve(len + 5);
        let out = &mut self.buffer;
        write_varint(out, record_len);
        out.push(0);
        write_varlong(out, timestamp_delta);
        write_varint(out, self.count);
        write_part(out, record.key);
        write_part(out, record.value);
        write_varint(out, header_count);
        for (key, value) in record.headers {
            write_part(out, Some(key.as_bytes()));
            write_part(out, *value);
        }
        self.count += 1;
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        Ok(())
    }

    /// Compresses the records, fills in the header, and gives the batch.
    ///
    /// # Errors
    /// What the codec says.
    pub fn build(
        self,
        compression: Compression,
        level: Level,
        producer: Option<ProducerId>,
    ) -> Result<Bytes, InvalidRecords> {
        let Self { buffer, count, base_timestamp, max_timestamp } = self;
        let mut batch = if compression == Compression::None {
            buffer
        } else {
            let mut out = Vec::with_capacity(HEADER_LEN + buffer.len() / 2);
            out.resize(HEADER_LEN, 0);
            compression.compress(level, &buffer[HEADER_LEN..], &mut out)?;
            out
        };
        let length = i32::try_from(batch.len() - PREFIX_LEN)
            .map_err(|_| InvalidRecords::malformed("a batch of more than 2 GiB"))?;
        let mut attributes = compression.id();
        let mut identity = (-1i64, -1i16, -1i32);
        if let Some(producer) = producer {
            identity = (producer.id, producer.epoch, producer.base_sequence);
            if producer.transactional {
                attributes |= TRANSACTIONAL;
            }
        }
        // Base offset, length, leader epoch, magic, checksum; then what the checksum covers.
        batch[8..12].copy_from_slice(&length.to_be_bytes());
        batch[12..16].copy_from_slice(&(-1i32).to_be_bytes());
        batch[16] = 2;
        batch[21..23].copy_from_slice(&attributes.to_be_bytes());
        batch[23..27].copy_from_slice(&(count - 1).max(0).to_be_bytes());
        batch[27..35].copy_from_slice(&base_timestamp.to_be_bytes());
        batch[35..43].copy_from_slice(&max_timestamp.to_be_bytes());
        batch[43..51].copy_from_slice(&identity.0.to_be_bytes());
        batch[51..53].copy_from_slice(&identity.1.to_be_bytes());
        batch[53..57].copy_from_slice(&identity.2.to_be_bytes());
        batch[57..61].copy_from_slice(&count.to_be_bytes());
        let crc = crc32c::crc32c(&batch[ATTRIBUTES..]);
        batch[CRC..CRC + 4].copy_from_slice(&crc.to_be_bytes());
        Ok(Bytes::from(batch))
    }
}

#[inline]
fn part_len(part: Option<&[u8]>) -> usize {
    match part {
        // Longer than an int is refused by the record's own length.
        Some(part) => varint_len(part.len() as i32) + part.len(),
        None => 1,
    }
}

#[inline]
fn write_part(out: &mut Vec<u8>, part: Option<&[u8]>) {
    match part {
        Some(part) => {
            write_varint(out, part.len() as i32);
            out.extend_from_slice(part);
        }
        None => out.push(1), // -1
    }
}

/// The most bytes that a record takes in any batch, as Java bounds it.
#[inline]
pub fn record_size_bound(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&str, Option<&[u8]>)]) -> usize {
    // Length, attributes, timestamp, offset: 5 + 1 + 10 + 5.
    const OVERHEAD: usize = 21;
    let each = headers.iter().map(|(key, value)| part_len(Some(key.as_bytes())) + part_len(*value));
    OVERHEAD + part_len(key) + part_len(value) + varint_len(headers.len() as i32) + each.sum::<usize>()
}
