//! What a consumer reads, and from where.

use std::fmt;
use std::sync::Arc;

/// Topics that a group member takes part in.
#[derive(Clone)]
pub enum Subscription {
    /// By name.
    Topics(Vec<String>),
    /// Every topic that this says yes to, also those that come later.
    Pattern(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topics(topics) => f.debug_tuple("Topics").field(topics).finish(),
            Self::Pattern(_) => f.write_str("Pattern"),
        }
    }
}

/// Where reading a partition begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartOffset {
    /// What the group has committed, else what `auto.offset.reset` says.
    Committed,
    /// The first record there is.
    Earliest,
    /// The next record to come.
    Latest,
    /// This offset.
    Offset(i64),
    /// The first record whose timestamp is this or later (milliseconds since the epoch); the end if there is none.
    Timestamp(i64),
}
