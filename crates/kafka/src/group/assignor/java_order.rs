//! The order in which Java walks through hash maps and sets of strings and partitions. Its sticky assignors let it decide between
//! members that are equal otherwise, so whoever wants the same outcome has to walk in the same order.

use milena_api::record::TopicPartition;

const FIRST_TABLE: usize = 16;

fn spread(hash: u32) -> u32 {
    hash ^ (hash >> 16)
}

fn hash_of_text(text: &str) -> u32 {
    text.encode_utf16().fold(0, |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

fn hash_of_partition(at: &TopicPartition) -> u32 {
    31u32.wrapping_add_signed(at.partition).wrapping_mul(31).wrapping_add(hash_of_text(&at.topic))
}

/// Slots of a table that has grown to hold this many.
fn table_for(count: usize) -> usize {
    let mut table = FIRST_TABLE;
    while count > table / 4 * 3 {
        table *= 2;
    }
    table
}

fn slot(hash: u32, table: usize) -> usize {
    (spread(hash) as usize) & (table - 1)
}

/// Brings what was put into a map in this order into the order in which the map is walked through.
pub(super) fn sort_as_map_of_text<T>(items: &mut [T], key: impl Fn(&T) -> &str) {
    let table = table_for(items.len());
    items.sort_by_key(|item| slot(hash_of_text(key(item)), table));
}

/// A set of partitions whose first one is the first of Java's.
#[derive(Debug, Default)]
pub(super) struct PartitionSet {
    /// In the order of their coming.
    items: Vec<TopicPartition>,
    most: usize,
}

impl PartitionSet {
    pub(super) fn insert(&mut self, at: TopicPartition) {
        if !self.items.contains(&at) {
            self.items.push(at);
            self.most = self.most.max(self.items.len());
        }
    }

    pub(super) fn remove(&mut self, at: &TopicPartition) {
        self.items.retain(|item| item != at);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn first(&self) -> Option<&TopicPartition> {
        // Tables do not shrink.
        let table = table_for(self.most);
        self.items.iter().min_by_key(|at| slot(hash_of_partition(at), table))
    }
}
