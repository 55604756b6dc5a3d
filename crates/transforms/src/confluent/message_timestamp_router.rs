//! `MessageTimestampRouter`: makes a time in the value part of the topic.
//!
//! Counterpart: `io.confluent.connect.transforms.MessageTimestampRouter`.

use std::sync::Arc;

use milena_api::config::{ConfigDef, ConfigMap, Type};
use milena_api::data::{SimpleDateFormat, Value};
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{definition, high, medium};
use crate::require;

const PURPOSE: &str = "routing by a timestamp of the message";

/// Changes the topic.
#[derive(Default)]
pub struct MessageTimestampRouter {
    topic_format: String,
    keys: Vec<String>,
    formats: Option<Formats>,
}

struct Formats {
    message: SimpleDateFormat,
    message_pattern: String,
    topic: SimpleDateFormat,
}

impl Transformation for MessageTimestampRouter {
    fn config(&self) -> Result<ConfigDef> {
        definition([
            high(
                "message.timestamp.keys",
                Type::List,
                "Names in the value that may hold the time; the first that is there counts.",
            )
            .default("timestamp"),
            high(
                "topic.format",
                Type::String,
                "The new topic; ${topic} and ${timestamp} stand for the old topic and the time.",
            )
            .default("${topic}-${timestamp}"),
            high(
                "topic.timestamp.format",
                Type::String,
                "Pattern of the time in the topic, as SimpleDateFormat of Java takes it.",
            )
            .default("yyyyMMdd"),
            medium(
                "message.timestamp.format",
                Type::String,
                "Pattern of the time in the value, as SimpleDateFormat of Java takes it.",
            )
            .default("yyyy-MM-dd"),
        ])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        self.topic_format = config.string("topic.format")?.to_owned();
        self.keys = config.list("message.timestamp.keys")?.to_vec();
        let message_pattern = config.string("message.timestamp.format")?.to_owned();
        self.formats = Some(Formats {
            message: SimpleDateFormat::new(&message_pattern)?,
            message_pattern,
            topic: SimpleDateFormat::new(config.string("topic.timestamp.format")?)?,
        });
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        if let Some(schema) = &record.value_schema {
            return Err(Error::data(format!(
                "Only Map objects supported in absence of schema for [{PURPOSE}], found schema: {schema}"
            )));
        }
        let map = require::map(&record.value, PURPOSE)?;
        let found = self.keys.iter().find_map(|key| Some((key, map.get_str(key).filter(|value| !value.is_null())?)));
        let (Some((key, value)), Some(formats)) = (found, &self.formats) else {
            return Err(Error::data(format!(
                "None of the keys {:?} of 'message.timestamp.keys' is in the value of {record}",
                self.keys
            )));
        };
        let text = match value {
            Value::Str(text) => text.to_string(),
            other => other.to_string(),
        };
        let time = formats.message.parse(&text).ok_or_else(|| {
            Error::data(format!("'{text}' of '{key}' is no time of the format {}", formats.message_pattern))
        })?;
        let routed =
            self.topic_format.replace("${topic}", &record.topic).replace("${timestamp}", &formats.topic.format(time));
        record.topic = Arc::from(routed);
        Ok(Outcome::Keep)
    }
}
