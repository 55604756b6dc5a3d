//! Messages of formats 0 and 1, which brokers keep from before 0.11: a checksum per message, compressed ones inside a wrapper.
//!
//! Counterpart: org.apache.kafka.common.record.AbstractLegacyRecordBatch, LegacyRecord.
//!
//! A run of uncompressed messages is treated as one batch, and so is what a wrapper holds.

use bytes::Bytes;

use super::batch_header::{BatchHeader, CODEC_MASK, InvalidRecords, LOG_APPEND_TIME, MAGIC, PREFIX_LEN};
use super::codec::Compression;

const CRC: usize = 12;
const ATTRIBUTES: usize = 17;
const TIMESTAMP: usize = 18;
/// Bytes of a message up to its key's length, without and with a timestamp.
const KEY: [usize; 2] = [18, 26];

/// One message; keys and values are slices of its buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    pub offset: i64,
    pub magic: i8,
    pub attributes: i16,
    /// `None` in format 0.
    pub timestamp: Option<i64>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// Bytes of the whole message, its offset included.
    pub len: usize,
    crc: u32,
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// Bytes with a 32-bit length; the outer `None` says malformed.
fn part<'a>(bytes: &'a [u8], at: &mut usize) -> Option<Option<&'a [u8]>> {
    let len = i32::from_be_bytes(field(bytes, *at)?);
    *at += 4;
    if len < 0 {
        return (len == -1).then_some(None);
    }
    let end = at.checked_add(usize::try_from(len).ok()?)?;
    let part = bytes.get(*at..end)?;
    *at = end;
    Some(Some(part))
}

impl<'a> Message<'a> {
    /// The message at the start of `bytes`; `None` if it is cut off or malformed.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let offset = i64::from_be_bytes(field(bytes, 0)?);
        let size = usize::try_from(i32::from_be_bytes(field(bytes, 8)?)).ok()?;
        let message = bytes.get(..PREFIX_LEN.checked_add(size)?)?;
        let magic = i8::from_be_bytes(field(message, MAGIC)?);
        let mut at = *KEY.get(usize::try_from(magic).ok()?)?;
        let timestamp = match magic {
            0 => None,
            _ => Some(i64::from_be_bytes(field(message, TIMESTAMP)?)),
        };
        let key = part(message, &mut at)?;
        let value = part(message, &mut at)?;
        (offset >= 0 && at == message.len()).then_some(Self {
            offset,
            magic,
            // Codec, and in format 1 the meaning of the timestamp; the other bits mean nothing.
            attributes: i16::from(*message.get(ATTRIBUTES)?) & if magic == 0 { 0x07 } else { 0x0f },
            timestamp,
            key,
            value,
            len: message.len(),
            crc: u32::from_be_bytes(field(message, CRC)?),
        })
    }

    fn is_compressed(&self) -> bool {
        self.attributes & CODEC_MASK != 0
    }

    fn check_crc(&self, bytes: &[u8]) -> Result<(), InvalidRecords> {
        let body = bytes.get(MAGIC..self.len).unwrap_or_default();
        let mut computed = flate2::Crc::new();
        computed.update(body);
        if computed.sum() == self.crc {
            return Ok(());
        }
        Err(InvalidRecords::malformed(format!(
            "the message at offset {} is corrupt (stored crc = {}, computed crc = {})",
            self.offset,
            self.crc,
            computed.sum()
        )))
    }
}

/// Reads the header of a batch in any format. What a wrapper holds is not known before [`open`].
///
/// # Errors
/// A cut-off batch ([`InvalidRecords::is_truncated`]), an unknown format, or impossible lengths.
pub(crate) fn read_header(bytes: &[u8]) -> Result<BatchHeader, InvalidRecords> {
    match bytes.get(MAGIC) {
        Some(0 | 1) => read_run(bytes),
        _ => BatchHeader::read(bytes),
    }
}

