//! `Instance`: one start of a connector or of a task, as its events name it.

use milena_api::TopicPartition;
use milena_api::config::ConfigMap;
use milena_api::data::Value;
use milena_api::record::SinkRecord;
use milena_api::{Error, Result};
use serde_json::{Map, Value as Json, json};

use crate::channel::Probe;

/// Says which instance an event is about. Before its start an instance has no number, and reports nothing.
#[derive(Clone, Default)]
pub struct Instance {
    probe: Probe,
    about: Option<About>,
}

#[derive(Clone)]
struct About {
    id: i64,
    connector: String,
    task: Option<String>,
}

impl Instance {
    /// An instance that is not started.
    pub fn new(probe: Probe) -> Self {
        Instance { probe, about: None }
    }

    /// The connector starts.
    pub fn start_connector(&mut self, config: &ConfigMap) {
        self.start(text(config, "name"), None);
        self.emit("connector.start", []);
    }

    /// The task starts.
    pub fn start_task(&mut self, config: &ConfigMap) {
        self.start(text(config, "connector.name"), Some(text(config, "task.id")));
        self.emit("task.start", []);
    }

    fn start(&mut self, connector: String, task: Option<String>) {
        self.about = Some(About { id: self.probe.next_id(), connector, task });
    }

    /// Reports an event of this instance.
    pub fn emit<const N: usize>(&self, event: &str, fields: [(&str, Json); N]) {
        let Some(about) = &self.about else { return };
        let mut all = Map::new();
        all.insert("id".to_owned(), about.id.into());
        all.insert("connector".to_owned(), about.connector.as_str().into());
        if let Some(task) = &about.task {
            all.insert("task".to_owned(), task.as_str().into());
        }
        all.extend(fields.into_iter().map(|(key, value)| (key.to_owned(), value)));
        self.probe.emit_object(event, all);
    }

    /// Reports a number of records or commits.
    pub fn count(&self, event: &str, count: usize) {
        self.emit(event, [("count", count.into())]);
    }

    /// Reports that partitions came, went or are to be committed.
    pub fn partitions<'a>(&self, event: &str, partitions: impl IntoIterator<Item = &'a TopicPartition>) {
        let list = partitions.into_iter().map(|at| json!([&*at.topic, at.partition])).collect();
        self.emit(event, [("partitions", list)]);
    }

    /// Reports records that a sink was given.
    pub fn put(&self, records: &[SinkRecord]) {
        if !records.is_empty() {
            self.emit("task.put", [("records", records.iter().map(record).collect())]);
        }
    }
}

fn record(record: &SinkRecord) -> Json {
    json!({
        "topic": &*record.topic,
        "partition": record.kafka_partition,
        "offset": record.kafka_offset,
        "timestamp": record.timestamp,
        "key": shown(&record.key),
        "value": shown(&record.value),
    })
}

fn shown(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        value => value.to_string().into(),
    }
}

/// Configurations of tasks: the connector's, with its name and the task's.
pub fn named_tasks(config: &ConfigMap, count: usize) -> Vec<ConfigMap> {
    let connector = text(config, "name");
    let named = |task: usize| {
        let mut config = config.clone();
        config.insert("connector.name".to_owned(), connector.clone());
        config.insert("task.id".to_owned(), format!("{connector}-{task}"));
        config
    };
    (0..count).map(named).collect()
}

/// A property as text; empty without it.
pub fn text(config: &ConfigMap, key: &str) -> String {
    config.get(key).cloned().unwrap_or_default()
}

/// Java's `parseBoolean`.
pub fn flag(config: &ConfigMap, key: &str) -> bool {
    config.get(key).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// Fails with a `RuntimeException` if the property asks for it.
///
/// # Errors
/// The one that is asked for.
pub fn inject(config: &ConfigMap, key: &str, message: &str) -> Result<()> {
    if flag(config, key) {
        return Err(Error::fatal(message).with_class("java.lang.RuntimeException"));
    }
    Ok(())
}
