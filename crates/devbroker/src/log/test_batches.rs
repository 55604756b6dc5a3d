//! Batches for tests.

use milena_kafka::records::{BatchBuilder, Compression, Level, ProducerId, RecordParts};

/// A batch of `count` records of one time, of 100 bytes or a little more.
pub(crate) fn batch(producer_id: i64, epoch: i16, base_sequence: i32, count: i32, timestamp: i64) -> Vec<u8> {
    let producer = ProducerId { id: producer_id, epoch, base_sequence, transactional: false };
    let producer = (producer_id >= 0).then_some(producer);
    let times: Vec<i64> = (0..count).map(|_| timestamp).collect();
    build(&times, Compression::None, producer)
}

/// A batch of a transaction.
pub(crate) fn transactional(producer_id: i64, epoch: i16, base_sequence: i32, count: i32) -> Vec<u8> {
    let producer = ProducerId { id: producer_id, epoch, base_sequence, transactional: true };
    let times: Vec<i64> = (0..count).map(|_| 0).collect();
    build(&times, Compression::None, Some(producer))
}

/// A batch with one record for each time.
pub(crate) fn build(times: &[i64], compression: Compression, producer: Option<ProducerId>) -> Vec<u8> {
    let mut builder = BatchBuilder::with_capacity(256);
    for &timestamp in times {
        let value = [b'v'; 32];
        builder.append(&RecordParts { timestamp, key: None, value: Some(&value), headers: &[] }).unwrap();
    }
    builder.build(compression, Level::default(), producer).unwrap().to_vec()
}
