//! `DeadLetterQueue`: writes records that failed, as they came, to a topic of their own.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.errors.DeadLetterQueueReporter`.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use milena_api::data::Str;
use milena_api::error::{Error, Result};
use milena_api::record::RawRecord;
use milena_kafka::admin::{Admin, NewTopic};
use milena_kafka::config::{AdminConfig, ProducerConfig, Properties};
use milena_kafka::producer::Producer;

use super::metrics::ErrorMetrics;
use super::operator::Stage;
use crate::herder::ConnectorTaskId;

/// A record as the consumer got it, and where.
#[derive(Clone, Debug)]
pub struct Consumed {
    /// Topic.
    pub topic: std::sync::Arc<str>,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Key, value, headers, timestamp.
    pub raw: RawRecord,
}

/// Writes to the dead-letter topic of one task.
pub struct DeadLetterQueue {
    id: ConnectorTaskId,
    topic: String,
    replication_factor: i16,
    context_headers: bool,
    admin: Properties,
    properties: Properties,
    /// There from `open` on.
    producer: OnceLock<Producer>,
    /// Dead letters are queued in the order in which they are reported (invariant 4), and acknowledged in any.
    turn: tokio::sync::Mutex<()>,
}

impl DeadLetterQueue {
    /// A queue that is yet to be opened.
    pub fn new(
        id: ConnectorTaskId,
        topic: &str,
        replication_factor: i16,
        context_headers: bool,
        admin: Properties,
        producer: Properties,
    ) -> Self {
        let (topic, properties) = (topic.trim().to_owned(), producer);
        let (producer, turn) = (OnceLock::new(), tokio::sync::Mutex::default());
        DeadLetterQueue { id, topic, replication_factor, context_headers, admin, properties, producer, turn }
    }

    /// Creates the topic if there is none (one partition), and a producer. The task does this itself when it starts: Kafka may
    /// take its time.
    ///
    /// # Errors
    /// `Could not initialize dead letter queue with topic=…`.
    pub async fn open(&self) -> Result<()> {
        let failed = |error: milena_kafka::Error| {
            Error::fatal(format!("Could not initialize dead letter queue with topic={}", self.topic))
                .with_source(crate::worker::from_kafka(error))
        };
        let admin = Admin::new(AdminConfig::from_properties(&self.admin).map_err(failed)?).map_err(failed)?;
        let topics = admin.list_topics().await.map_err(failed)?;
        if !topics.iter().any(|name| **name == *self.topic) {
            let new = NewTopic::new(self.topic.as_str(), 1, self.replication_factor);
            for (_, created) in admin.create_topics(vec![new]).await.map_err(failed)? {
                match created {
                    Err(error) if !error.is_topic_exists() => return Err(failed(error)),
                    _ => {}
                }
            }
        }
        let config = ProducerConfig::from_properties(&self.properties).map_err(failed)?;
        let (producer, _) = Producer::new(config).map_err(failed)?;
        // Opened once; a second time changes nothing.
        self.producer.get_or_init(|| producer);
        Ok(())
    }

    /// Writes a record; resolves when it is durable or lost. A failed write is logged and counted.
    ///
    /// # Errors
    /// The write failed; whether that matters is for the one who reports.
    pub(crate) async fn report(
        &self,
        stage: Stage,
        class: &str,
        record: Option<Consumed>,
        error: &Error,
        metrics: &ErrorMetrics,
    ) -> Result<()> {
        ErrorMetrics::count(&metrics.dlq_requests);
        let Some(mut record) = record else {
            ErrorMetrics::count(&metrics.dlq_failures);
            return Ok(());
        };
        if self.context_headers {
            self.add_context(&mut record, stage, class, error);
        }
        let headers: Vec<(&str, Option<&[u8]>)> =
            record.raw.headers.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
        let (topic, key, value) = (&*self.topic, record.raw.key.as_deref(), record.raw.value.as_deref());
        let sent = match self.producer.get() {
            Some(producer) => {
                let queued = {
                    let _turn = self.turn.lock().await;
                    producer.enqueue(topic, None, record.raw.timestamp, key, value, &headers).await
                };
                match queued {
                    Ok(sent) => sent.await.map_err(crate::worker::from_kafka),
                    Err(error) => Err(crate::worker::from_kafka(error)),
                }
            }
            None => Err(Error::fatal("the dead letter queue is not open")),
        };
        match sent {
            Ok(_) => Ok(()),
            Err(error) => {
                ErrorMetrics::count(&metrics.dlq_failures);
                tracing::error!(%error, "Could not produce message to dead letter queue. topic={topic}");
                Err(error)
            }
        }
    }

    fn add_context(&self, record: &mut Consumed, stage: Stage, class: &str, error: &Error) {
        let mut add = |name: &'static str, value: Option<String>| {
            record.raw.headers.push((Str::from_static(name), value.map(Bytes::from)));
        };
        add("__connect.errors.topic", Some(record.topic.to_string()));
        add("__connect.errors.partition", Some(record.partition.to_string()));
        add("__connect.errors.offset", Some(record.offset.to_string()));
        add("__connect.errors.connector.name", Some(self.id.connector.to_string()));
        add("__connect.errors.task.id", Some(self.id.task.to_string()));
        add("__connect.errors.stage", Some(stage.name().to_owned()));
        add("__connect.errors.class.name", Some(class.to_owned()));
        add("__connect.errors.exception.class.name", Some(error.java_class().to_owned()));
        add("__connect.errors.exception.message", error.message().map(str::to_owned));
        add("__connect.errors.exception.stacktrace", Some(error.trace()));
    }

    /// Sends what is pending, then closes the producer.
    pub async fn close(&self, timeout: Duration) {
        if let Some(producer) = self.producer.get()
            && let Err(error) = producer.shutdown(timeout).await
        {
            tracing::warn!(%error, topic = %self.topic, "could not close the dead letter producer");
        }
    }
}
