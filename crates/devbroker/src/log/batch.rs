//! Header of a record batch (magic 2), read and completed in place.
//!
//! Counterpart: org.apache.kafka.common.record.DefaultRecordBatch.

/// Bytes of a batch header, up to the first record.
pub(crate) const HEADER_LEN: usize = 61;
/// Bytes before the part that `batch_length` counts.
pub(crate) const PREFIX_LEN: usize = 12;
const CRC: usize = 17;
const ATTRIBUTES: usize = 21;
const MAX_TIMESTAMP: usize = 35;
const LOG_APPEND_TIME: i16 = 0x08;

/// Why bytes are not a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchError {
    /// Fewer bytes than the header or the announced length.
    Truncated,
    /// Not record format v2.
    Magic,
    /// Announced length or record count make no sense.
    Malformed,
}

/// The fields of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub base_offset: i64,
    /// Whole length of the batch in bytes, header included.
    pub len: usize,
    pub attributes: i16,
    pub last_offset_delta: i32,
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub count: i32,
    crc: u32,
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

impl Header {
    /// Reads the header at the start of `bytes`; the records need not be there yet.
    pub fn read(bytes: &[u8]) -> Result<Self, BatchError> {
        let short = BatchError::Truncated;
        let length = i32::from_be_bytes(array(bytes, 8).ok_or(short)?);
        match array::<1>(bytes, 16).ok_or(short)? {
            [2] => {}
            _ => return Err(BatchError::Magic),
        }
        let len = usize::try_from(length).map_err(|_| BatchError::Malformed)? + PREFIX_LEN;
        if len < HEADER_LEN {
            return Err(BatchError::Malformed);
        }
        let header = Self {
            base_offset: i64::from_be_bytes(array(bytes, 0).ok_or(short)?),
            len,
            crc: u32::from_be_bytes(array(bytes, CRC).ok_or(short)?),
            attributes: i16::from_be_bytes(array(bytes, ATTRIBUTES).ok_or(short)?),
            last_offset_delta: i32::from_be_bytes(array(bytes, 23).ok_or(short)?),
            base_timestamp: i64::from_be_bytes(array(bytes, 27).ok_or(short)?),
            max_timestamp: i64::from_be_bytes(array(bytes, MAX_TIMESTAMP).ok_or(short)?),
            producer_id: i64::from_be_bytes(array(bytes, 43).ok_or(short)?),
            producer_epoch: i16::from_be_bytes(array(bytes, 51).ok_or(short)?),
            base_sequence: i32::from_be_bytes(array(bytes, 53).ok_or(short)?),
            count: i32::from_be_bytes(array(bytes, 57).ok_or(short)?),
        };
        if header.last_offset_delta < 0 || header.count < 0 {
            return Err(BatchError::Malformed);
        }
        Ok(header)
    }

    /// Whether the batch's checksum is right; `batch` is the whole batch.
    pub fn crc_matches(&self, batch: &[u8]) -> bool {
        batch.get(ATTRIBUTES..self.len).is_some_and(|body| crc32c::crc32c(body) == self.crc)
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta))
    }

    /// Sequence number of the last record; sequences wrap around to 0.
    pub fn last_sequence(&self) -> i32 {
        let last = i64::from(self.base_sequence) + i64::from(self.last_offset_delta);
        i32::try_from(last % (i64::from(i32::MAX) + 1)).unwrap_or(0)
    }

    /// Whether the batch is a marker of a transaction's end, or part of a transaction.
    pub fn is_control_or_transactional(&self) -> bool {
        self.attributes & 0x30 != 0
    }

    /// Whether the batch's timestamps are the broker's.
    pub fn has_log_append_time(&self) -> bool {
        self.attributes & LOG_APPEND_TIME != 0
    }
}

/// Gives a batch its place: base offset and leader epoch are outside the checksum.
pub(crate) fn place(batch: &mut [u8], base_offset: i64, leader_epoch: i32) {
    if let Some(field) = batch.get_mut(0..8) {
        field.copy_from_slice(&base_offset.to_be_bytes());
    }
    if let Some(field) = batch.get_mut(12..16) {
        field.copy_from_slice(&leader_epoch.to_be_bytes());
    }
}

/// Sets the timestamp type and, for LogAppendTime, the time; both are under the checksum, which is computed anew.
pub(crate) fn stamp(batch: &mut [u8], header: &Header, log_append_time: Option<i64>) {
    let attributes = match log_append_time {
        Some(_) => header.attributes | LOG_APPEND_TIME,
        None => header.attributes & !LOG_APPEND_TIME,
    };
    if let Some(field) = batch.get_mut(ATTRIBUTES..ATTRIBUTES + 2) {
        field.copy_from_slice(&attributes.to_be_bytes());
    }
    if let (Some(time), Some(field)) = (log_append_time, batch.get_mut(MAX_TIMESTAMP..MAX_TIMESTAMP + 8)) {
        field.copy_from_slice(&time.to_be_bytes());
    }
    let crc = batch.get(ATTRIBUTES..).map_or(0, crc32c::crc32c);
    if let Some(field) = batch.get_mut(CRC..CRC + 4) {
        field.copy_from_slice(&crc.to_be_bytes());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A batch whose records are filler; right in everything the broker looks at.
    pub(crate) fn batch(producer_id: i64, epoch: i16, sequence: i32, count: i32, max_timestamp: i64) -> Vec<u8> {
        let mut bytes = vec![0_u8; HEADER_LEN + 40];
        let length = i32::try_from(bytes.len() - PREFIX_LEN).unwrap();
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[16] = 2;
        bytes[23..27].copy_from_slice(&(count - 1).to_be_bytes());
        bytes[27..35].copy_from_slice(&max_timestamp.to_be_bytes());
        bytes[35..43].copy_from_slice(&max_timestamp.to_be_bytes());
        bytes[43..51].copy_from_slice(&producer_id.to_be_bytes());
        bytes[51..53].copy_from_slice(&epoch.to_be_bytes());
        bytes[53..57].copy_from_slice(&sequence.to_be_bytes());
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        let header = Header::read(&bytes).unwrap();
        stamp(&mut bytes, &header, None);
        bytes
    }

    #[test]
    fn placing_a_batch_keeps_its_checksum_and_stamping_renews_it() {
        let mut bytes = batch(-1, -1, -1, 4, 55);
        place(&mut bytes, 1000, 3);
        let header = Header::read(&bytes).unwrap();
        assert!(header.crc_matches(&bytes));
        assert_eq!((header.base_offset, header.last_offset(), header.max_timestamp), (1000, 1003, 55));
        stamp(&mut bytes, &header, Some(77));
        let stamped = Header::read(&bytes).unwrap();
        assert!(stamped.crc_matches(&bytes) && !header.crc_matches(&bytes));
        assert!(stamped.has_log_append_time());
        assert_eq!(stamped.max_timestamp, 77);
    }

    #[test]
    fn short_old_and_senseless_batches_are_refused() {
        let good = batch(-1, -1, -1, 1, 0);
        for cut in 0..HEADER_LEN {
            assert!(Header::read(&good[..cut]).is_err());
        }
        let mut old = good.clone();
        old[16] = 1;
        assert_eq!(Header::read(&old), Err(BatchError::Magic));
        let mut negative = good;
        negative[8] = 0xff;
        assert_eq!(Header::read(&negative), Err(BatchError::Malformed));
    }
}
