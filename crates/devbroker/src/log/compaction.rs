//! Compaction of one batch: which records stay, and the batch without the others.
//!
//! Counterpart: org.apache.kafka.storage.internals.log.Cleaner.

use super::validation::plain;
use milena_kafka::records::{
    BatchHeader, Compression, HEADER_LEN, InvalidRecords, Level, PREFIX_LEN, RecordIter, TimestampType,
};
use std::collections::HashMap;

const BATCH_LENGTH: usize = 8;
const CRC: usize = 17;
const ATTRIBUTES: usize = 21;
/// Lower byte of the attributes.
const CODEC: usize = 22;
const CODEC_MASK: u8 = 0x07;
const MAX_TIMESTAMP: usize = 35;
const COUNT: usize = 57;

/// Newest offset of each key.
pub(super) type Newest = HashMap<Vec<u8>, i64>;

/// What compaction may take from a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cleaning {
    /// It is old enough to lose its tombstones, or to go if it is a marker.
    pub drop_tombstones: bool,
    /// Its header stays even without records: it is the newest of its producer and says the sequence number.
    pub keep_header: bool,
}

/// What compaction makes of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Compacted {
    Unchanged,
    Empty,
    Smaller(Vec<u8>),
}

/// Notes the keys of a batch; batches come in the order of the log.
pub(super) fn note_keys(batch: &[u8], newest: &mut Newest) -> Result<(), InvalidRecords> {
    let header = BatchHeader::read(batch)?;
    if header.is_control() {
        return Ok(());
    }
    let records = plain(&header, batch)?;
    let mut iter = RecordIter::new(&header, &records);
    while let Some(record) = iter.next_checked() {
        let record = record?;
        if let Some(key) = record.key {
            match newest.get_mut(key) {
                Some(offset) => *offset = record.offset,
                None => {
                    newest.insert(key.to_vec(), record.offset);
                }
            }
        }
    }
    Ok(())
}

/// Drops records that a newer one of the same key replaces, all of them without `newest` (an aborted transaction's), and tombstones
/// and markers that are old enough. Offsets stay as they are.
pub(super) fn compact(batch: &[u8], newest: Option<&Newest>, what: Cleaning) -> Result<Compacted, InvalidRecords> {
    let header = BatchHeader::read(batch)?;
    if header.is_control() {
        return Ok(if what.drop_tombstones && !what.keep_header { Compacted::Empty } else { Compacted::Unchanged });
    }
    let records = plain(&header, batch)?;
    let mut kept = Vec::new();
    let mut count = 0;
    let mut max_timestamp = i64::MIN;
    let mut iter = RecordIter::new(&header, &records);
    loop {
        let start = iter.byte_position();
        let Some(record) = iter.next_checked() else { break };
        let record = record?;
        let is_newest =
            newest.is_some_and(|newest| record.key.is_none_or(|key| newest.get(key) == Some(&record.offset)));
        if is_newest && !(what.drop_tombstones && record.value.is_none()) {
            kept.extend_from_slice(records.get(start..iter.byte_position()).unwrap_or_default());
            count += 1;
            max_timestamp = max_timestamp.max(record.timestamp.unwrap_or(-1));
        }
    }
    if count == header.count {
        return Ok(Compacted::Unchanged);
    }
    if count == 0 && !what.keep_header {
        return Ok(Compacted::Empty);
    }
    let mut smaller = batch.get(..HEADER_LEN).unwrap_or_default().to_vec();
    match header.compression()? {
        _ if count == 0 => {
            // As Kafka leaves it: without codec, with the time that the batch had.
            put(&mut smaller, CODEC, &[batch.get(CODEC).copied().unwrap_or_default() & !CODEC_MASK]);
            max_timestamp = header.max_timestamp;
        }
        Compression::None => smaller.extend_from_slice(&kept),
        codec => codec.compress(Level::default(), &kept, &mut smaller)?,
    }
    put(&mut smaller, COUNT, &count.to_be_bytes());
    let length = i32::try_from(smaller.len() - PREFIX_LEN).unwrap_or(i32::MAX);
    put(&mut smaller, BATCH_LENGTH, &length.to_be_bytes());
    if header.timestamp_type() == TimestampType::CreateTime {
        put(&mut smaller, MAX_TIMESTAMP, &max_timestamp.to_be_bytes());
    }
    let crc = crc32c::crc32c(smaller.get(ATTRIBUTES..).unwrap_or_default());
    put(&mut smaller, CRC, &crc.to_be_bytes());
    Ok(Compacted::Smaller(smaller))
}

pub(super) fn put(batch: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(field) = batch.get_mut(at..at + bytes.len()) {
        field.copy_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use milena_kafka::records::{BatchBuilder, RecordParts};

    fn batch(base: i64, records: &[(&str, Option<&str>)], codec: Compression) -> Vec<u8> {
        let mut builder = BatchBuilder::with_capacity(100);
        for (index, (key, value)) in (0_i64..).zip(records) {
            let value = value.map(str::as_bytes);
            let parts = RecordParts { timestamp: 1000 + index, key: Some(key.as_bytes()), value, headers: &[] };
            builder.append(&parts).unwrap();
        }
        let mut batch = builder.build(codec, Level::default(), None).unwrap().to_vec();
        milena_kafka::records::set_base_offset(&mut batch, base).unwrap();
        batch
    }

    const NEW: Cleaning = Cleaning { drop_tombstones: false, keep_header: false };
    const OLD: Cleaning = Cleaning { drop_tombstones: true, keep_header: false };

    fn contents(batch: &[u8]) -> Vec<(i64, String)> {
        let header = BatchHeader::read(batch).unwrap();
        header.check_crc(batch).unwrap();
        let records = plain(&header, batch).unwrap();
        RecordIter::new(&header, &records)
            .map(|record| (record.offset, String::from_utf8(record.key.unwrap().to_vec()).unwrap()))
            .collect()
    }

    #[test]
    fn the_newest_record_of_each_key_stays_at_its_offset() {
        for codec in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let first = batch(10, &[("a", Some("1")), ("b", Some("1")), ("c", None), ("a", Some("2"))], codec);
            let second = batch(14, &[("b", Some("2"))], codec);
            let mut newest = Newest::new();
            note_keys(&first, &mut newest).unwrap();
            note_keys(&second, &mut newest).unwrap();
            let Compacted::Smaller(smaller) = compact(&first, Some(&newest), NEW).unwrap() else { panic!("unchanged") };
            assert_eq!(contents(&smaller), [(12, "c".into()), (13, "a".into())]);
            let header = BatchHeader::read(&smaller).unwrap();
            assert_eq!((header.base_offset, header.last_offset(), header.max_timestamp), (10, 13, 1003));
            let Compacted::Smaller(smaller) = compact(&first, Some(&newest), OLD).unwrap() else { panic!("unchanged") };
            assert_eq!(contents(&smaller), [(13, "a".into())]);
            assert_eq!(compact(&second, Some(&newest), NEW).unwrap(), Compacted::Unchanged);
            newest.insert(b"b".to_vec(), 99);
            assert_eq!(compact(&second, Some(&newest), NEW).unwrap(), Compacted::Empty);
            let last = Cleaning { keep_header: true, ..NEW };
            let Compacted::Smaller(empty) = compact(&first, None, last).unwrap() else { panic!("unchanged") };
            assert_eq!(contents(&empty), []);
            let header = BatchHeader::read(&empty).unwrap();
            assert_eq!((header.base_offset, header.last_offset(), header.count), (10, 13, 0));
            assert_eq!(empty.len(), HEADER_LEN);
        }
    }
}
