//! A partition that is being read: its position, and what has been fetched for it.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.CompletedFetch.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use milena_api::record::TopicPartition;
use tokio::time::Instant;

use super::batch::FetchedBatch;
use super::subscription::StartOffset;
use crate::error::{Error, Result};
use crate::records::{BatchHeader, Compression, HEADER_LEN, InvalidRecords, RecordIter};

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

/// A partition that is being read.
pub(super) struct Partition {
    topic: Arc<str>,
    partition: i32,
    /// Offset of the next record to hand out; `None` until it is known.
    pub position: Option<i64>,
    /// Where the next fetch goes on.
    pub fetch_offset: i64,
    /// Counts jumps; what was fetched for an earlier one is of no use.
    pub jump: u64,
    /// Where to find the position, if it is to be found.
    pub start: Option<StartOffset>,
    /// A position is out of range, and `auto.offset.reset` decides.
    pub out_of_range: Option<i64>,
    pub paused: bool,
    pub retry_at: Option<Instant>,
    pub failures: u32,
    chunks: VecDeque<Chunk>,
    pub buffered: usize,
    transactions: AbortedTransactions,
}

impl Partition {
    pub(super) fn new(at: &TopicPartition, start: StartOffset, jump: u64) -> Self {
        Self {
            topic: Arc::clone(&at.topic),
            partition: at.partition,
            position: None,
            fetch_offset: 0,
            jump,
            start: Some(start),
            out_of_range: None,
            paused: false,
            retry_at: None,
            failures: 0,
            chunks: VecDeque::new(),
            buffered: 0,
            transactions: AbortedTransactions::default(),
        }
    }

    /// Goes on at `offset`; what was fetched is dropped.
    pub(super) fn jump_to(&mut self, offset: i64, jump: u64) {
        self.position = Some(offset);
        self.fetch_offset = offset;
        self.jump = jump;
        self.start = None;
        self.out_of_range = None;
        self.retry_at = None;
        self.failures = 0;
        self.chunks.clear();
        self.buffered = 0;
        self.transactions = AbortedTransactions::default();
    }

    /// Looks for a position anew.
    pub(super) fn look_for(&mut self, start: StartOffset, jump: u64) {
        let position = self.position;
        self.jump_to(0, jump);
        self.out_of_range = position;
        self.position = None;
        self.start = Some(start);
    }

    pub(super) fn has_chunks(&self) -> bool {
        !self.chunks.is_empty()
    }

    fn invalid(&self, offset: i64, source: InvalidRecords) -> Error {
        Error::Records { topic: Arc::clone(&self.topic), partition: self.partition, offset, source }
    }

    /// Takes over what a broker sent for [`fetch_offset`](Self::fetch_offset); a cut-off batch at the end is left out.
    pub(super) fn absorb(&mut self, mut bytes: Bytes, aborted: Vec<(i64, i64)>) -> Result<()> {
        let mut aborted = Some(VecDeque::from(aborted));
        while !bytes.is_empty() {
            let header = match BatchHeader::read(&bytes) {
                Ok(header) if header.total_len() <= bytes.len() => header,
                Ok(_) => break,
                Err(error) if error.is_truncated() => break,
                Err(error) => return Err(self.invalid(self.fetch_offset, error)),
            };
            let batch = bytes.split_to(header.total_len());
            // The first batch may begin before the offset asked for, and brokers may repeat one.
            if header.last_offset() < self.fetch_offset {
                continue;
            }
            self.fetch_offset = header.last_offset() + 1;
            self.buffered += batch.len();
            let aborted = aborted.take();
            self.chunks.push_back(Chunk { header, wire_len: batch.len(), bytes: batch, opened: None, aborted });
        }
        Ok(())
    }

    /// Hands out up to `limit` records, and gives how many. An error is of the batch at the position, which stays there.
    pub(super) fn take(
        &mut self,
        limit: usize,
        check_crcs: bool,
        skip_aborted: bool,
        out: &mut Vec<FetchedBatch>,
    ) -> Result<usize> {
        let mut taken = 0;
        while taken < limit {
            let position = self.position.unwrap_or(0);
            let Some(chunk) = self.chunks.front_mut() else { break };
            let header = chunk.header;
            let reading = match chunk.opened {
                Some(reading) => reading,
                None => {
                    let opened = match self.transactions.leaves_out(chunk, skip_aborted) {
                        true => Ok(None),
                        false => chunk.open(position, check_crcs).map(Some),
                    };
                    match opened {
                        Ok(Some(reading)) => reading,
                        Ok(None) => Reading { start: 0, left: 0 },
                        Err(_) if taken > 0 => break,
                        Err(error) => return Err(self.invalid(header.base_offset, error)),
                    }
                }
            };
            let mut iter = RecordIter::new(&header, &chunk.bytes).resume(reading.start, reading.left);
            let (mut count, mut next) = (0, position);
            while count < limit - taken {
                match iter.next_checked() {
                    None => break,
                    Some(Ok(view)) => {
                        count += 1;
                        next = view.offset + 1;
                    }
                    // Good records before a bad one are handed out first.
                    Some(Err(_)) if count > 0 || taken > 0 => break,
                    Some(Err(error)) => return Err(self.invalid(position, error)),
                }
            }
            if count > 0 {
                out.push(FetchedBatch {
                    topic: Arc::clone(&self.topic),
                    partition: self.partition,
                    timestamp_type: header.timestamp_type(),
                    leader_epoch: (header.leader_epoch >= 0).then_some(header.leader_epoch),
                    header,
                    records: chunk.bytes.clone(),
                    start: reading.start,
                    count,
                });
                taken += count;
            }
            let left = reading.left - count;
            if left == 0 {
                // Also past what compaction or a transaction's end left out.
                self.position = Some(header.last_offset() + 1);
                self.buffered = self.buffered.saturating_sub(chunk.wire_len);
                self.chunks.pop_front();
            } else {
                chunk.opened = Some(Reading { start: iter.byte_position(), left });
                self.position = Some(next);
                if taken < limit {
                    break;
                }
            }
        }
        Ok(taken)
    }
}

