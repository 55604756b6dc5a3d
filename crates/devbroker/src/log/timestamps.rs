//! Finds a record by its time inside a batch; the only place where this broker looks into records.

use super::batch::{HEADER_LEN, Header};
use bytes::Buf;

/// Offset and timestamp of the batch's first record that is not before `log_start` and not older than `timestamp`.
pub(super) fn first_at_or_after(batch: &[u8], timestamp: i64, log_start: i64) -> Option<(i64, i64)> {
    let header = Header::read(batch).ok()?;
    if header.has_log_append_time() {
        // All records have the batch's time.
        let first = header.base_offset.max(log_start);
        return (header.max_timestamp >= timestamp).then_some((first, header.max_timestamp));
    }
    walk(batch.get(HEADER_LEN..)?, &header, timestamp, log_start)
}

fn walk(mut records: &[u8], header: &Header, timestamp: i64, log_start: i64) -> Option<(i64, i64)> {
    for _ in 0..header.count {
        let length = usize::try_from(varint(&mut records)?).ok()?;
        let (mut record, rest) = records.split_at_checked(length)?;
        records = rest;
        record.try_get_i8().ok()?;
        let time = header.base_timestamp.checked_add(varint(&mut record)?)?;
        let offset = header.base_offset.checked_add(varint(&mut record)?)?;
        if time >= timestamp && offset >= log_start {
            return Some((offset, time));
        }
    }
    None
}

/// A zig-zag number of variable length.
fn varint(input: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = input.try_get_u8().ok()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(((value >> 1) as i64) ^ -((value & 1) as i64));
        }
    }
    None
}
