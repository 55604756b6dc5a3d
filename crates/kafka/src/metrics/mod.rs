//! What a client measures of itself, under the names of Kafka's Java clients.
//!
//! Counterpart: org.apache.kafka.common.metrics. One [`ClientMetrics`] per client, which has no task and reads no clock: whoever does the work tells it,
//! once per request, batch or poll, with the instant it has anyway. Rates, averages and maxima are worked out by the reader, over the windows
//! of `metrics.sample.window.ms` and `metrics.num.samples` as Java does. What was never used costs a pointer.

mod client_metrics;
mod consumer;
mod coordinator;
mod network;
mod producer;
mod sensor;
mod snapshot;

#[cfg(test)]
mod tests;

pub(crate) use client_metrics::{Call, ClientKind, ClientMetrics, Readings, Told};
pub(crate) use consumer::HandedOut;
pub(crate) use network::Authentication;
pub(crate) use producer::{Buffer, SentBatch};
pub(crate) use sensor::Windows;
pub use snapshot::{Metric, MetricValue};
