//! `SubmittedRecords`: which source offsets may be stored, given what Kafka has acknowledged (invariant 2).
//!
//! Counterpart: `org.apache.kafka.connect.runtime.SubmittedRecords`. Records are numbered by *tags* in the order in which they were
//! submitted; acknowledgements come by tag, in any order. The offset of a source partition may be stored when all records of that
//! partition up to it are acknowledged.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use milena_api::record::{SourceMap, SourceRecord};

/// Source offsets by source partition; `None` as offset is stored as "no offset".
pub type SourceOffsets = HashMap<Option<Arc<SourceMap>>, Option<Arc<SourceMap>>>;

/// The records of one task between submission and acknowledgement.
#[derive(Default)]
pub struct SubmittedRecords {
    /// Records from tag `base` on; those acknowledged and stored are cut off at the front.
    records: VecDeque<Submitted>,
    base: u64,
    partitions: Vec<Partition>,
    index: HashMap<Option<Arc<SourceMap>>, usize>,
    /// Most batches are of one partition, given by the same pointer.
    last: Option<(Arc<SourceMap>, usize)>,
    unacknowledged: usize,
    /// Partitions with something new to store.
    touched: Vec<usize>,
    /// Places in `partitions` that are free again.
    free: Vec<usize>,
}

/// So many partitions are remembered without records of theirs; beyond, those that are done with are forgotten. A source that reads
/// one file after the other has a new partition for each.
const IDLE_PARTITIONS: usize = 256;

struct Submitted {
    partition: usize,
    offset: Option<Arc<SourceMap>>,
    acknowledged: bool,
    /// Kept only for tasks that want `commit_record`.
    record: Option<Box<SourceRecord>>,
}

struct Partition {
    key: Option<Arc<SourceMap>>,
    /// Tags of its records, in order.
    queue: VecDeque<u64>,
    touched: bool,
}

impl SubmittedRecords {
    /// Registers a record and gives its tag. `keep` holds the record for `commit_record`.
    pub fn submit(
        &mut self,
        partition: Option<&Arc<SourceMap>>,
        offset: Option<Arc<SourceMap>>,
        keep: Option<Box<SourceRecord>>,
    ) -> u64 {
        let tag = self.base + self.records.len() as u64;
        let partition = self.partition_of(partition);
        self.partitions[partition].queue.push_back(tag);
        self.records.push_back(Submitted { partition, offset, acknowledged: false, record: keep });
        self.unacknowledged += 1;
        tag
    }

    /// Takes back the record submitted last, which was not sent after all; gives it if it was kept.
    pub fn withdraw(&mut self, tag: u64) -> Option<Box<SourceRecord>> {
        debug_assert_eq!(tag + 1, self.base + self.records.len() as u64, "only the last record can be withdrawn");
        let record = self.records.pop_back()?;
        self.partitions[record.partition].queue.pop_back();
        self.unacknowledged -= 1;
        record.record
    }

    /// Source partition and offset of a record that is not acknowledged; nothing for another tag.
    pub fn place(&self, tag: u64) -> (Option<Arc<SourceMap>>, Option<Arc<SourceMap>>) {
        let at = tag.checked_sub(self.base).and_then(|at| usize::try_from(at).ok());
        match at.and_then(|at| self.records.get(at)).filter(|record| !record.acknowledged) {
            Some(record) => (self.partitions[record.partition].key.clone(), record.offset.clone()),
            None => (None, None),
        }
    }

    /// Notes an acknowledgement. Gives the record if it was kept; nothing for a tag that is not outstanding.
    pub fn acknowledge(&mut self, tag: u64) -> Option<Box<SourceRecord>> {
        let at = usize::try_from(tag.checked_sub(self.base)?).ok()?;
        let record = self.records.get_mut(at)?;
        if std::mem::replace(&mut record.acknowledged, true) {
            return None;
        }
        self.unacknowledged -= 1;
        let (kept, partition) = (record.record.take(), record.partition);
        if !std::mem::replace(&mut self.partitions[partition].touched, true) {
            self.touched.push(partition);
        }
        kept
    }

    /// Adds to `offsets` what may be stored since the last call, and forgets those records.
    pub fn committable(&mut self, offsets: &mut SourceOffsets) {
        for at in std::mem::take(&mut self.touched) {
            let partition = &mut self.partitions[at];
            partition.touched = false;
            let mut newest = None;
            while let Some(&tag) = partition.queue.front() {
                let Some(record) = self.records.get_mut((tag - self.base) as usize).filter(|r| r.acknowledged) else {
                    break;
                };
                newest = Some(record.offset.take());
                partition.queue.pop_front();
            }
            if let Some(offset) = newest {
                offsets.insert(partition.key.clone(), offset);
            }
            if partition.queue.is_empty() && self.index.len() > IDLE_PARTITIONS {
                // Records that still lie in the way of the cut are older than all that this place will hold next.
                self.index.remove(&partition.key.take());
                self.free.push(at);
                self.last = None;
            }
        }
        // A record is done with when it is acknowledged and no longer heads or waits in its partition's queue.
        while let Some(front) = self.records.front() {
            let queued = self.partitions[front.partition].queue.front().is_some_and(|&tag| tag <= self.base);
            if !front.acknowledged || queued {
                break;
            }
            self.records.pop_front();
            self.base += 1;
        }
    }