impl Chunk {
    /// Checks and uncompresses the batch, and skips records before `position`.
    fn open(&mut self, position: i64, check_crcs: bool) -> Result<Reading, InvalidRecords> {
        if check_crcs {
            self.header.check_crc(&self.bytes)?;
        }
        let compressed = self.bytes.slice(HEADER_LEN..);
        let records = match self.header.compression()? {
            Compression::None => compressed,
            codec => Bytes::from(codec.decompress(&compressed)?),
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
            if is_abort_marker(&chunk.bytes) {
                self.open.remove(&header.producer_id);
            }
            return true;
        }
        header.is_transactional() && self.open.contains(&header.producer_id)
    }
}

/// The key of a marker's only record: version, then 0 for abort.
fn is_abort_marker(batch: &[u8]) -> bool {
    let Ok(header) = BatchHeader::read(batch) else { return false };
    let records = batch.get(HEADER_LEN..).unwrap_or_default();
    let marker = RecordIter::new(&header, records).next();
    marker.and_then(|view| view.key).is_some_and(|key| key.get(2..4) == Some(&[0, 0]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{BatchBuilder, RecordParts, set_base_offset};

    fn batch(base: i64, count: usize, codec: Compression) -> Bytes {
        let mut builder = BatchBuilder::with_capacity(0);
        for _ in 0..count {
            builder.append(&RecordParts { timestamp: 5, key: None, value: Some(b"value"), headers: &[] }).unwrap();
        }
        let mut batch = builder.build(codec, None, None).unwrap().to_vec();
        set_base_offset(&mut batch, base).unwrap();
        Bytes::from(batch)
    }

    fn partition(position: i64) -> Partition {
        let mut partition = Partition::new(&TopicPartition::new("t", 3), StartOffset::Earliest, 1);
        partition.jump_to(position, 2);
        partition
    }

    fn offsets(batches: &[FetchedBatch]) -> Vec<i64> {
        batches.iter().flat_map(|batch| batch.records().map(|view| view.offset).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn records_come_in_order_within_the_limit_and_from_the_position_on() {
        let mut partition = partition(12);
        let mut bytes = batch(10, 5, Compression::Lz4).to_vec();
        bytes.extend_from_slice(&batch(15, 5, Compression::None));
        bytes.extend_from_slice(&batch(20, 5, Compression::None)[..70]);
        partition.absorb(Bytes::from(bytes), Vec::new()).unwrap();
        assert_eq!(partition.fetch_offset, 20);
        let mut all = Vec::new();
        for (limit, next) in [(2, 14), (3, 17), (100, 20)] {
            let mut out = Vec::new();
            partition.take(limit, true, false, &mut out).unwrap();
            assert_eq!(out.iter().map(FetchedBatch::count).sum::<usize>(), offsets(&out).len());
            all.extend(offsets(&out));
            assert_eq!(partition.position, Some(next));
        }
        assert_eq!(all, (12..20).collect::<Vec<_>>());
        assert_eq!(partition.buffered, 0);
    }

    #[test]
    fn a_corrupt_batch_is_an_error_with_its_place_after_the_good_ones() {
        let mut partition = partition(0);
        let mut bytes = batch(0, 2, Compression::None).to_vec();
        let mut bad = batch(2, 2, Compression::None).to_vec();
        bad[65] ^= 1;
        bytes.extend_from_slice(&bad);
        partition.absorb(Bytes::from(bytes), Vec::new()).unwrap();
        let mut out = Vec::new();
        assert!(partition.take(2, true, false, &mut out).is_ok());
        for _ in 0..2 {
            let error = partition.take(2, true, false, &mut out).unwrap_err();
            assert!(matches!(&error, Error::Records { partition: 3, offset: 2, .. }), "{error:?}");
        }
        assert_eq!((offsets(&out), partition.position), (vec![0, 1], Some(2)));
    }

    #[test]
    fn slices_of_the_batch_share_its_buffer() {
        let mut partition = partition(0);
        partition.absorb(batch(0, 1, Compression::None), Vec::new()).unwrap();
        let mut out = Vec::new();
        partition.take(1, true, false, &mut out).unwrap();
        let value = out[0].records().next().unwrap().value.unwrap();
        assert_eq!(out[0].slice(value).as_ptr(), value.as_ptr());
        assert_eq!(out[0].slice(b"elsewhere"), &b"elsewhere"[..]);
    }
}
