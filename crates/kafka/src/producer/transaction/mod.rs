//! Transactions: records of many partitions and offsets of groups that become visible together, or not at all.
//!
//! Counterpart: org.apache.kafka.clients.producer.internals.TransactionManager.

mod api;
mod jobs;
mod state;

pub(super) use jobs::Coordinators;
pub(super) use state::{Done, Failure, Transaction};
