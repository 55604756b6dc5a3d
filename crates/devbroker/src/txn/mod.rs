//! Transactions: who holds a transactional id, what its open transaction touches, and how it ends.
//!
//! Counterpart: org.apache.kafka.coordinator.transaction.

mod coordinator;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use coordinator::{Ask, Transactions};
pub(crate) use state::{Phase, Transaction, Version};