/// Either a wrapper, or uncompressed messages of one kind up to something else.
fn read_run(bytes: &[u8]) -> Result<BatchHeader, InvalidRecords> {
    let size = i32::from_be_bytes(field(bytes, 8).ok_or_else(|| InvalidRecords::truncated("a message is cut off"))?);
    let Some(first) = Message::read(bytes) else {
        let len = usize::try_from(size).unwrap_or(0).saturating_add(PREFIX_LEN);
        return Err(match bytes.len() < len {
            true => InvalidRecords::truncated("a message is cut off"),
            false => InvalidRecords::malformed(format!("a message of {size} bytes is malformed")),
        });
    };
    let (mut len, mut count, mut last) = (first.len, 1, first);
    if !first.is_compressed() {
        while let Some(next) = bytes.get(len..).and_then(Message::read) {
            let delta = next.offset.checked_sub(first.offset).and_then(|delta| i32::try_from(delta).ok());
            let same = next.magic == first.magic && next.attributes == first.attributes;
            // The length of a run is an int, as that of a batch.
            if !same || delta.is_none() || next.offset <= last.offset || len + next.len > (i32::MAX / 2) as usize {
                break;
            }
            (len, count, last) = (len + next.len, count + 1, next);
        }
    }
    let last_offset_delta = i32::try_from(last.offset - first.offset).unwrap_or(0);
    if last.offset == i64::MAX {
        return Err(InvalidRecords::malformed("offsets beyond the greatest possible one"));
    }
    Ok(BatchHeader {
        base_offset: first.offset,
        batch_length: i32::try_from(len - PREFIX_LEN).unwrap_or(i32::MAX),
        leader_epoch: -1,
        magic: first.magic,
        crc: first.crc,
        attributes: first.attributes,
        last_offset_delta,
        base_timestamp: first.timestamp.unwrap_or(-1),
        max_timestamp: last.timestamp.unwrap_or(-1),
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        count,
    })
}

/// The messages of a run or a wrapper, one after the other with their own offsets and times, and the header that says how many.
///
/// # Errors
/// What is malformed.
pub(crate) fn open(
    header: &BatchHeader,
    bytes: &Bytes,
    check_crcs: bool,
) -> Result<(BatchHeader, Bytes), InvalidRecords> {
    let codec = header.compression()?;
    if codec == Compression::None {
        each(bytes, check_crcs, |_| Ok(()))?;
        return Ok((*header, bytes.clone()));
    }
    let malformed = || InvalidRecords::malformed(format!("the wrapper at offset {} is malformed", header.base_offset));
    let wrapper = Message::read(bytes).ok_or_else(malformed)?;
    if check_crcs {
        wrapper.check_crc(bytes)?;
    }
    let mut messages = codec.decompress_legacy(wrapper.value.ok_or_else(malformed)?, wrapper.magic)?;
    let (mut count, mut first, mut last) = (0, None, -1);
    each(&messages, check_crcs, |message| {
        if message.is_compressed() || message.magic != wrapper.magic || message.offset <= last {
            return Err(malformed());
        }
        count += 1;
        first.get_or_insert(message.offset);
        last = message.offset;
        Ok(())
    })?;
    let first = first.ok_or_else(malformed)?;
    // In format 1 the wrapper has the offset of its last message, and the messages count from the first one the producer wrote.
    let shift = if wrapper.magic == 1 { wrapper.offset - last } else { 0 };
    let delta = i32::try_from(last - first).ok().filter(|_| first + shift >= 0).ok_or_else(malformed)?;
    let append_time = (header.attributes & LOG_APPEND_TIME != 0).then_some(wrapper.timestamp).flatten();
    place(&mut messages, shift, append_time);
    let opened = BatchHeader { base_offset: first + shift, last_offset_delta: delta, count, ..*header };
    Ok((opened, Bytes::from(messages)))
}

fn each(
    mut bytes: &[u8],
    check_crcs: bool,
    mut visit: impl FnMut(&Message<'_>) -> Result<(), InvalidRecords>,
) -> Result<(), InvalidRecords> {
    while !bytes.is_empty() {
        let Some(message) = Message::read(bytes) else {
            return Err(InvalidRecords::malformed("a message is cut off or malformed"));
        };
        if check_crcs {
            message.check_crc(bytes)?;
        }
        visit(&message)?;
        bytes = bytes.get(message.len..).unwrap_or_default();
    }
    Ok(())
}

/// Gives messages their own offsets, and the time at which the broker has appended them all.
fn place(messages: &mut [u8], shift: i64, append_time: Option<i64>) {
    let mut at = 0;
    while let Some((offset, len)) =
        messages.get(at..).and_then(Message::read).map(|message| (message.offset, message.len))
    {
        let mut put = |from: usize, value: i64| {
            if let Some(slot) = messages.get_mut(from..from + 8) {
                slot.copy_from_slice(&value.to_be_bytes());
            }
        };
        put(at, offset.saturating_add(shift));
        if let Some(time) = append_time {
            put(at + TIMESTAMP, time);
        }
        at += len;
    }
}
