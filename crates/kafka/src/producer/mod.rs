//! Writes records: batches per partition, sent in order, acknowledged batch by batch.
//!
//! Counterpart: org.apache.kafka.clients.producer.KafkaProducer.

mod accumulator;
mod answers;
mod batch;
mod client;
mod completion;
mod drain;
mod ends;
mod exchange;
mod identities;
mod partition_queue;
mod partitioner;
mod record;
mod request;
mod room;
mod sender;
mod transaction;

#[cfg(test)]
mod tests;

pub use client::{Appender, Producer};
pub use completion::{BatchAck, Completion, Completions, TagRuns};
pub use record::{Append, ProducerRecord, RecordMetadata};