    /// Records sent and not yet acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.unacknowledged
    }

    fn partition_of(&mut self, key: Option<&Arc<SourceMap>>) -> usize {
        if let (Some(key), Some((last, at))) = (key, &self.last)
            && Arc::ptr_eq(key, last)
        {
            return *at;
        }
        let at = match self.index.get(&key.cloned()) {
            Some(&at) => at,
            None => {
                let new = Partition { key: key.cloned(), queue: VecDeque::new(), touched: false };
                let at = self.free.pop().unwrap_or(self.partitions.len());
                match self.partitions.get_mut(at) {
                    Some(place) => *place = new,
                    None => self.partitions.push(new),
                }
                self.index.insert(key.cloned(), at);
                at
            }
        };
        self.last = key.map(|key| (Arc::clone(key), at));
        at
    }
}

#[cfg(test)]
mod tests {
    use milena_api::data::Value;

    use super::*;

    fn map(key: &str, value: i64) -> Arc<SourceMap> {
        Arc::new([(Value::from(key), Value::I64(value))].into_iter().collect())
    }

    fn stored(records: &mut SubmittedRecords) -> Vec<(i64, i64)> {
        let mut offsets = SourceOffsets::new();
        records.committable(&mut offsets);
        let number = |m: &SourceMap| m.iter().next().and_then(|(_, v)| v.as_i64()).unwrap();
        let mut all: Vec<_> =
            offsets.iter().map(|(p, o)| (number(p.as_ref().unwrap()), number(o.as_ref().unwrap()))).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn a_gap_holds_back_its_own_partition_only() {
        let mut records = SubmittedRecords::default();
        let (a, b) = (map("p", 1), map("p", 2));
        let tags: Vec<u64> = [(&a, 10), (&b, 20), (&a, 11), (&b, 21)]
            .map(|(p, o)| records.submit(Some(p), Some(map("o", o)), None))
            .to_vec();
        records.acknowledge(tags[2]);
        records.acknowledge(tags[1]);
        records.acknowledge(tags[3]);
        assert_eq!(stored(&mut records), [(2, 21)]);
        assert_eq!(records.unacknowledged(), 1);
        records.acknowledge(tags[0]);
        assert_eq!(stored(&mut records), [(1, 11)]);
        assert!(stored(&mut records).is_empty());
        assert!(records.records.is_empty());
    }

    #[test]
    fn withdrawn_records_leave_no_trace() {
        let mut records = SubmittedRecords::default();
        let a = map("p", 1);
        let first = records.submit(Some(&a), Some(map("o", 1)), None);
        let second = records.submit(Some(&a), Some(map("o", 2)), None);
        assert!(records.withdraw(second).is_none());
        records.acknowledge(first);
        assert_eq!(stored(&mut records), [(1, 1)]);
        let again = records.submit(Some(&a), Some(map("o", 2)), None);
        assert_eq!(again, second);
        records.acknowledge(again);
        assert_eq!(stored(&mut records), [(1, 2)]);
    }

    #[test]
    fn partitions_that_are_done_with_are_forgotten() {
        let mut records = SubmittedRecords::default();
        let held = records.submit(Some(&map("held", 0)), Some(map("o", 7)), None);
        for file in 0..10 * IDLE_PARTITIONS as i64 {
            let tag = records.submit(Some(&map("file", file)), Some(map("o", file)), None);
            records.acknowledge(tag);
            assert_eq!(stored(&mut records), [(file, file)]);
        }
        assert!(records.partitions.len() <= IDLE_PARTITIONS + 1, "{} partitions", records.partitions.len());
        records.acknowledge(held);
        assert_eq!(stored(&mut records), [(0, 7)]);
        assert!(records.records.is_empty());
    }

    #[test]
    fn equal_partitions_given_by_other_pointers_are_one() {
        let mut records = SubmittedRecords::default();
        let first = records.submit(Some(&map("p", 1)), Some(map("o", 1)), None);
        let second = records.submit(Some(&map("p", 1)), Some(map("o", 2)), None);
        records.acknowledge(second);
        assert!(stored(&mut records).is_empty());
        records.acknowledge(first);
        assert_eq!(stored(&mut records), [(1, 2)]);
    }
}
