//! Consumer and `connect` groups: the classic group protocol, and committed offsets.
//!
//! Counterpart: org.apache.kafka.coordinator.group.GroupMetadataManager, its classic half.

mod coordinator;
mod kept;
mod member;
mod offsets;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use coordinator::{Groups, Joining, Leaving, Pending, Syncing};
pub(crate) use kept::KeptGroups;
pub(crate) use member::{JoinAnswer, SyncAnswer};
pub(crate) use offsets::{CommitBy, TxnOffset};
pub(crate) use state::{Group, Phase};
