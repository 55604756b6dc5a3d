//! Tells those who wait for records what became of them.

use std::collections::{BTreeMap, btree_map};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::batch::{Batch, Listeners};
use super::completion::{BatchAck, Completion, TagRuns};
use crate::error::{Error, Result};
use crate::metrics::ClientMetrics;

/// What became of a batch.
#[derive(Debug)]
pub(super) enum End {
    Written(BatchAck),
    Failed {
        error: Error,
        maybe_written: bool,
    },
    /// The broker named the records at fault, by their place in the batch; the others were refused with them.
    Invalid {
        named: BTreeMap<usize, Error>,
        rest: Error,
    },
}

/// Where ends are told, and which batches have not ended.
pub(super) struct Ends {
    completions: mpsc::UnboundedSender<Completion>,
    /// By the number they were created under; more than one after a split.
    incomplete: BTreeMap<u64, u32>,
    pub metrics: Arc<ClientMetrics>,
}

impl Ends {
    pub(super) fn new(completions: mpsc::UnboundedSender<Completion>, metrics: Arc<ClientMetrics>) -> Self {
        Self { completions, incomplete: BTreeMap::new(), metrics }
    }

    /// A batch begins.
    pub(super) fn expect(&mut self, created_as: u64) {
        *self.incomplete.entry(created_as).or_default() += 1;
    }

    /// Whether every batch with a number below has ended.
    pub(super) fn are_complete_below(&self, number: u64) -> bool {
        self.incomplete.first_key_value().is_none_or(|(first, _)| *first >= number)
    }

    /// Tells whoever waits for a batch; done under the accumulator's lock, so that whoever sees a flush end finds the completion.
    pub(super) fn tell(&mut self, topic: &Arc<str>, partition: i32, batch: &mut Batch, end: End) {
        if batch.told {
            return;
        }
        batch.told = true;
        if let btree_map::Entry::Occupied(mut left) = self.incomplete.entry(batch.order.0) {
            *left.get_mut() = left.get().saturating_sub(1);
            if *left.get() == 0 {
                left.remove();
            }
        }
        if !matches!(end, End::Written(_)) {
            self.metrics.records_failed(Instant::now(), topic, u32::try_from(batch.count).unwrap_or(0));
        }
        match std::mem::replace(&mut batch.listeners, Listeners::Replies(Vec::new())) {
            Listeners::Tags(tags) => self.complete(topic, partition, tags, end),
            Listeners::Replies(replies) => {
                for (index, reply) in replies.into_iter().enumerate() {
                    let own = match &end {
                        End::Written(ack) => {
                            let offset = if ack.base_offset < 0 { -1 } else { ack.base_offset + index as i64 };
                            Ok((partition, BatchAck { base_offset: offset, ..*ack }))
                        }
                        End::Failed { error, .. } => Err(error.clone()),
                        End::Invalid { named, rest } => Err(named.get(&index).unwrap_or(rest).clone()),
                    };
                    // Whoever sent the record may have stopped waiting.
                    drop(reply.send(own));
                }
            }
        }
    }

    fn complete(&self, topic: &Arc<str>, partition: i32, tags: TagRuns, end: End) {
        let send = |tags, result: Result<BatchAck>, maybe_written| {
            // Completions need not be of interest to anyone.
            drop(self.completions.send(Completion {
                topic: Arc::clone(topic),
                partition,
                tags,
                result,
                maybe_written,
            }));
        };
        match end {
            End::Written(ack) => send(tags, Ok(ack), true),
            End::Failed { error, maybe_written } => send(tags, Err(error), maybe_written),
            End::Invalid { named, rest } => {
                let mut others = TagRuns::default();
                for (index, tag) in tags.iter().enumerate() {
                    match named.get(&index) {
                        Some(error) => {
                            let mut own = TagRuns::default();
                            own.push(tag);
                            send(own, Err(error.clone()), false);
                        }
                        None => others.push(tag),
                    }
                }
                if !others.is_empty() {
                    send(others, Err(rest), false);
                }
            }
        }
    }
}
