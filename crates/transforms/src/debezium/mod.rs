//! Transformations of Debezium's change events: `{before, after, source, op, ts_ms}` under a schema whose name ends in `.Envelope`.
//!
//! Counterpart: `io.debezium.transforms`, version 3.3.1.Final.

mod adjust;
mod by_logical_table_router;
mod drop_fields;
mod envelope;
mod event_router;
mod expand;
mod extract_new_record_state;
mod field_reference;
mod json;
mod options;
mod outbox_options;
mod pair_cache;
#[cfg(test)]
mod tests;
mod topic_names;

pub use by_logical_table_router::ByLogicalTableRouter;
pub use event_router::EventRouter;
pub use extract_new_record_state::ExtractNewRecordState;
