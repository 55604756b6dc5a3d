//! What a broker's answer, or its absence, means for the batches of a request.
//!
//! Counterpart: org.apache.kafka.clients.producer.internals.Sender (`completeBatch` and `failBatch`).

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::accumulator::{Accumulator, Lifecycle};
use super::batch::{Batch, Order, Sealed};
use super::completion::BatchAck;
use super::drain::not_written;
use super::ends::End;
use crate::config::ProducerConfig;
use crate::error::Error;
use crate::error_code::ErrorCode;
use crate::net::Departure;

/// A batch that was sent.
#[derive(Debug, Clone)]
pub(super) struct SentBatch {
    pub topic: Arc<str>,
    pub topic_index: usize,
    pub partition: i32,
    pub order: Order,
}

/// What the broker says about one batch.
#[derive(Debug, Default)]
pub(super) struct PartitionAnswer {
    pub code: Option<ErrorCode>,
    pub message: Option<String>,
    pub base_offset: i64,
    pub append_time: i64,
    /// -1 if the broker did not tell.
    pub log_start: i64,
    /// Records at fault, by their place in the batch.
    pub records: Vec<(i32, Option<String>)>,
}

/// What metrics want to know of a batch that goes out.
#[derive(Debug, Default)]
pub(super) struct Packed {
    pub records: u32,
    pub bytes: usize,
    /// Compressed over uncompressed.
    pub ratio: f64,
    pub largest_record: usize,
    pub created: Option<Instant>,
}

/// What to do about a batch that was not written.
enum Way {
    Again,
    GiveUp,
}

impl Accumulator {
    /// Takes back the wire form of a batch that is being sent, in case it has to be sent again.
    pub(super) fn keep_sealed(&mut self, sent: &SentBatch, sealed: &Sealed, departure: &Arc<Departure>) -> Packed {
        let mut packed = Packed { bytes: sealed.bytes.len(), ratio: 1.0, ..Packed::default() };
        if let Some(uncompressed) = sealed.uncompressed
            && sealed.bytes.len() != uncompressed
        {
            self.note_compression(sent.topic_index, sealed.bytes.len(), uncompressed);
            packed.ratio = sealed.bytes.len() as f64 / uncompressed.max(1) as f64;
        }
        let Some(batch) = self.queue(sent.topic_index, sent.partition).and_then(|queue| queue.sent_mut(sent.order))
        else {
            return packed;
        };
        packed.records = u32::try_from(batch.count).unwrap_or(0);
        (packed.largest_record, packed.created) = (batch.largest_record, Some(batch.created));
        batch.keep(sealed);
        batch.departure = Some(Arc::clone(departure));
        // Compressed records need less memory than they did before.
        let spare = batch.reserved.saturating_sub(sealed.bytes.len());
        if sealed.uncompressed.is_some_and(|uncompressed| uncompressed != sealed.bytes.len()) {
            batch.reserved -= spare;
            batch.grant.shrink(sealed.bytes.len());
            self.available += spare;
        }
        packed
    }

    /// Takes note of what the broker says about a batch. Tells whether the metadata may be out of date.
    pub(super) fn answered(
        &mut self,
        config: &ProducerConfig,
        sent: &SentBatch,
        answer: PartitionAnswer,
        now: Instant,
    ) -> bool {
        let Some(mut batch) = self.take_back(sent) else { return false };
        let written = BatchAck {
            base_offset: answer.base_offset,
            log_append_time: (answer.append_time >= 0).then_some(answer.append_time),
        };
        let unknown_place = BatchAck { base_offset: -1, log_append_time: None };
        match answer.code {
            None => {
                self.written(sent, batch, written);
                false
            }
            // The broker has it from an attempt whose answer was lost, but no longer knows where.
            Some(ErrorCode::DUPLICATE_SEQUENCE_NUMBER) => {
                self.written(sent, batch, unknown_place);
                false
            }
            Some(ErrorCode::MESSAGE_TOO_LARGE) if batch.count > 1 && !batch.told => {
                self.split(sent, batch);
                false
            }
            Some(code) => {
                let way = if batch.told || !self.may_try_again(config, &batch, now) {
                    Way::GiveUp
                } else {
                    self.way_of(sent, &mut batch, code, answer.log_start)
                };
                let doing = format!("cannot write to {}-{}", sent.topic, sent.partition);
                let error = Error::broker(doing, code, answer.message.clone());
                batch.maybe_written |= leaves_open(code);
                match way {
                    Way::Again => self.again(config, sent, batch, &error, now),
                    Way::GiveUp => self.refused(sent, batch, error, answer.records),
                }
                code.is_stale_metadata()
            }
        }
    }

