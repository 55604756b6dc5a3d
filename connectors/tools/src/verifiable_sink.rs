//! `VerifiableSinkConnector` and its task: each record is reported when it arrives and when it is about to be committed.
//!
//! Counterpart: `org.apache.kafka.connect.tools.{VerifiableSinkConnector, VerifiableSinkTask}`.

use std::collections::HashMap;
use std::sync::Arc;

use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::connector::{ConnectorContext, TaskConfigs};
use milena_api::record::{SinkRecord, TopicPartition};
use milena_api::sink::{Offsets, SinkConnector, SinkTask, SinkTaskContext};
use milena_api::{KAFKA_VERSION, Result};
use serde_json::{Map, Value as Json};

use crate::report;
use crate::settings::{number, numbered};

/// As many tasks as are allowed.
#[derive(Default)]
pub struct VerifiableSinkConnector {
    config: ConfigMap,
}

impl SinkConnector for VerifiableSinkConnector {
    type Task = VerifiableSinkTask;

    fn version(&self) -> Result<String> {
        Ok(KAFKA_VERSION.to_owned())
    }

    fn config(&self) -> Result<ConfigDef> {
        Ok(ConfigDef::new())
    }

    async fn initialize(&mut self, _context: ConnectorContext) -> Result<()> {
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        self.config = config;
        Ok(())
    }

    fn task_class(&self) -> Result<String> {
        Ok("org.apache.kafka.connect.tools.VerifiableSinkTask".to_owned())
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<TaskConfigs> {
        Ok(numbered(&self.config, max_tasks))
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Reports records; those of a partition are reported again when it is flushed.
#[derive(Default)]
pub struct VerifiableSinkTask {
    name: Json,
    id: i32,
    unflushed: HashMap<TopicPartition, Vec<Map<String, Json>>>,
}

impl SinkTask for VerifiableSinkTask {
    fn version(&self) -> Result<String> {
        Ok(KAFKA_VERSION.to_owned())
    }

    async fn initialize(&mut self, _context: SinkTaskContext) -> Result<()> {
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        self.name = config.get("name").map_or(Json::Null, |name| name.as_str().into());
        // The message names the source's task, as Java's does.
        self.id = number(&config, "id", "Invalid VerifiableSourceTask configuration")?;
        Ok(())
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<()> {
        let (now, mut lines) = (report::now(), Vec::new());
        for record in records {
            let object = self.report(record, now);
            report::add(&mut lines, &object);
            let partition = TopicPartition::new(Arc::clone(&record.topic), record.kafka_partition.unwrap_or(-1));
            self.unflushed.entry(partition).or_default().push(object);
        }
        report::print(&lines);
        Ok(())
    }

    async fn flush(&mut self, offsets: &Offsets) -> Result<()> {
        report::print(&self.flushed(offsets, report::now()));
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

impl VerifiableSinkTask {
    fn report(&self, record: &SinkRecord, now: i64) -> Map<String, Json> {
        report::object([
            ("task", report::json(&record.key)),
            ("seqno", report::json(&record.value)),
            ("offset", record.kafka_offset.into()),
            ("time_ms", now.into()),
            ("name", self.name.clone()),
            ("topic", (*record.topic).into()),
            ("sinkTask", self.id.into()),
        ])
    }

    fn flushed(&mut self, offsets: &Offsets, now: i64) -> Vec<u8> {
        let mut lines = Vec::new();
        for partition in offsets.keys() {
            for mut object in self.unflushed.remove(partition).unwrap_or_default() {
                object.insert("time_ms".to_owned(), now.into());
                object.insert("flushed".to_owned(), true.into());
                report::add(&mut lines, &object);
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use milena_api::data::Value;
    use milena_api::record::{ConnectRecord, TimestampType};

    use super::*;
    use crate::testing::map;

    fn record(topic: &str, offset: i64) -> SinkRecord {
        let mut record = ConnectRecord::new(topic, None, Value::I64(offset * 10));
        record.key = Value::I32(3);
        SinkRecord::new(record, 0, offset, TimestampType::CreateTime)
    }

    #[tokio::test]
    async fn a_record_is_reported_as_java_does_it() {
        let mut task = VerifiableSinkTask::default();
        task.start(map(&[("name", "sink"), ("id", "1")])).await.unwrap();
        let mut lines = Vec::new();
        report::add(&mut lines, &task.report(&record("t", 5), 77));
        let expected = r#"{"task":3,"seqno":50,"offset":5,"time_ms":77,"name":"sink","topic":"t","sinkTask":1}"#;
        assert_eq!(String::from_utf8(lines).unwrap(), format!("{expected}\n"));
    }

    #[tokio::test]
    async fn flushing_reports_what_came_since_the_last_time_of_the_given_partitions() {
        let mut task = VerifiableSinkTask::default();
        task.start(map(&[("id", "0")])).await.unwrap();
        task.put(&[record("t", 5), record("u", 1)]).await.unwrap();
        let offsets: Offsets = [(TopicPartition::new("t", 0), 6)].into();
        let lines = String::from_utf8(task.flushed(&offsets, 78)).unwrap();
        assert_eq!(
            lines,
            concat!(
                r#"{"task":3,"seqno":50,"offset":5,"time_ms":78,"name":null,"topic":"t","sinkTask":0,"flushed":true}"#,
                "\n"
            )
        );
        assert!(task.flushed(&offsets, 79).is_empty());
        assert_eq!(task.unflushed.len(), 1);
    }
}
