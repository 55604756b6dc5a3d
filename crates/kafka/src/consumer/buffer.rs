//! What has been fetched for one partition and not been handed out.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.CompletedFetch.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::batch::FetchedBatch;
use crate::memory::Grant;
use crate::records::{BatchHeader, Compression, HEADER_LEN, InvalidRecords, RecordIter, legacy};

/// A batch as it came, or being read.
struct Chunk {
    header: BatchHeader,
    /// As it came: the whole batch. Once opened: its records, uncompressed.
    bytes: Bytes,
    /// Bytes of the fetch answer that it stands for.
    wire_len: usize,
    opened: Option<Reading>,
    /// Aborted transactions (first offset, producer id) of the answer that begins with this batch.
    aborted: Option<VecDeque<(i64, i64)>>,
    /// The answer's share of the process's memory; given back with the answer's last batch.
    _grant: Option<Arc<Grant>>,
}

#[derive(Clone, Copy)]
struct Reading {
    start: usize,
    left: usize,
}

/// What of transactions is left out, going through an answer in order.
#[derive(Default)]
struct AbortedTransactions {
    to_come: VecDeque<(i64, i64)>,
    open: HashSet<i64>,
}

/// Records of one answer for one partition.
#[derive(Default)]
pub(super) struct Arrived {
    pub records: Bytes,
    /// Aborted transactions: first offset and producer id, in the order of offsets.
    pub aborted: Vec<(i64, i64)>,
    pub grant: Option<Arc<Grant>>,
}

/// How records are handed out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub check_crcs: bool,
    /// Whether records of aborted transactions are left out.
    pub skip_aborted: bool,
}

/// Batches in the order of their offsets.
#[derive(Default)]
pub(super) struct Buffer {
    chunks: VecDeque<Chunk>,
    transactions: AbortedTransactions,
    len: usize,
}

/// The next record to hand out, and the epoch of the leader that wrote the one before it (-1 if not known).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub offset: i64,
    pub epoch: i32,
}

impl Buffer {
    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Bytes as they came.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes over what a broker sent for offset `from`, and gives the offset behind it; a cut-off batch at the end is left out.
    pub(super) fn push(&mut self, from: i64, arrived: Arrived) -> Result<i64, (i64, InvalidRecords)> {
        let Arrived { records: mut bytes, aborted, grant } = arrived;
        let mut aborted = Some(VecDeque::from(aborted));
        let mut next = from;
        while !bytes.is_empty() {
            let header = match legacy::read_header(&bytes) {
                Ok(header) if header.total_len() <= bytes.len() => header,
                Ok(_) => break,
                Err(error) if error.is_truncated() => break,
                // What came before is still good.
                Err(_) if next > from => break,
                Err(error) => return Err((from, error)),
            };
            let batch = bytes.split_to(header.total_len());
            // The first batch may begin before the offset asked for, and brokers may repeat one.
            if header.last_offset() < next {
                continue;
            }
            next = header.last_offset() + 1;
            self.len += batch.len();
            self.chunks.push_back(Chunk {
                header,
                wire_len: batch.len(),
                bytes: batch,
                opened: None,
                aborted: aborted.take(),
                _grant: grant.clone(),
            });
        }
        Ok(next)
    }