    /// Takes note of a request that failed: if it has left, nobody knows whether the broker has the batch. Tells whether the metadata
    /// may be out of date.
    pub(super) fn unanswered(
        &mut self,
        config: &ProducerConfig,
        sent: &SentBatch,
        error: &Error,
        now: Instant,
    ) -> bool {
        let Some(mut batch) = self.take_back(sent) else { return false };
        batch.maybe_written |= !batch.is_held_back();
        // A connection that ended because it was refused is like any other that ended: the next one shows whether it is for good.
        let passes = error.is_retriable() || error.is_authentication();
        if passes && !batch.told && self.may_try_again(config, &batch, now) {
            self.again(config, sent, batch, error, now);
        } else if batch.told || batch.maybe_written {
            self.lost(sent, batch, error.clone());
        } else {
            self.refused(sent, batch, not_written(error.clone(), false), Vec::new());
        }
        passes
    }

    fn take_back(&mut self, sent: &SentBatch) -> Option<Batch> {
        self.queue(sent.topic_index, sent.partition)?.take_sent(sent.order)
    }

    fn may_try_again(&self, config: &ProducerConfig, batch: &Batch, now: Instant) -> bool {
        batch.attempts <= config.retries
            && now < batch.created + config.delivery_timeout
            && self.fatal.is_none()
            && self.state != Lifecycle::Aborted
    }

    /// Whether another attempt may help, given what the broker said; mends the sequence numbers if they are the reason.
    fn way_of(&mut self, sent: &SentBatch, batch: &mut Batch, code: ErrorCode, log_start: i64) -> Way {
        let transactional = self.transaction.is_some();
        let current = self.identities.current;
        let index = usize::try_from(sent.partition).unwrap_or(usize::MAX);
        let Some(queue) = self.topics.get_mut(sent.topic_index).and_then(|topic| topic.partitions.get_mut(index))
        else {
            return Way::GiveUp;
        };
        let sequences = &queue.sequences;
        let Some(identity) = batch.identity else {
            return if code.is_retriable() { Way::Again } else { Way::GiveUp };
        };
        // The broker judged it under numbers that it does not have any more.
        let outdated = batch.sent_identity() != batch.identity;
        match code {
            ErrorCode::UNKNOWN_PRODUCER_ID => {
                if log_start < 0 || outdated || batch.renumbered {
                    return Way::Again;
                }
                if transactional && sequences.last_acked_offset < log_start {
                    // What the broker knew of this producer went with the oldest records.
                    if let Some(current) = current {
                        self.renumber_with(sent, batch, current);
                    }
                    return Way::Again;
                }
                if transactional {
                    return Way::GiveUp;
                }
                self.identities.broke(sent.topic_index, index);
                Way::Again
            }
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER => {
                let next = sequences.follows_acked(identity.base_sequence);
                if outdated || (sequences.unresolved.is_none() && (batch.renumbered || !next)) {
                    // An earlier batch is still to come.
                    return Way::Again;
                }
                if transactional {
                    return Way::GiveUp;
                }
                if sequences.unresolved.is_none_or(|unresolved| unresolved == identity.base_sequence) {
                    self.identities.broke(sent.topic_index, index);
                }
                Way::Again
            }
            ErrorCode::INVALID_PRODUCER_EPOCH if !transactional => {
                if !outdated {
                    self.identities.broke(sent.topic_index, index);
                }
                Way::Again
            }
            code if code.is_retriable() => Way::Again,
            _ => Way::GiveUp,
        }
    }

    /// Renumbers everything of a partition, with a batch that is in none of its lists just now.
    fn renumber_with(&mut self, sent: &SentBatch, batch: &mut Batch, current: (i64, i16)) {
        let Some(queue) = self.queue(sent.topic_index, sent.partition) else { return };
        let order = batch.order;
        let placeholder = Batch::new(order, super::batch::Listeners::Replies(Vec::new()), 0, batch.created);
        queue.put_sent(std::mem::replace(batch, placeholder));
        queue.renumber(current);
        if let Some(own) = queue.take_sent(order) {
            *batch = own;
        }
    }

    fn again(&mut self, config: &ProducerConfig, sent: &SentBatch, mut batch: Batch, error: &Error, now: Instant) {
        tracing::debug!(topic = %sent.topic, partition = sent.partition, %error, "sending a batch again");
        self.ends.metrics.records_retried(now, &sent.topic, u32::try_from(batch.count).unwrap_or(0));
        batch.retry_at = Some(now + config.client.retry_backoff.after(batch.attempts));
        if let Some(queue) = self.queue(sent.topic_index, sent.partition) {
            queue.put_back(batch);
        }
    }

    fn written(&mut self, sent: &SentBatch, mut batch: Batch, ack: BatchAck) {
        if let Some(queue) = self.queue(sent.topic_index, sent.partition) {
            queue.sequences.acknowledged(&batch, ack.base_offset);
        }
        self.available += batch.reserved;
        self.ends.tell(&sent.topic, sent.partition, &mut batch, End::Written(ack));
    }

