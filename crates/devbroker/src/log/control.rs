//! Control batches: the markers that end a transaction in a partition.
//!
//! Counterpart: org.apache.kafka.common.record.EndTransactionMarker.

use milena_kafka::records::{
    BatchBuilder, BatchHeader, Compression, HEADER_LEN, InvalidRecords, Level, ProducerId, RecordIter, RecordParts,
};

const CRC: usize = 17;
const ATTRIBUTES: usize = 21;
/// Lower byte of the attributes, which has the flags.
const FLAGS: usize = 22;
const CONTROL: u8 = 0x20;

const ABORT: u16 = 0;
const COMMIT: u16 = 1;

/// How a transaction ended, as its marker says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marker {
    pub producer_id: i64,
    /// Epoch of the producer; from transaction version 2 on a later one than its records have.
    pub producer_epoch: i16,
    pub coordinator_epoch: i32,
    pub commit: bool,
}

impl Marker {
    /// The marker as a batch of one record.
    pub fn encode(&self, now: i64) -> Result<Vec<u8>, InvalidRecords> {
        // Version 0 of key and value: the kind, and the coordinator's epoch.
        let mut key = [0; 4];
        key[2..].copy_from_slice(&(if self.commit { COMMIT } else { ABORT }).to_be_bytes());
        let mut value = [0; 6];
        value[2..].copy_from_slice(&self.coordinator_epoch.to_be_bytes());
        let mut builder = BatchBuilder::with_capacity(HEADER_LEN + 32);
        builder.append(&RecordParts { timestamp: now, key: Some(&key), value: Some(&value), headers: &[] })?;
        let producer =
            ProducerId { id: self.producer_id, epoch: self.producer_epoch, base_sequence: -1, transactional: true };
        let mut batch = builder.build(Compression::None, Level::default(), Some(producer))?.to_vec();
        if let Some(flags) = batch.get_mut(FLAGS) {
            *flags |= CONTROL;
        }
        let crc = crc32c::crc32c(batch.get(ATTRIBUTES..).unwrap_or_default());
        if let Some(field) = batch.get_mut(CRC..CRC + 4) {
            field.copy_from_slice(&crc.to_be_bytes());
        }
        Ok(batch)
    }

    /// Reads a control batch; `None` if it is not a transaction marker.
    pub fn decode(header: &BatchHeader, batch: &[u8]) -> Option<Self> {
        let mut records = RecordIter::new(header, batch.get(HEADER_LEN..)?);
        let record = records.next_checked()?.ok()?;
        let kind = u16::from_be_bytes(record.key?.get(2..4)?.try_into().ok()?);
        let coordinator_epoch = i32::from_be_bytes(record.value?.get(2..6)?.try_into().ok()?);
        (kind <= COMMIT).then_some(Self {
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            coordinator_epoch,
            commit: kind == COMMIT,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_reads_as_it_was_written() {
        for commit in [true, false] {
            let marker = Marker { producer_id: 7, producer_epoch: 3, coordinator_epoch: 9, commit };
            let batch = marker.encode(1000).unwrap();
            let header = BatchHeader::read(&batch).unwrap();
            header.check_crc(&batch).unwrap();
            assert!(header.is_control() && header.is_transactional());
            assert_eq!((header.base_sequence, header.count, header.max_timestamp), (-1, 1, 1000));
            assert_eq!(Marker::decode(&header, &batch), Some(marker));
        }
    }
}
