//! Finds a record by its time inside a batch; the only place where this broker looks into records.

use milena_kafka::records::{BatchHeader, Compression, HEADER_LEN, RecordIter};

/// Offset and timestamp of the batch's first record that is not before `log_start` and not older than `timestamp`.
pub(super) fn first_at_or_after(batch: &[u8], timestamp: i64, log_start: i64) -> Option<(i64, i64)> {
    let header = BatchHeader::read(batch).ok()?;
    let stored = batch.get(HEADER_LEN..)?;
    let decompressed;
    let records = match header.compression().ok()? {
        Compression::None => stored,
        codec => {
            decompressed = codec.decompress(stored).ok()?;
            decompressed.as_slice()
        }
    };
    let mut records = RecordIter::new(&header, records);
    while let Some(Ok(record)) = records.next_checked() {
        let time = record.timestamp.unwrap_or(-1);
        if time >= timestamp && record.offset >= log_start {
            return Some((record.offset, time));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::test_batches::build;

    #[test]
    fn a_record_is_found_by_its_time_in_every_codec() {
        for codec in [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
            let batch = build(&[10, 30, 20, 40], codec, None);
            assert_eq!(first_at_or_after(&batch, 5, 0), Some((0, 10)));
            assert_eq!(first_at_or_after(&batch, 11, 0), Some((1, 30)));
            assert_eq!(first_at_or_after(&batch, 11, 2), Some((2, 20)));
            assert_eq!(first_at_or_after(&batch, 41, 0), None);
        }
    }
}