    /// Hands out up to `limit` records from `place` on, moves `place` past them, and gives how many. An error is of the batch at
    /// `place`, which stays there.
    pub(super) fn take(
        &mut self,
        of: (&Arc<str>, i32),
        place: &mut Place,
        limit: usize,
        rules: Rules,
        out: &mut Vec<FetchedBatch>,
    ) -> Result<usize, (i64, InvalidRecords)> {
        let mut taken = 0;
        while taken < limit {
            let Some(chunk) = self.chunks.front_mut() else { break };
            let reading = match chunk.opened {
                Some(reading) => reading,
                None => {
                    let transactions = &mut self.transactions;
                    let opened = chunk.check(rules.check_crcs).and_then(|()| {
                        if transactions.leaves_out(chunk, rules.skip_aborted) {
                            return Ok(Reading { start: 0, left: 0 });
                        }
                        chunk.open(place.offset, rules.check_crcs)
                    });
                    match opened {
                        Ok(reading) => reading,
                        Err(_) if taken > 0 => break,
                        Err(error) => return Err((chunk.header.base_offset.max(place.offset), error)),
                    }
                }
            };
            let header = chunk.header;
            let mut iter = RecordIter::new(&header, &chunk.bytes).resume(reading.start, reading.left);
            let (mut count, mut next) = (0, place.offset);
            while count < limit - taken {
                match iter.next_checked() {
                    None => break,
                    Some(Ok(view)) => {
                        count += 1;
                        next = view.offset + 1;
                    }
                    // Good records before a bad one are handed out first.
                    Some(Err(_)) if count > 0 || taken > 0 => break,
                    Some(Err(error)) => return Err((place.offset, error)),
                }
            }
            if count > 0 {
                out.push(FetchedBatch {
                    topic: Arc::clone(of.0),
                    partition: of.1,
                    timestamp_type: header.timestamp_type(),
                    leader_epoch: (header.leader_epoch >= 0).then_some(header.leader_epoch),
                    header,
                    records: chunk.bytes.clone(),
                    start: reading.start,
                    count,
                    bytes: iter.byte_position().saturating_sub(reading.start),
                });
                taken += count;
            }
            place.epoch = header.leader_epoch;
            let left = reading.left - count;
            if left == 0 {
                // Also past what compaction or a transaction's end left out.
                place.offset = place.offset.max(header.last_offset() + 1);
                self.len = self.len.saturating_sub(chunk.wire_len);
                self.chunks.pop_front();
            } else {
                chunk.opened = Some(Reading { start: iter.byte_position(), left });
                place.offset = next;
                if taken < limit {
                    break;
                }
            }
        }
        Ok(taken)
    }
}

impl Chunk {
    /// Compares the checksum of the whole batch, before anything in it is believed. Older formats have one per record instead.
    fn check(&self, check_crcs: bool) -> Result<(), InvalidRecords> {
        if check_crcs && self.header.magic >= 2 { self.header.check_crc(&self.bytes) } else { Ok(()) }
    }

    /// Uncompresses the batch, and skips records before `position`.
    fn open(&mut self, position: i64, check_crcs: bool) -> Result<Reading, InvalidRecords> {
        let records = if self.header.magic < 2 {
            let (header, records) = legacy::open(&self.header, &self.bytes, check_crcs)?;
            self.header = header;
            records
        } else {
            let compressed = self.bytes.slice(HEADER_LEN..);
            match self.header.compression()? {
                Compression::None => compressed,
                codec => Bytes::from(codec.decompress(&compressed)?),
            }
        };
        let count = usize::try_from(self.header.count).unwrap_or(0);
        let mut reading = Reading { start: 0, left: count };
        let mut iter = RecordIter::new(&self.header, &records);
        if position > self.header.base_offset {
            while let Some(view) = iter.next_checked() {
                if view?.offset >= position {
                    break;
                }
                reading = Reading { start: iter.byte_position(), left: reading.left - 1 };
            }
        }
        self.bytes = records;
        self.opened = Some(reading);
        Ok(reading)
    }
}

impl AbortedTransactions {
    /// Whether a batch is none of the reader's business: a marker, or part of an aborted transaction.
    fn leaves_out(&mut self, chunk: &mut Chunk, skip_aborted: bool) -> bool {
        let header = &chunk.header;
        if let Some(aborted) = chunk.aborted.take() {
            self.to_come = aborted;
            self.open.clear();
        }
        if !skip_aborted {
            return header.is_control();
        }
        while let Some((_, producer)) =
            self.to_come.front().filter(|(first, _)| *first <= header.last_offset()).copied()
        {
            self.open.insert(producer);
            self.to_come.pop_front();
        }
        if header.is_control() {
            if is_abort_marker(header, &chunk.bytes) {
                self.open.remove(&header.producer_id);
            }
            return true;
        }
        header.is_transactional() && self.open.contains(&header.producer_id)
    }
}

