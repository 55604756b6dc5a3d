//! Leader epochs of one partition: which epoch wrote from which offset on.
//!
//! Counterpart: org.apache.kafka.storage.internals.epoch.LeaderEpochFileCache.

/// The epochs that wrote to a log, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    /// Epoch and its first offset; both rise.
    entries: Vec<(i32, i64)>,
}

impl Epochs {
    /// Notes that `epoch` wrote at `offset`.
    pub fn assign(&mut self, epoch: i32, offset: i64) {
        if epoch >= 0 && self.entries.last().is_none_or(|(newest, _)| *newest < epoch) {
            self.entries.push((epoch, offset));
        }
    }

    /// The newest epoch that wrote.
    fn newest(&self) -> Option<i32> {
        self.entries.last().map(|(epoch, _)| *epoch)
    }

    /// The greatest epoch not above `epoch` and the offset where it ends; `current` is the leader's, `end` the end of the log.
    pub fn end_of(&self, epoch: i32, current: i32, end: i64) -> Option<(i32, i64)> {
        if epoch == current {
            return Some((epoch, end));
        }
        if epoch < 0 || self.newest().is_none_or(|newest| epoch > newest) {
            return None;
        }
        let after = self.entries.partition_point(|(known, _)| *known <= epoch);
        let end = self.entries.get(after).map_or(end, |(_, start)| *start);
        match after.checked_sub(1).and_then(|at| self.entries.get(at)) {
            Some((known, _)) => Some((*known, end)),
            // Older than all that is known: everything may differ from the first offset on.
            None => Some((epoch, end)),
        }
    }

    /// The epoch that wrote an offset.
    pub fn of(&self, offset: i64) -> Option<i32> {
        let after = self.entries.partition_point(|(_, start)| *start <= offset);
        after.checked_sub(1).and_then(|at| self.entries.get(at)).map(|(epoch, _)| *epoch)
    }

    /// The log now starts at `start`.
    pub fn trim(&mut self, start: i64) {
        let gone = self.entries.partition_point(|(_, first)| *first <= start).saturating_sub(1);
        self.entries.drain(..gone);
        if let Some((_, first)) = self.entries.first_mut() {
            *first = start.max(*first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_ends_where_the_next_one_begins() {
        let mut epochs = Epochs::default();
        for (epoch, offset) in [(0, 0), (0, 5), (2, 10), (5, 20)] {
            epochs.assign(epoch, offset);
        }
        assert_eq!(epochs.end_of(0, 5, 30), Some((0, 10)));
        assert_eq!(epochs.end_of(1, 5, 30), Some((0, 10)), "an epoch that wrote nothing ends with the one before");
        assert_eq!(epochs.end_of(2, 5, 30), Some((2, 20)));
        assert_eq!(epochs.end_of(5, 5, 30), Some((5, 30)));
        assert_eq!(epochs.end_of(6, 6, 30), Some((6, 30)), "the leader's epoch ends at the end of the log");
        assert_eq!(epochs.end_of(7, 6, 30), None);
        assert_eq!((epochs.of(9), epochs.of(10), epochs.of(25)), (Some(0), Some(2), Some(5)));
        epochs.trim(12);
        assert_eq!(epochs.end_of(0, 5, 30), Some((0, 12)));
    }
}
