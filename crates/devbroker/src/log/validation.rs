//! What a topic asks of single records, and batches in the codec of their topic.
//!
//! Counterpart: org.apache.kafka.storage.internals.log.LogValidator.

use super::compaction::put;
use crate::topic_configs::LogSettings;
use kafka_protocol::ResponseError;
use milena_kafka::records::{
    BatchHeader, Compression, HEADER_LEN, InvalidRecords, Level, PREFIX_LEN, RecordIter, TimestampType,
};
use std::borrow::Cow;

const BATCH_LENGTH: usize = 8;
const CRC: usize = 17;
const ATTRIBUTES: usize = 21;
/// Lower byte of the attributes.
const CODEC: usize = 22;
const CODEC_MASK: u8 = 0x07;

/// A refused append: the code, a text for the client, and what is wrong with single records, by their place in the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub error: ResponseError,
    pub message: Cow<'static, str>,
    pub records: Vec<(i32, String)>,
}

impl From<(ResponseError, &'static str)> for Refused {
    fn from((error, message): (ResponseError, &'static str)) -> Self {
        Self { error, message: Cow::Borrowed(message), records: Vec::new() }
    }
}

/// The records of a batch, decompressed if they are compressed.
pub(super) fn plain<'a>(header: &BatchHeader, batch: &'a [u8]) -> Result<Cow<'a, [u8]>, InvalidRecords> {
    let stored = batch.get(HEADER_LEN..header.total_len()).unwrap_or_default();
    match header.compression()? {
        Compression::None => Ok(Cow::Borrowed(stored)),
        codec => Ok(Cow::Owned(codec.decompress(stored)?)),
    }
}

/// Checks what the topic asks of every record; does not look at them where the header tells that all is well.
pub(super) fn check(header: &BatchHeader, batch: &[u8], settings: &LogSettings, now: i64) -> Result<(), Refused> {
    let latest = now.saturating_add(settings.timestamp_after_max_ms);
    let earliest = now.saturating_sub(settings.timestamp_before_max_ms);
    if !settings.log_append_time && header.timestamp_type() == TimestampType::LogAppendTime {
        return Err((ResponseError::InvalidTimestamp, "only the broker sets the log append time").into());
    }
    let times =
        !settings.log_append_time && (header.max_timestamp > latest || settings.timestamp_before_max_ms < i64::MAX);
    if !times && !settings.compact {
        return Ok(());
    }
    let unreadable = |_| Refused::from((ResponseError::CorruptMessage, "the records of the batch cannot be read"));
    let records = plain(header, batch).map_err(unreadable)?;
    let mut iter = RecordIter::new(header, &records);
    let mut error = ResponseError::InvalidRecord;
    let mut refused = Vec::new();
    let mut index = 0;
    while let Some(record) = iter.next_checked() {
        let record = record.map_err(unreadable)?;
        let time = record.timestamp.unwrap_or(-1);
        if settings.compact && record.key.is_none() {
            refused.push((index, "Compacted topic cannot accept message without key.".to_owned()));
        } else if times && time >= 0 && !(earliest..=latest).contains(&time) {
            error = ResponseError::InvalidTimestamp;
            let text = format!(
                "Timestamp {time} of message with offset {index} is out of range. The timestamp should be within [{earliest}, {latest}]"
            );
            refused.push((index, text));
        }
        index += 1;
    }
    if refused.is_empty() {
        return Ok(());
    }
    let message = format!("One or more records have been rejected due to {} record errors in total", refused.len());
    Err(Refused { error, message: Cow::Owned(message), records: refused })
}

/// The batch in another codec; `None` if it is in that codec already.
pub(super) fn recompress(
    header: &BatchHeader,
    batch: &[u8],
    codec: Compression,
    level: Level,
) -> Result<Option<Vec<u8>>, InvalidRecords> {
    if header.compression()? == codec {
        return Ok(None);
    }
    let records = plain(header, batch)?;
    let mut out = Vec::with_capacity(batch.len());
    out.extend_from_slice(batch.get(..HEADER_LEN).unwrap_or_default());
    match codec {
        Compression::None => out.extend_from_slice(&records),
        codec => codec.compress(level, &records, &mut out)?,
    }
    let attributes = batch.get(CODEC).copied().unwrap_or_default() & !CODEC_MASK;
    put(&mut out, CODEC, &[attributes | u8::try_from(codec.id()).unwrap_or(0)]);
    let length = i32::try_from(out.len() - PREFIX_LEN).unwrap_or(i32::MAX);
    put(&mut out, BATCH_LENGTH, &length.to_be_bytes());
    let crc = crc32c::crc32c(out.get(ATTRIBUTES..).unwrap_or_default());
    put(&mut out, CRC, &crc.to_be_bytes());
    Ok(Some(out))
}