/// The key of a marker's only record: version, then 0 for abort.
fn is_abort_marker(header: &BatchHeader, batch: &[u8]) -> bool {
    let records = batch.get(HEADER_LEN..).unwrap_or_default();
    let marker = RecordIter::new(header, records).next();
    marker.and_then(|view| view.key).is_some_and(|key| key.get(2..4) == Some(&[0, 0]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryGovernor;
    use crate::records::{BatchBuilder, ProducerId, RecordParts, set_base_offset, set_leader_epoch};

    const RULES: Rules = Rules { check_crcs: true, skip_aborted: false };

    fn built(base: i64, count: usize, codec: Compression, producer: Option<ProducerId>) -> Vec<u8> {
        let mut builder = BatchBuilder::with_capacity(0);
        for _ in 0..count {
            builder.append(&RecordParts { timestamp: 5, key: None, value: Some(b"value"), headers: &[] }).unwrap();
        }
        let mut batch = builder.build(codec, None, producer).unwrap().to_vec();
        set_base_offset(&mut batch, base).unwrap();
        batch
    }

    fn batch(base: i64, count: usize, codec: Compression) -> Vec<u8> {
        built(base, count, codec, None)
    }

    /// With the checksum that the changed bytes have.
    fn sealed(mut batch: Vec<u8>) -> Vec<u8> {
        let crc = crc32c::crc32c(&batch[21..]).to_be_bytes();
        batch[17..21].copy_from_slice(&crc);
        batch
    }

    fn arrived(batches: &[Vec<u8>], aborted: &[(i64, i64)]) -> Arrived {
        Arrived { records: Bytes::from(batches.concat()), aborted: aborted.to_vec(), grant: None }
    }

    struct Reader {
        buffer: Buffer,
        place: Place,
        rules: Rules,
    }

    impl Reader {
        fn at(offset: i64) -> Self {
            Self { buffer: Buffer::default(), place: Place { offset, epoch: -1 }, rules: RULES }
        }

        fn push(&mut self, batches: &[Vec<u8>]) -> i64 {
            self.buffer.push(self.place.offset, arrived(batches, &[])).unwrap()
        }

        fn take(&mut self, limit: usize) -> Result<(Vec<FetchedBatch>, Vec<i64>), (i64, InvalidRecords)> {
            let topic: Arc<str> = Arc::from("t");
            let mut out = Vec::new();
            let taken = self.buffer.take((&topic, 3), &mut self.place, limit, self.rules, &mut out)?;
            let offsets: Vec<i64> =
                out.iter().flat_map(|batch| batch.records().map(|view| view.offset).collect::<Vec<_>>()).collect();
            assert_eq!(taken, offsets.len());
            Ok((out, offsets))
        }
    }

    #[test]
    fn records_come_in_order_within_the_limit_and_from_the_position_on() {
        let mut reader = Reader::at(12);
        let cut_off = batch(20, 5, Compression::None)[..70].to_vec();
        let next = reader.push(&[batch(10, 5, Compression::Lz4), batch(15, 5, Compression::None), cut_off]);
        assert_eq!(next, 20);
        let mut all = Vec::new();
        for (limit, next) in [(2, 14), (3, 17), (100, 20)] {
            all.extend(reader.take(limit).unwrap().1);
            assert_eq!(reader.place.offset, next);
        }
        assert_eq!(all, (12..20).collect::<Vec<_>>());
        assert_eq!((reader.buffer.len(), reader.buffer.is_empty()), (0, true));
    }

    #[test]
    fn compacted_gaps_and_empty_batches_move_the_position_and_its_epoch() {
        let mut reader = Reader::at(0);
        // Offsets 0 to 9, of which compaction left one record; then a batch of which it left none.
        let mut gap = batch(0, 1, Compression::None);
        gap[23..27].copy_from_slice(&9i32.to_be_bytes());
        let mut empty = batch(10, 1, Compression::None)[..HEADER_LEN].to_vec();
        empty[8..12].copy_from_slice(&((HEADER_LEN - 12) as i32).to_be_bytes());
        empty[23..27].copy_from_slice(&4i32.to_be_bytes());
        empty[57..61].copy_from_slice(&0i32.to_be_bytes());
        let mut empty = sealed(empty);
        set_leader_epoch(&mut empty, 8).unwrap();
        assert_eq!(reader.push(&[sealed(gap), empty]), 15);
        assert_eq!(reader.take(100).unwrap().1, [0]);
        assert_eq!(reader.place, Place { offset: 15, epoch: 8 });
    }

    #[test]
    fn a_corrupt_batch_is_an_error_with_its_place_after_the_good_ones() {
        let mut reader = Reader::at(0);
        let mut bad = batch(2, 2, Compression::None);
        bad[65] ^= 1;
        reader.push(&[batch(0, 2, Compression::None), bad.clone()]);
        assert_eq!(reader.take(100).unwrap().1, [0, 1]);
        for _ in 0..2 {
            assert_eq!(reader.take(2).unwrap_err().0, 2);
        }
        assert_eq!(reader.place.offset, 2);
        // Whoever does not want checksums compared gets what is there.
        let mut reader = Reader { rules: Rules { check_crcs: false, ..RULES }, ..Reader::at(2) };
        bad[65] ^= 1;
        bad[17] ^= 1;
        reader.push(&[bad]);
        assert_eq!(reader.take(2).unwrap().1, [2, 3]);
    }

    #[test]
    fn a_header_that_cannot_be_is_an_error_once_it_comes_first() {
        let mut reader = Reader::at(0);
        let mut bad = batch(2, 2, Compression::None);
        bad[16] = 9;
        assert_eq!(reader.push(&[batch(0, 2, Compression::None), bad.clone()]), 2);
        assert_eq!(reader.take(100).unwrap().1, [0, 1]);
        let (offset, error) = reader.buffer.push(2, arrived(&[bad], &[])).unwrap_err();
        assert_eq!((offset, error.to_string().contains("format 9")), (2, true), "{error}");
    }

    /// A transaction's end as brokers write it.
    fn marker(offset: i64, producer: i64, commits: bool) -> Vec<u8> {
        let key = [0, 0, 0, u8::from(commits)];
        let mut builder = BatchBuilder::with_capacity(0);
        builder.append(&RecordParts { timestamp: 5, key: Some(&key), value: Some(&[0; 6]), headers: &[] }).unwrap();
        let id = ProducerId { id: producer, epoch: 0, base_sequence: -1, transactional: true };
        let mut batch = builder.build(Compression::None, None, Some(id)).unwrap().to_vec();
        batch[22] |= 0x20;
        let mut batch = sealed(batch);
        set_base_offset(&mut batch, offset).unwrap();
        batch
    }

    #[test]
    fn aborted_transactions_and_markers_are_left_out_by_the_list_of_the_answer() {
        let of = |base, count, producer| {
            let id = ProducerId { id: producer, epoch: 0, base_sequence: 0, transactional: true };
            built(base, count, Compression::None, Some(id))
        };
        // Producer 7 aborts 0..2 and commits 6..7; producer 8 commits 2..4; 4..5 belongs to no transaction.
        let log = [
            of(0, 2, 7),
            of(2, 2, 8),
            batch(4, 1, Compression::None),
            marker(5, 7, false),
            of(6, 1, 7),
            marker(7, 7, true),
            marker(8, 8, true),
        ];
        let mut committed = Reader { rules: Rules { skip_aborted: true, ..RULES }, ..Reader::at(0) };
        assert_eq!(committed.buffer.push(0, arrived(&log, &[(0, 7)])).unwrap(), 9);
        assert_eq!(committed.take(2).unwrap().1, [2, 3]);
        assert_eq!(committed.take(100).unwrap().1, [4, 6]);
        assert_eq!(committed.place.offset, 9);
        let mut all = Reader::at(0);
        all.push(&log);
        assert_eq!(all.take(100).unwrap().1, [0, 1, 2, 3, 4, 6]);
        assert_eq!(all.place.offset, 9);
    }

    #[test]
    fn slices_of_the_batch_share_its_buffer() {
        let mut reader = Reader::at(0);
        reader.push(&[batch(0, 1, Compression::None)]);
        let (out, _) = reader.take(1).unwrap();
        let value = out[0].records().next().unwrap().value.unwrap();
        assert_eq!(out[0].slice(value).as_ptr(), value.as_ptr());
        assert_eq!(out[0].slice(b"elsewhere"), &b"elsewhere"[..]);
    }

    #[tokio::test]
    async fn memory_is_given_back_with_the_last_batch_of_an_answer() {
        let governor = MemoryGovernor::new(1000);
        let mut reader = Reader::at(0);
        let batches = [batch(0, 2, Compression::None), batch(2, 2, Compression::None)];
        let grant = Some(Arc::new(governor.acquire(200).await));
        reader.buffer.push(0, Arrived { grant, ..arrived(&batches, &[]) }).unwrap();
        reader.take(3).unwrap();
        assert_eq!(governor.used(), 200);
        reader.take(3).unwrap();
        assert_eq!(governor.used(), 0);
    }
}
