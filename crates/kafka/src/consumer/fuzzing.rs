//! Fetched records, for fuzzing.

use bytes::Bytes;
use milena_api::record::TopicPartition;

use super::buffer::{Arrived, Rules};
use super::partition::Partition;
use super::subscription::StartOffset;
use crate::fuzzing::front;

/// Reads records as the consumer does, from the fetch answer to the headers of each record. In front of them: flags (1: leave aborted
/// records out, 2: compare checksums), the position, how many transactions were aborted, and of each its first offset and producer id.
pub fn fetched(data: &[u8]) {
    let mut data = Bytes::copy_from_slice(data);
    let flags = front(&mut data);
    let start = StartOffset::Offset(front(&mut data).into());
    let mut partition = Partition::new(&TopicPartition::new("t", 0), start, 1);
    let aborted = (0..front(&mut data) % 4).map(|_| (front(&mut data).into(), front(&mut data).into())).collect();
    if partition.absorb(Arrived { records: data, aborted, grant: None }).is_err() {
        return;
    }
    let rules = Rules { check_crcs: flags & 2 != 0, skip_aborted: flags & 1 != 0 };
    loop {
        let mut batches = Vec::new();
        match partition.take(3, rules, &mut batches) {
            Ok(0) | Err(_) => return,
            Ok(taken) => {
                let records = batches.iter().flat_map(|batch| batch.records());
                let seen = records.map(|view| view.headers().count()).count();
                assert_eq!(seen, taken, "what was checked can be read again");
            }
        }
    }
}
