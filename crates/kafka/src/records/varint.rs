//! Zigzag variable-length integers, as the records of a batch use them.
//!
//! Counterpart: org.apache.kafka.common.utils.ByteUtils.

/// Reads a zigzag 32-bit integer at `pos` and moves `pos` past it; `None` if it is cut off or longer than 5 bytes.
#[inline]
pub fn read_varint(bytes: &[u8], pos: &mut usize) -> Option<i32> {
    let first = *bytes.get(*pos)?;
    if first < 0x80 {
        *pos += 1;
        return Some(i32::from(first >> 1) ^ -i32::from(first & 1));
    }
    let raw = u32::try_from(read_unsigned(bytes, pos, 5)?).ok()?;
    Some((raw >> 1) as i32 ^ -((raw & 1) as i32))
}

/// Reads a zigzag 64-bit integer at `pos` and moves `pos` past it; `None` if it is cut off or longer than 10 bytes.
#[inline]
pub fn read_varlong(bytes: &[u8], pos: &mut usize) -> Option<i64> {
    let first = *bytes.get(*pos)?;
    if first < 0x80 {
        *pos += 1;
        return Some(i64::from(first >> 1) ^ -i64::from(first & 1));
    }
    let raw = read_unsigned(bytes, pos, 10)?;
    Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
}

fn read_unsigned(bytes: &[u8], pos: &mut usize, max_len: usize) -> Option<u64> {
    let mut value = 0u64;
    for index in 0..max_len {
        let byte = *bytes.get(*pos + index)?;
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *pos += index + 1;
            return Some(value);
        }
    }
    None
}

/// Appends a zigzag 32-bit integer.
#[inline]
pub fn write_varint(out: &mut Vec<u8>, value: i32) {
    write_unsigned(out, u64::from(((value << 1) ^ (value >> 31)) as u32));
}

/// Appends a zigzag 64-bit integer.
#[inline]
pub fn write_varlong(out: &mut Vec<u8>, value: i64) {
    write_unsigned(out, ((value << 1) ^ (value >> 63)) as u64);
}

#[inline]
fn write_unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes that [`write_varint`] takes.
#[inline]
pub fn varint_len(value: i32) -> usize {
    unsigned_len(u64::from(((value << 1) ^ (value >> 31)) as u32))
}

/// Bytes that [`write_varlong`] takes.
#[inline]
pub fn varlong_len(value: i64) -> usize {
    unsigned_len(((value << 1) ^ (value >> 63)) as u64)
}

#[inline]
fn unsigned_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}