    /// A batch that the broker refused for good, or never got.
    fn refused(&mut self, sent: &SentBatch, mut batch: Batch, error: Error, records: Vec<(i32, Option<String>)>) {
        if batch.told || batch.maybe_written {
            return self.lost(sent, batch, error);
        }
        self.note_failure(&error);
        let index = usize::try_from(sent.partition).unwrap_or(usize::MAX);
        if batch.identity.is_some() && self.fatal.is_none() {
            if self.transaction.is_none() {
                self.identities.broke(sent.topic_index, index);
            } else if let Some(queue) = self.queue(sent.topic_index, sent.partition) {
                queue.close_gap(batch.order, batch.count);
            }
        }
        self.available += batch.reserved;
        let end = if records.is_empty() { End::Failed { error, maybe_written: false } } else { blame(&error, records) };
        self.ends.tell(&sent.topic, sent.partition, &mut batch, end);
    }

    /// A batch that is given up although it may have been written.
    fn lost(&mut self, sent: &SentBatch, mut batch: Batch, error: Error) {
        if !batch.told {
            self.note_failure(&error);
        }
        if batch.identity.is_some() {
            let index = usize::try_from(sent.partition).unwrap_or(usize::MAX);
            if let Some(queue) = self.queue(sent.topic_index, sent.partition) {
                queue.sequences.lost_track_of(&batch);
            }
            self.identities.doubt(sent.topic_index, index);
        }
        self.available += batch.reserved;
        let error = not_written(error, true);
        self.ends.tell(&sent.topic, sent.partition, &mut batch, End::Failed { error, maybe_written: true });
    }

    /// Ends a batch that could not even be made ready for the wire.
    pub(super) fn unsendable(&mut self, sent: &SentBatch, error: Error) {
        let Some(batch) = self.take_back(sent) else { return };
        self.refused(sent, batch, error, Vec::new());
    }

    /// What a failed batch means for the transaction, or for the producer as a whole.
    fn note_failure(&mut self, error: &Error) {
        if self.transaction.is_none() {
            return;
        }
        let fatal = matches!(
            error.code(),
            Some(
                ErrorCode::CLUSTER_AUTHORIZATION_FAILED
                    | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
                    | ErrorCode::PRODUCER_FENCED
                    | ErrorCode::UNSUPPORTED_VERSION
                    | ErrorCode::INVALID_PRODUCER_ID_MAPPING
            )
        ) || matches!(error, Error::Unsupported { .. });
        if fatal {
            self.fail_for_good(error.clone());
        } else if let Some(transaction) = &mut self.transaction {
            transaction.batch_failed(error);
        }
    }

    fn split(&mut self, sent: &SentBatch, batch: Batch) {
        let (order, reserved, created) = (batch.order, batch.reserved, batch.created);
        tracing::warn!(
            topic = %sent.topic, partition = sent.partition, bytes = batch.len(),
            "the broker found a batch too large; sending it in two halves"
        );
        if let Some(topic) = self.topics.get_mut(sent.topic_index) {
            // Batches were filled in the hope of a better compression.
            topic.ratio = topic.ratio.max(1.0);
        }
        self.ends.metrics.batch_split(Instant::now());
        match batch.split() {
            Ok((first, second)) => {
                self.ends.expect(order.0);
                if let Some(queue) = self.queue(sent.topic_index, sent.partition) {
                    queue.put_back(first);
                    queue.put_back(second);
                }
            }
            Err((error, listeners)) => {
                let mut lost = Batch::new(order, listeners, 0, created);
                lost.reserved = reserved;
                self.refused(sent, lost, Error::protocol("cannot split a batch", error), Vec::new());
            }
        }
    }
}

/// Whether a broker that answers so may have written the batch.
fn leaves_open(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::REQUEST_TIMED_OUT
            | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
            | ErrorCode::UNKNOWN_SERVER_ERROR
            | ErrorCode::KAFKA_STORAGE_ERROR
            | ErrorCode::NETWORK_EXCEPTION
    )
}

/// Each record that is at fault gets its own reason.
fn blame(error: &Error, records: Vec<(i32, Option<String>)>) -> End {
    let Error::Broker { doing, code, message } = error else {
        return End::Failed { error: error.clone(), maybe_written: false };
    };
    // With a single one it is clear what the code was meant for.
    let own = if records.len() == 1 { *code } else { ErrorCode::INVALID_RECORD };
    let named: BTreeMap<usize, Error> = records
        .into_iter()
        .filter_map(|(index, reason)| {
            let reason = reason.or_else(|| message.clone());
            Some((usize::try_from(index).ok()?, Error::broker(doing.clone(), own, reason)))
        })
        .collect();
    let rest = Error::protocol(
        doing.clone(),
        "the record was part of a batch with invalid records, which the broker refuses as a whole",
    );
    End::Invalid { named, rest }
}
