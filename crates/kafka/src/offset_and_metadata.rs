//! `OffsetAndMetadata`: a committed offset.

/// An offset that a group commits: that of the next record to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetAndMetadata {
    /// Offset of the next record.
    pub offset: i64,
    /// Epoch of the leader that wrote the record before it, if known (KIP-320).
    pub leader_epoch: Option<i32>,
    /// Free text.
    pub metadata: String,
}

impl OffsetAndMetadata {
    /// An offset without epoch and text.
    pub fn new(offset: i64) -> Self {
        OffsetAndMetadata { offset, ..Self::default() }
    }
}
