//! FileStreamSource and FileStreamSink: lines of a file to Kafka, and records of Kafka to a file.
//!
//! | module | holds |
//! |---|---|
//! | `config` | the keys of both connectors |
//! | `source`, `source_task` | the source connector and its only task |
//! | `input` | opening and reading files and streams off the task's thread |
//! | `lines` | cutting blocks of bytes into lines without a copy |
//! | `sink`, `sink_task` | the sink connector and its tasks |
//!
//! Counterpart: `org.apache.kafka.connect.file`.

mod config;
mod input;
mod lines;
mod sink;
mod sink_task;
mod source;
mod source_task;
#[cfg(test)]
mod testing;

pub use sink::FileStreamSinkConnector;
pub use sink_task::FileStreamSinkTask;
pub use source::FileStreamSourceConnector;
pub use source_task::FileStreamSourceTask;

use milena_api::plugin::Plugin;

/// The connectors of this crate.
pub fn plugins() -> Vec<Plugin> {
    vec![
        Plugin::sink::<FileStreamSinkConnector>(sink::CLASS),
        Plugin::source::<FileStreamSourceConnector>(source::CLASS),
    ]
}
