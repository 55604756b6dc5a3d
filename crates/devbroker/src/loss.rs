//! What a test takes away from a log: its newest records, as if a leader had died before they reached the others.

use crate::broker::DevBroker;
use crate::error::{Error, Result};

impl DevBroker {
    /// Loses the records of a partition from `offset` on, and those of the same batch, and begins the next leader epoch: what a client
    /// sees after an unclean change of leaders (KIP-320). Returns the new end of the log.
    ///
    /// # Errors
    /// There is no such partition, or its files cannot be cut.
    pub fn lose_records(&self, topic: &str, partition: i32, offset: i64) -> Result<i64> {
        let missing = || Error::NoSuchPartition { topic: topic.to_owned(), partition };
        let log = self.shared.topics.by_name(topic).and_then(|topic| topic.partition(partition)).ok_or_else(missing)?;
        let end = log.truncate_to(offset).map_err(|error| Error::io("cut off the log of", topic, error))?;
        log.bump_leader_epoch();
        log.wake();
        Ok(end)
    }
}
