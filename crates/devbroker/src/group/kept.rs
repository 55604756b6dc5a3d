//! What a journal says of groups at start: offsets that are committed, and offsets that wait for the end of a transaction.

use super::offsets::TxnOffset;
use crate::journal::{Committed, Entry};
use std::collections::BTreeMap;

/// Committed offsets by topic and partition.
pub(crate) type Offsets = BTreeMap<(String, i32), Committed>;

/// Offsets of open transactions by producer id, topic and partition.
pub(crate) type TxnOffsets = BTreeMap<i64, BTreeMap<(String, i32), TxnOffset>>;

/// The groups of a journal, by id.
#[derive(Debug, Default)]
pub(crate) struct KeptGroups {
    pub offsets: BTreeMap<String, Offsets>,
    pub pending: BTreeMap<String, TxnOffsets>,
}

impl KeptGroups {
    /// Takes over an entry that concerns groups.
    pub fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::TopicDeleted { name } => {
                for offsets in self.offsets.values_mut() {
                    offsets.retain(|(topic, _), _| topic != name);
                }
                for pending in self.pending.values_mut().flat_map(BTreeMap::values_mut) {
                    pending.retain(|(topic, _), _| topic != name);
                }
            }
            Entry::Offset { group, topic, partition, committed } => {
                let key = (topic.clone(), *partition);
                for pending in self.pending.get_mut(group).into_iter().flat_map(BTreeMap::values_mut) {
                    if let Some(pending) = pending.get_mut(&key) {
                        pending.superseded = true;
                    }
                }
                self.offsets.entry(group.clone()).or_default().insert(key, committed.clone());
            }
            Entry::OffsetDeleted { group, topic, partition } => {
                if let Some(offsets) = self.offsets.get_mut(group) {
                    offsets.remove(&(topic.clone(), *partition));
                }
            }
            Entry::GroupDeleted { group } => {
                self.offsets.remove(group);
                self.pending.remove(group);
            }
            Entry::TxnOffset { producer_id, group, topic, partition, offset } => {
                let pending = self.pending.entry(group.clone()).or_default().entry(*producer_id).or_default();
                pending.insert((topic.clone(), *partition), offset.clone());
            }
            Entry::TxnOffsetsEnded { producer_id, commit } => {
                for (group, pending) in &mut self.pending {
                    let ended = pending.remove(producer_id).unwrap_or_default();
                    if *commit {
                        let offsets = self.offsets.entry(group.clone()).or_default();
                        offsets.extend(super::offsets::decided(ended));
                    }
                }
            }
            _ => {}
        }
    }

    /// The entries that say the same.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (group, offsets) in &self.offsets {
            for ((topic, partition), committed) in offsets {
                entries.push(Entry::Offset {
                    group: group.clone(),
                    topic: topic.clone(),
                    partition: *partition,
                    committed: committed.clone(),
                });
            }
        }
        for (group, pending) in &self.pending {
            for (producer_id, offsets) in pending {
                for ((topic, partition), offset) in offsets {
                    entries.push(Entry::TxnOffset {
                        producer_id: *producer_id,
                        group: group.clone(),
                        topic: topic.clone(),
                        partition: *partition,
                        offset: offset.clone(),
                    });
                }
            }
        }
        entries
    }
}
