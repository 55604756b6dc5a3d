//! Records of a batch as slices of its buffer.
//!
//! Counterpart: org.apache.kafka.common.record.DefaultRecord.

use super::batch_header::{BatchHeader, InvalidRecords, TimestampType};
use super::legacy::Message;
use super::varint::{read_varint, read_varlong};

/// A record; keys, values and headers are slices of the batch's buffer.
#[derive(Debug, Clone, Copy)]
pub struct RecordView<'a> {
    /// Offset in the partition.
    pub offset: i64,
    /// Milliseconds since the epoch; `None` if the record has none.
    pub timestamp: Option<i64>,
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    headers: &'a [u8],
    header_count: i32,
}

impl<'a> RecordView<'a> {
    /// Whether there is any header.
    pub fn has_headers(&self) -> bool {
        self.header_count > 0
    }

    /// Headers in their order; keys may repeat. A key is text in UTF-8 by its meaning, but brokers take any bytes: a reader replaces what
    /// is malformed, as Java's does (`milena_api::data::Str::from_utf8_lossy`), so that one such key does not stop a partition.
    pub fn headers(&self) -> Headers<'a> {
        Headers { bytes: self.headers, pos: 0, left: self.header_count }
    }
}

/// Headers of one record: their keys' bytes and their values.
#[derive(Debug, Clone)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    pos: usize,
    left: i32,
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.left <= 0 {
            return None;
        }
        self.left -= 1;
        let key = nullable(self.bytes, &mut self.pos)??;
        Some((key, nullable(self.bytes, &mut self.pos)?))
    }
}

/// A length-prefixed slice, `Some(None)` for length -1; the outer `None` says malformed.
#[inline]
fn nullable<'a>(bytes: &'a [u8], pos: &mut usize) -> Option<Option<&'a [u8]>> {
    let len = read_varint(bytes, pos)?;
    if len < 0 {
        return (len == -1).then_some(None);
    }
    let end = pos.checked_add(len as usize)?;
    let slice = bytes.get(*pos..end)?;
    *pos = end;
    Some(Some(slice))
}

/// Reads records one after the other from the uncompressed records of a batch.
#[derive(Debug, Clone)]
pub struct RecordIter<'a> {
    records: &'a [u8],
    pos: usize,
    left: usize,
    base_offset: i64,
    last_offset_delta: i32,
    base_timestamp: i64,
    /// One time for all, if the broker set it.
    append_time: Option<i64>,
    /// Formats 0 and 1.
    is_legacy: bool,
}

impl<'a> RecordIter<'a> {
    /// Reads all records of a batch; `records` is what follows the header, uncompressed.
    pub fn new(header: &BatchHeader, records: &'a [u8]) -> Self {
        Self {
            records,
            pos: 0,
            left: usize::try_from(header.count).unwrap_or(0),
            base_offset: header.base_offset,
            last_offset_delta: header.last_offset_delta,
            base_timestamp: header.base_timestamp,
            append_time: (header.timestamp_type() == TimestampType::LogAppendTime).then_some(header.max_timestamp),
            is_legacy: header.magic < 2,
        }
    }

    /// Goes on at byte `pos`, with `count` records to come.
    pub(crate) fn resume(mut self, pos: usize, count: usize) -> Self {
        self.pos = pos;
        self.left = count;
        self
    }

    /// Byte where the next record starts.
    pub fn byte_position(&self) -> usize {
        self.pos
    }

    /// Reads the next record and everything in it that [`Iterator::next`] takes for granted.
    ///
    /// # Errors
    /// Says what is malformed; afterwards the iterator is at its end.
    #[inline]
    pub fn next_checked(&mut self) -> Option<Result<RecordView<'a>, InvalidRecords>> {
        if self.left == 0 {
            return None;
        }
        let index = self.left;
        let Some(view) = self.read().filter(|view| !view.has_headers() || headers_are_whole(view)) else {
            self.left = 0;
            return Some(Err(InvalidRecords::malformed(format!(
                "the record at byte {} (the {index}th from the end) of the batch at offset {} is malformed",
                self.pos, self.base_offset
            ))));
        };
        Some(Ok(view))
    }

    #[inline]
    fn read(&mut self) -> Option<RecordView<'a>> {
        if self.is_legacy {
            return self.read_message();
        }
        let mut pos = self.pos;
        let len = usize::try_from(read_varint(self.records, &mut pos)?).ok()?;
        let end = pos.checked_add(len)?;
        let body = self.records.get(pos..end)?;
        let mut at = 1; // attributes, of which none are defined
        let timestamp_delta = read_varlong(body, &mut at)?;
        let offset_delta = read_varint(body, &mut at)?;
        if offset_delta < 0 || offset_delta > self.last_offset_delta {
            return None;
        }
        let key = nullable(body, &mut at)?;
        let value = nullable(body, &mut at)?;
        let header_count = read_varint(body, &mut at)?;
        let headers = body.get(at..)?;
        if header_count < 0 || (header_count == 0 && !headers.is_empty()) {
            return None;
        }
        self.pos = end;
        self.left -= 1;
        let timestamp = match self.append_time {
            Some(time) => time,
            None => self.base_timestamp.wrapping_add(timestamp_delta),
        };
        Some(RecordView {
            offset: self.base_offset + i64::from(offset_delta),
            timestamp: (timestamp >= 0).then_some(timestamp),
            key,
            value,
            headers,
            header_count,
        })
    }
}

impl<'a> RecordIter<'a> {
    #[cold]
    fn read_message(&mut self) -> Option<RecordView<'a>> {
        let message = Message::read(self.records.get(self.pos..)?)?;
        self.pos += message.len;
        self.left -= 1;
        Some(RecordView {
            offset: message.offset,
            timestamp: message.timestamp.filter(|timestamp| *timestamp >= 0),
            key: message.key,
            value: message.value,
            headers: &[],
            header_count: 0,
        })
    }
}

fn headers_are_whole(view: &RecordView<'_>) -> bool {
    let mut headers = view.headers();
    let mut found = 0;
    while headers.next().is_some() {
        found += 1;
    }
    found == view.header_count && headers.pos == view.headers.len()
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = RecordView<'a>;

    #[inline]
    fn next(&mut self) -> Option<RecordView<'a>> {
        if self.left == 0 {
            return None;
        }
        self.read()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}
