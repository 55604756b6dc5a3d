//! Errors of records: retry, tolerate, report (KIP-298, KIP-610).
//!
//! Counterpart: `org.apache.kafka.connect.runtime.errors`.

mod dead_letter_queue;
mod metrics;
mod operator;
mod reporter;

pub use dead_letter_queue::{Consumed, DeadLetterQueue};
pub use metrics::ErrorMetrics;
pub use operator::{ErrorConfig, ErrorOperator, Stage};
pub(crate) use reporter::consumed_text;
pub use reporter::{LogReporter, OriginalRecord, Reporters};
