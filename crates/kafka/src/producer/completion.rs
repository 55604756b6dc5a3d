//! News about batches, for the owner of a producer.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::error::Result;

/// The tags of a batch's records, in order; consecutive numbers are kept as one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagRuns {
    runs: Vec<(u64, u32)>,
}

impl TagRuns {
    #[inline]
    pub(super) fn push(&mut self, tag: u64) {
        match self.runs.last_mut() {
            Some((first, count)) if first.wrapping_add(u64::from(*count)) == tag && *count < u32::MAX => *count += 1,
            _ => self.runs.push((tag, 1)),
        }
    }

    /// Number of tags.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|(_, count)| *count as usize).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// First tag and length of each run.
    pub fn runs(&self) -> &[(u64, u32)] {
        &self.runs
    }

    /// Every tag.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.runs.iter().flat_map(|(first, count)| (0..u64::from(*count)).map(move |step| first.wrapping_add(step)))
    }

    /// Keeps the first `count` tags and gives the others.
    pub(super) fn split_off(&mut self, count: usize) -> Self {
        let (mut head, mut tail) = (Self::default(), Self::default());
        for (index, tag) in self.iter().enumerate() {
            if index < count { head.push(tag) } else { tail.push(tag) }
        }
        *self = head;
        tail
    }
}

/// A written batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchAck {
    /// Offset of its first record, the others follow without gap; -1 if the broker did not tell.
    pub base_offset: i64,
    /// Milliseconds since the epoch, if the topic's timestamps are set by the broker.
    pub log_append_time: Option<i64>,
}

/// The end of a batch. Every tag appended is in exactly one.
#[derive(Debug, Clone)]
pub struct Completion {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition.
    pub partition: i32,
    /// What the records were tagged with, in their order.
    pub tags: TagRuns,
    /// Written, or why not.
    pub result: Result<BatchAck>,
    /// Whether the records are, or may be, in Kafka: an error does not say that they are not.
    pub maybe_written: bool,
}

/// Where the completions of a producer arrive.
#[derive(Debug)]
pub struct Completions {
    /// Not bounded: what waits here is bounded by what the owner lets be in flight.
    pub(super) receiver: mpsc::UnboundedReceiver<Completion>,
}

impl Completions {
    /// The next completion; `None` once the producer is closed and all are taken.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn next(&mut self) -> Option<Completion> {
        self.receiver.recv().await
    }

    /// A completion that is there already.
    pub fn try_next(&mut self) -> Option<Completion> {
        self.receiver.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_back_in_order_also_after_a_split() {
        let tags = [5u64, 6, 7, 20, 21, 3];
        let mut runs = TagRuns::default();
        tags.into_iter().for_each(|tag| runs.push(tag));
        assert_eq!(runs.runs(), [(5, 3), (20, 2), (3, 1)]);
        let tail = runs.split_off(4);
        assert_eq!(runs.iter().collect::<Vec<_>>(), tags[..4]);
        assert_eq!(tail.iter().collect::<Vec<_>>(), tags[4..]);
        assert_eq!((runs.len(), tail.len()), (4, 2));
    }
}
