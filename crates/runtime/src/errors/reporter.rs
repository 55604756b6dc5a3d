//! Reporters: where a failed record is told of.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.errors.{LogReporter, DeadLetterQueueReporter}`.

use std::fmt;
use std::time::Duration;

use milena_api::error::{Error, Result};
use milena_api::record::{SourceRecord, TimestampType};

use super::dead_letter_queue::{Consumed, DeadLetterQueue};
use super::metrics::ErrorMetrics;
use super::operator::Stage;
use crate::herder::ConnectorTaskId;

/// A record as it came into the pipeline.
pub trait OriginalRecord: Sync {
    /// Where it is: `topic t, partition 0, offset 5`, or the source partition and offset.
    fn position(&self) -> String;

    /// What Java's log reporter says of it, with `errors.log.include.messages`.
    fn log_text(&self) -> String;

    /// Raw bytes for the dead-letter queue; only records from Kafka have them.
    fn consumed(&self) -> Option<Consumed> {
        None
    }
}

impl OriginalRecord for SourceRecord {
    fn position(&self) -> String {
        let text = |map: &Option<std::sync::Arc<milena_api::record::SourceMap>>| {
            map.as_ref().map_or_else(|| "null".to_owned(), ToString::to_string)
        };
        format!(
            "record for topic {}, source partition {}, source offset {}",
            self.topic,
            text(&self.source_partition),
            text(&self.source_offset)
        )
    }

    fn log_text(&self) -> String {
        format!(", where source record is = {self}")
    }
}

/// A record's place in Kafka, as the log reporter prints it.
pub(crate) fn consumed_text(
    topic: &str,
    partition: i32,
    offset: i64,
    timestamp: Option<i64>,
    timestamp_type: TimestampType,
) -> String {
    let time = match (timestamp, timestamp_type) {
        (Some(timestamp), TimestampType::CreateTime | TimestampType::LogAppendTime) => {
            format!(", timestamp={timestamp}, timestampType={}", timestamp_type.name())
        }
        _ => String::new(),
    };
    format!(", where consumed record is {{topic='{topic}', partition={partition}, offset={offset}{time}}}")
}

/// Writes one ERROR line per failed record.
#[derive(Debug, Clone)]
pub struct LogReporter {
    id: ConnectorTaskId,
    include_messages: bool,
}

impl LogReporter {
    /// A reporter for one task; `include_messages` adds what the record was.
    pub fn new(id: ConnectorTaskId, include_messages: bool) -> Self {
        LogReporter { id, include_messages }
    }

    fn report(&self, stage: Stage, class: &str, record: &(dyn OriginalRecord + '_), error: &Error) {
        let detail = if self.include_messages { record.log_text() } else { String::new() };
        tracing::error!(
            target: "org.apache.kafka.connect.runtime.errors.LogReporter",
            "Error encountered in task {}. Executing stage '{}' with class '{class}'{detail}.\n{}",
            self.id,
            stage.name(),
            error.trace().trim_end()
        );
    }
}

/// All reporters of one task, in order.
#[derive(Default)]
pub struct Reporters {
    log: Option<LogReporter>,
    dead_letters: Option<DeadLetterQueue>,
}

impl fmt::Debug for Reporters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reporters(log: {}, dead letters: {})", self.log.is_some(), self.dead_letters.is_some())
    }
}

impl Reporters {
    /// Reporters of a task.
    pub fn new(log: Option<LogReporter>, dead_letters: Option<DeadLetterQueue>) -> Self {
        Reporters { log, dead_letters }
    }

    /// True if a failed record is told of anywhere.
    pub fn is_empty(&self) -> bool {
        self.log.is_none() && self.dead_letters.is_none()
    }

    /// Opens what needs Kafka.
    ///
    /// # Errors
    /// The dead-letter queue cannot be set up.
    pub async fn open(&self) -> Result<()> {
        match &self.dead_letters {
            Some(queue) => queue.open().await,
            None => Ok(()),
        }
    }

    /// Tells all reporters.
    ///
    /// # Errors
    /// The dead letter was lost.
    pub(crate) async fn report(
        &self,
        stage: Stage,
        class: &str,
        record: &(dyn OriginalRecord + '_),
        error: &Error,
        metrics: &ErrorMetrics,
    ) -> Result<()> {
        if let Some(log) = &self.log {
            log.report(stage, class, record, error);
            ErrorMetrics::count(&metrics.logged);
        }
        match &self.dead_letters {
            Some(queue) => queue.report(stage, class, record.consumed(), error, metrics).await,
            None => Ok(()),
        }
    }

    /// Writes out what is pending and closes clients, within `timeout`.
    pub async fn close(&self, timeout: Duration) {
        if let Some(queue) = &self.dead_letters {
            queue.close(timeout).await;
        }
    }
}
