//! `TimestampRouter`: makes the record's timestamp part of the topic.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.TimestampRouter`.

use std::sync::Arc;

use milena_api::config::{ConfigDef, ConfigMap, Type};
use milena_api::data::SimpleDateFormat;
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{definition, high};

/// Changes the topic.
#[derive(Default)]
pub struct TimestampRouter {
    topic_format: String,
    pattern: String,
    format: Option<SimpleDateFormat>,
    /// Old topic and time text of the last record, and the topic made of them: records of one time share its text.
    last: Option<(Arc<str>, String, Arc<str>)>,
}

impl TimestampRouter {
    fn text(&mut self, timestamp: i64) -> Result<String> {
        // A bad pattern shows only here, as in Java.
        let format = match self.format.take() {
            Some(format) => format,
            None => SimpleDateFormat::new(&self.pattern)?,
        };
        let text = format.format(timestamp);
        self.format = Some(format);
        Ok(text)
    }
}

impl Transformation for TimestampRouter {
    fn config(&self) -> Result<ConfigDef> {
        let topic = "The new topic; ${topic} and ${timestamp} stand for the old topic and the record's timestamp.";
        definition([
            high("topic.format", Type::String, topic).default("${topic}-${timestamp}"),
            high("timestamp.format", Type::String, "Pattern of the timestamp, as SimpleDateFormat of Java takes it.")
                .default("yyyyMMdd"),
        ])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        self.topic_format = config.string("topic.format")?.to_owned();
        self.pattern = config.string("timestamp.format")?.to_owned();
        self.format = None;
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        let Some(timestamp) = record.timestamp else {
            return Err(Error::data(format!("Timestamp missing on record: {record}")));
        };
        let text = self.text(timestamp)?;
        let routed = match &self.last {
            Some((topic, last, routed)) if *topic == record.topic && *last == text => Arc::clone(routed),
            _ => {
                let routed = self.topic_format.replace("${topic}", &record.topic).replace("${timestamp}", &text);
                let routed: Arc<str> = Arc::from(routed);
                self.last = Some((Arc::clone(&record.topic), text, Arc::clone(&routed)));
                routed
            }
        };
        record.topic = routed;
        Ok(Outcome::Keep)
    }
}
