//! Appending to a partition: the batch of a produce request, and the markers that end transactions.

use super::{Partition, State, Stored};
use crate::log::control::Marker;
use crate::log::producers::{MarkerRefused, Verdict};
use crate::log::validation::{Refused, check, recompress};
use crate::sync::{lock, now_ms};
use crate::txn::Version;
use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use milena_kafka::records::{self, BatchHeader};

/// Result of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    pub base_offset: i64,
    /// -1 unless the topic has `message.timestamp.type=LogAppendTime`.
    pub log_append_time: i64,
    pub log_start: i64,
}

/// A refusal without a word on single records.
type Plain = (ResponseError, &'static str);

/// What an append goes by beside the batch.
#[derive(Debug, Clone, Copy)]
struct Terms {
    acks: i16,
    now: i64,
    verified: Option<Version>,
    epoch: i32,
    in_sync: i32,
    cache_limit: usize,
}

impl Partition {
    /// Appends the one batch that a produce request brings for this partition. A transactional batch is taken if its transaction has
    /// records here already.
    pub fn append(&self, records: &[u8], acks: i16) -> Result<Appended, Refused> {
        self.append_batch(records, acks, None)
    }

    /// As [`Partition::append`], once the coordinator has said that the partition is part of the batch's transaction.
    pub fn append_verified(&self, records: &[u8], acks: i16, version: Version) -> Result<Appended, Refused> {
        self.append_batch(records, acks, Some(version))
    }

    fn append_batch(&self, records: &[u8], acks: i16, verified: Option<Version>) -> Result<Appended, Refused> {
        let header = check_batch(records)?;
        let now = now_ms();
        let mut woken = Vec::new();
        let appended = {
            let mut state = lock(&self.state);
            let terms = Terms {
                acks,
                now,
                verified,
                epoch: self.leader_epoch(),
                in_sync: self.leading.in_sync(),
                cache_limit: self.cache_limit,
            };
            let appended = state.append(records, &header, terms)?;
            std::mem::swap(&mut woken, &mut state.waiting);
            appended
        };
        super::wake(&woken);
        Ok(appended)
    }

    /// Producer id and epoch of a transactional batch whose transaction has no records here yet, so that its coordinator has to be asked.
    pub fn unverified(&self, records: &[u8]) -> Option<(i64, i16)> {
        let header = BatchHeader::read(records).ok().filter(BatchHeader::is_transactional)?;
        let verdict = lock(&self.state).producers.judge(&header, None);
        (verdict == Verdict::Unverified).then_some((header.producer_id, header.producer_epoch))
    }

    /// Ends a producer's transaction here by a marker; gives the marker's offset.
    ///
    /// # Errors
    /// The marker is older than what was seen, or the log cannot be written.
    pub fn end_transaction(&self, marker: &Marker) -> Result<i64, ResponseError> {
        let now = now_ms();
        let batch = marker.encode(now).map_err(|_| ResponseError::UnknownServerError)?;
        let header = BatchHeader::read(&batch).map_err(|_| ResponseError::UnknownServerError)?;
        let mut woken = Vec::new();
        let offset = {
            let mut state = lock(&self.state);
            if state.deleted {
                return Err(ResponseError::UnknownTopicOrPartition);
            }
            state.producers.takes(marker).map_err(|refused| match refused {
                MarkerRefused::Producer => ResponseError::InvalidProducerEpoch,
                MarkerRefused::Coordinator => ResponseError::TransactionCoordinatorFenced,
            })?;
            let offset = state.end;
            state
                .store(BytesMut::from(batch.as_slice()), &header, now, self.leader_epoch())
                .map_err(|(error, _)| error)?;
            state.producers.end_transaction(marker, offset, now);
            state.tidy(now, self.cache_limit);
            std::mem::swap(&mut woken, &mut state.waiting);
            offset
        };
        super::wake(&woken);
        Ok(offset)
    }
}

/// Checks that do not need the log: outside its lock.
fn check_batch(records: &[u8]) -> Result<BatchHeader, Plain> {
    let header = match BatchHeader::read(records) {
        Ok(header) => header,
        // Offset 16 tells the formats apart in all of them.
        Err(_) if records.get(16).is_some_and(|magic| *magic < 2) => {
            return Err((ResponseError::UnsupportedForMessageFormat, "only record batches of format v2 are accepted"));
        }
        Err(_) => {
            return Err((ResponseError::CorruptMessage, "the record batch is cut off or its header makes no sense"));
        }
    };
    if header.total_len() > records.len() {
        return Err((ResponseError::CorruptMessage, "the record batch is cut off"));
    }
    if header.total_len() < records.len() {
        return Err((ResponseError::InvalidRecord, "a produce request has exactly one record batch per partition"));
    }
    if header.check_crc(records).is_err() {
        return Err((ResponseError::CorruptMessage, "the checksum of the record batch is wrong"));
    }
    if header.count == 0 || header.last_offset_delta != header.count - 1 {
        return Err((ResponseError::InvalidRecord, "record count and last offset of the batch do not fit together"));
    }
    if header.is_control() {
        return Err((ResponseError::InvalidRecord, "Clients are not allowed to write control records"));
    }
    if header.compression().is_err() {
        return Err((ResponseError::CorruptMessage, "the codec of the record batch is not known"));
    }
    if header.producer_id >= 0 && header.base_sequence < 0 {
        return Err((ResponseError::InvalidRecord, "a batch with a producer id needs a sequence number"));
    }
    if header.is_transactional() && header.producer_id < 0 {
        return Err((ResponseError::InvalidRecord, "a transactional batch needs a producer id"));
    }
    Ok(header)
}

impl State {
    fn append(&mut self, records: &[u8], header: &BatchHeader, terms: Terms) -> Result<Appended, Refused> {
        let refused = |error, message| Err(Refused::from((error, message)));
        let now = terms.now;
        if self.deleted {
            return refused(ResponseError::UnknownTopicOrPartition, "the topic has been deleted");
        }
        if terms.acks == -1 && self.settings.min_insync_replicas > terms.in_sync {
            let message = "min.insync.replicas is more than the replicas that are in sync";
            return refused(ResponseError::NotEnoughReplicas, message);
        }
        let most = usize::try_from(self.settings.max_message_bytes).unwrap_or(0);
        if header.total_len() > most {
            let message = "the record batch is larger than max.message.bytes";
            return refused(ResponseError::MessageTooLarge, message);
        }
        check(header, records, &self.settings, now)?;
        match self.producers.judge(header, terms.verified) {
            Verdict::Append => {}
            Verdict::Duplicate(known) => {
                return Ok(Appended {
                    base_offset: known.base_offset,
                    log_append_time: known.log_append_time,
                    log_start: self.start,
                });
            }
            verdict => return Err(refusal(verdict).into()),
        }
        let base_offset = self.end;
        let mut copy = match self.settings.codec {
            Some((codec, level)) => match recompress(header, records, codec, level) {
                Ok(Some(other)) => BytesMut::from(other.as_slice()),
                Ok(None) => BytesMut::from(records),
                Err(_) => return refused(ResponseError::CorruptMessage, "the records of the batch cannot be read"),
            },
            None => BytesMut::from(records),
        };
        if copy.len() > most {
            let message = "the record batch is larger than max.message.bytes in the codec of the topic";
            return refused(ResponseError::MessageTooLarge, message);
        }
        let mut max_timestamp = header.max_timestamp;
        let mut log_append_time = -1;
        if self.settings.log_append_time {
            if records::set_log_append_time(&mut copy, now).is_err() {
                return refused(ResponseError::CorruptMessage, "the record batch is cut off");
            }
            max_timestamp = now;
            log_append_time = now;
        }
        self.store(copy, header, max_timestamp, terms.epoch)?;
        self.producers.record(header, base_offset, log_append_time);
        self.tidy(now, terms.cache_limit);
        Ok(Appended { base_offset, log_append_time, log_start: self.start })
    }

    /// Puts a batch at the end of the log.
    fn store(
        &mut self,
        mut batch: BytesMut,
        header: &BatchHeader,
        max_timestamp: i64,
        epoch: i32,
    ) -> Result<(), Plain> {
        let base = self.end;
        let placed =
            records::set_base_offset(&mut batch, base).and_then(|()| records::set_leader_epoch(&mut batch, epoch));
        if placed.is_err() {
            return Err((ResponseError::CorruptMessage, "the record batch is cut off"));
        }
        let data: Bytes = batch.freeze();
        let place = match &mut self.files {
            Some(files) => match files.append(&data, base, self.settings.segment_bytes) {
                Ok(place) => Some(place),
                Err(_) => return Err((ResponseError::KafkaStorageError, "the log file cannot be written")),
            },
            None => None,
        };
        let last = base + i64::from(header.last_offset_delta);
        self.bytes += data.len() as u64;
        self.dirty += data.len() as u64;
        if let Some(memory) = &self.memory {
            memory.add(data.len() as u64);
        }
        self.cached += data.len();
        self.batches.push_back(Stored { base, last, max_timestamp, len: data.len(), data: Some(data), place });
        self.epochs.assign(epoch, base);
        self.end = last + 1;
        Ok(())
    }

    /// What an append makes due.
    fn tidy(&mut self, now: i64, cache_limit: usize) {
        self.trim_by_size();
        self.compact_if_dirty(now);
        self.shrink_cache(cache_limit);
    }
}

fn refusal(verdict: Verdict) -> Plain {
    match verdict {
        Verdict::OutOfOrder => {
            (ResponseError::OutOfOrderSequenceNumber, "the batch does not follow the producer's last one")
        }
        Verdict::Fenced => (ResponseError::InvalidProducerEpoch, "a newer epoch of this producer has written here"),
        Verdict::Unverified => (ResponseError::InvalidTxnState, "Partition was not added to the transaction"),
        Verdict::OutsideTransaction => {
            (ResponseError::InvalidTxnState, "the producer has a transaction open here that the batch is not part of")
        }
        Verdict::Append | Verdict::Duplicate(_) => (ResponseError::UnknownServerError, "the batch was not refused"),
    }
}
