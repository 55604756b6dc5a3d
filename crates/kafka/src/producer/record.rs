//! What goes into a producer, and what comes back of one record.

/// A record to write. Its parts are copied into a batch at once.
#[derive(Debug, Clone, Copy)]
pub struct ProducerRecord<'a> {
    /// Topic.
    pub topic: &'a str,
    /// `None` lets the producer choose: by key, or evenly for records without.
    pub partition: Option<i32>,
    /// Milliseconds since the epoch; `None` is now.
    pub timestamp: Option<i64>,
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Value.
    pub value: Option<&'a [u8]>,
    /// Headers in their order.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
}

/// What became of a record that was handed to an [`Appender`](super::Appender).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Append {
    /// It is in a batch.
    Appended,
    /// No memory is left for it: drop the appender, and [`begin`](super::Producer::begin) again.
    Full,
    /// Its topic is not known yet: drop the appender, [`ensure_topic`](super::Producer::ensure_topic), begin again.
    UnknownTopic,
}

/// Where a record went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordMetadata {
    /// Partition.
    pub partition: i32,
    /// Offset; `None` if the broker did not tell, as with `acks=0`.
    pub offset: Option<i64>,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
}
