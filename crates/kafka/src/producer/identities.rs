//! The producer id, its epoch, and what makes a new one necessary.
//!
//! Counterpart: org.apache.kafka.clients.producer.internals.TransactionManager (its idempotent half).

use super::accumulator::Accumulator;
use super::partition_queue::Identity;
use crate::error::Error;

/// Who this producer is to the brokers.
#[derive(Default)]
pub(super) struct Identities {
    /// `None` until a broker has given one, and when its epochs are used up.
    pub current: Option<Identity>,
    /// Partitions whose sequences are broken: they begin anew under the next epoch (KIP-360).
    broken: Vec<(usize, usize)>,
    /// Partitions with batches whose fate is not known.
    unresolved: Vec<(usize, usize)>,
}

impl Identities {
    /// The sequence of a partition cannot go on under this epoch.
    pub(super) fn broke(&mut self, topic: usize, partition: usize) {
        if !self.broken.contains(&(topic, partition)) {
            self.broken.push((topic, partition));
        }
    }

    /// It is not known whether the partition's sequence is broken.
    pub(super) fn doubt(&mut self, topic: usize, partition: usize) {
        if !self.unresolved.contains(&(topic, partition)) {
            self.unresolved.push((topic, partition));
        }
    }
}

impl Accumulator {
    /// Goes on where sequences were in doubt or are broken; before anything is sent.
    pub(super) fn mend_sequences(&mut self) {
        if !self.identities.unresolved.is_empty() {
            let doubts = std::mem::take(&mut self.identities.unresolved);
            for (topic, partition) in doubts {
                let Some(queue) = self.topics.get_mut(topic).and_then(|topic| topic.partitions.get_mut(partition))
                else {
                    continue;
                };
                if queue.sequences.unresolved.is_none() {
                    continue;
                }
                if queue.has_numbered() {
                    self.identities.unresolved.push((topic, partition));
                    continue;
                }
                queue.sequences.unresolved = None;
                if queue.sequences.is_settled() {
                    continue;
                }
                match &mut self.transaction {
                    None => self.identities.broke(topic, partition),
                    Some(transaction) => {
                        transaction.lost_records();
                        self.told = true;
                    }
                }
            }
        }
        if self.identities.broken.is_empty() || self.transaction.is_some() {
            return;
        }
        if let Some((id, epoch)) = self.identities.current {
            self.identities.current = (epoch < i16::MAX).then(|| (id, epoch + 1));
            tracing::info!(producer_id = id, epoch, "sequence numbers were lost; going on under the next epoch");
        }
        self.renumber_broken();
    }

    fn renumber_broken(&mut self) {
        let Some(current) = self.identities.current else { return };
        for (topic, partition) in std::mem::take(&mut self.identities.broken) {
            if let Some(queue) = self.topics.get_mut(topic).and_then(|topic| topic.partitions.get_mut(partition)) {
                queue.renumber(current);
            }
        }
    }

    /// Takes over an id that a broker gave.
    pub(super) fn set_identity(&mut self, identity: Identity) {
        self.identities.current = Some(identity);
        self.renumber_broken();
    }

    /// All sequences begin anew: a transaction has ended and taken the epoch with it.
    pub(super) fn reset_sequences(&mut self, identity: Identity) {
        self.identities = super::identities::Identities { current: Some(identity), ..Default::default() };
        for queue in self.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            queue.sequences = super::partition_queue::Sequences::default();
        }
    }

    /// Nothing can be written any more.
    pub(super) fn fail_for_good(&mut self, error: Error) {
        if let Some(transaction) = &mut self.transaction {
            transaction.fail_for_good(error.clone());
        }
        self.fatal.get_or_insert(error);
    }
}
