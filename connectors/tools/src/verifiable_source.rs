//! `VerifiableSourceConnector` and its task: numbered records, each reported when made and when Kafka has it.
//!
//! Counterpart: `org.apache.kafka.connect.tools.{VerifiableSourceConnector, VerifiableSourceTask}`.

use std::sync::Arc;

use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::connector::{ConnectorContext, TaskConfigs};
use milena_api::data::{Map, Schema, SchemaBuilder, Str, Struct, Value};
use milena_api::record::{ConnectRecord, RecordMetadata, SourceMap, SourceRecord};
use milena_api::source::{SourceConnector, SourceTask, SourceTaskContext};
use milena_api::{Error, KAFKA_VERSION, Result};
use tracing::info;

use crate::pace::Pace;
use crate::report;
use crate::settings::{flag, number, numbered};

const INVALID: &str = "Invalid VerifiableSourceTask configuration";

/// As many tasks as are allowed, each with numbers of its own.
#[derive(Default)]
pub struct VerifiableSourceConnector {
    config: ConfigMap,
}

impl SourceConnector for VerifiableSourceConnector {
    type Task = VerifiableSourceTask;

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
        Ok("org.apache.kafka.connect.tools.VerifiableSourceTask".to_owned())
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<TaskConfigs> {
        Ok(numbered(&self.config, max_tasks))
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Gives one record per poll: the task's number as key, the record's number as value (or a struct with both).
#[derive(Default)]
pub struct VerifiableSourceTask {
    context: Option<SourceTaskContext>,
    work: Option<Work>,
}

struct Work {
    name: String,
    id: i32,
    topic: Arc<str>,
    partition: Arc<SourceMap>,
    seqno: i64,
    pace: Pace,
    /// Set if the value is to be a struct of everything that is reported.
    complete: Option<Schema>,
}

impl SourceTask for VerifiableSourceTask {
    const WANTS_COMMIT_RECORD: bool = true;

    fn version(&self) -> Result<String> {
        Ok(KAFKA_VERSION.to_owned())
    }

    async fn initialize(&mut self, context: SourceTaskContext) -> Result<()> {
        self.context = Some(context);
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        let id: i32 = number(&config, "id", INVALID)?;
        let partition = one("id", Value::I32(id));
        let work = Work {
            name: config.get("name").cloned().unwrap_or_default(),
            id,
            topic: Arc::from(config.get("topic").map_or("", String::as_str)),
            seqno: next_seqno(self.context.as_ref(), &partition).await?,
            partition: Arc::new(partition),
            pace: Pace::new(number(&config, "throughput", INVALID)?),
            complete: if flag(&config, "complete.record.data") { Some(complete_schema()?) } else { None },
        };
        info!(name = work.name, id, topic = &*work.topic, seqno = work.seqno, "started");
        self.work = Some(work);
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<Vec<SourceRecord>>> {
        let Some(work) = &mut self.work else { return Ok(None) };
        if !work.pace.next(self.context.as_ref()).await {
            return Ok(None);
        }
        Ok(Some(vec![work.make()]))
    }

    async fn commit_record(&mut self, record: &SourceRecord, _metadata: Option<&RecordMetadata>) -> Result<()> {
        let Some(work) = &self.work else { return Ok(()) };
        let seqno = match &record.value {
            Value::Struct(value) => value.get("seqno")?,
            value => value,
        };
        let mut object = report::object([("committed", true.into())]);
        object.extend(work.report(report::json(seqno), report::now()));
        let mut lines = Vec::new();
        report::add(&mut lines, &object);
        report::print(&lines);
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Work {
    fn make(&mut self) -> SourceRecord {
        let (seqno, now) = (self.seqno, report::now());
        self.seqno += 1;
        let mut lines = Vec::new();
        report::add(&mut lines, &self.report(seqno.into(), now));
        report::print(&lines);
        let (schema, value) = match &self.complete {
            None => (Schema::int64(), Value::I64(seqno)),
            Some(schema) => {
                let values =
                    vec![self.name.as_str().into(), self.id.into(), (*self.topic).into(), now.into(), seqno.into()];
                (schema.clone(), Value::structure(Struct::from_values(schema.clone(), values)))
            }
        };
        let mut record = ConnectRecord::new(Arc::clone(&self.topic), Some(schema), value);
        record.key_schema = Some(Schema::int32());
        record.key = Value::I32(self.id);
        SourceRecord::new(record, Some(Arc::clone(&self.partition)), Some(Arc::new(one("seqno", Value::I64(seqno)))))
    }

    fn report(&self, seqno: serde_json::Value, now: i64) -> serde_json::Map<String, serde_json::Value> {
        report::object([
            ("task", self.id.into()),
            ("seqno", seqno),
            ("time_ms", now.into()),
            ("name", self.name.as_str().into()),
            ("topic", (*self.topic).into()),
        ])
    }
}

fn complete_schema() -> Result<Schema> {
    SchemaBuilder::structure()
        .field("name", Schema::string())
        .field("task", Schema::int32())
        .field("topic", Schema::string())
        .field("time_ms", Schema::int64())
        .field("seqno", Schema::int64())
        .build()
}

/// A map with one entry.
pub fn one(key: &'static str, value: Value) -> Map {
    let mut map = Map::with_capacity(1);
    map.insert(Str::from_static(key), value);
    map
}

/// The number behind the last one whose offset was stored.
pub async fn next_seqno(context: Option<&SourceTaskContext>, partition: &SourceMap) -> Result<i64> {
    let Some(context) = context else { return Ok(0) };
    let Some(stored) = context.offset_reader().offset(partition).await? else { return Ok(0) };
    match stored.get_str("seqno").and_then(Value::as_i64) {
        Some(seqno) => Ok(seqno + 1),
        None => Err(Error::fatal(format!(
            "the stored offset {stored} has no number 'seqno'; reset the connector's offsets"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Host, map};

    #[tokio::test]
    async fn records_are_numbered_on_from_the_stored_offset() {
        let host = Host::with_offset(one("id", Value::I32(1)), one("seqno", Value::I64(41)));
        let mut task: VerifiableSourceTask =
            host.source(&[("id", "1"), ("topic", "t"), ("throughput", "-1")]).await.unwrap();
        let record = task.poll().await.unwrap().unwrap().remove(0);
        assert_eq!((&record.key, &record.value, &*record.topic), (&Value::I32(1), &Value::I64(42), "t"));
        assert_eq!(record.source_offset.as_deref(), Some(&one("seqno", Value::I64(42))));
        let record = task.poll().await.unwrap().unwrap().remove(0);
        assert_eq!(record.value, Value::I64(43));
    }

    #[tokio::test]
    async fn complete_records_are_structs() {
        let properties =
            [("id", "0"), ("topic", "t"), ("name", "c"), ("throughput", "-1"), ("complete.record.data", "TRUE")];
        let mut task: VerifiableSourceTask = Host::default().source(&properties).await.unwrap();
        let record = task.poll().await.unwrap().unwrap().remove(0);
        let Value::Struct(value) = &record.value else { panic!("no struct: {}", record.value) };
        value.validate().unwrap();
        assert_eq!((value.get("task").unwrap(), value.get("name").unwrap()), (&Value::I32(0), &Value::from("c")));
        task.commit_record(&record, None).await.unwrap();
    }

    #[tokio::test]
    async fn a_missing_number_fails_the_task() {
        let error = Host::default().source::<VerifiableSourceTask>(&[("id", "0")]).await.err().unwrap();
        assert_eq!(error.to_string(), INVALID);
        assert!(error.trace().contains("property throughput is missing"), "{}", error.trace());
    }

    #[tokio::test]
    async fn a_task_that_may_make_nothing_returns_when_woken() {
        let mut task: VerifiableSourceTask = Host::default().source(&[("id", "0"), ("throughput", "0")]).await.unwrap();
        assert_eq!(task.poll().await.unwrap(), None);
    }

    #[tokio::test]
    async fn each_task_knows_its_number() {
        let mut connector = VerifiableSourceConnector::default();
        connector.start(map(&[("topic", "t")])).await.unwrap();
        let configs = connector.task_configs(2).await.unwrap();
        assert_eq!(configs, [map(&[("topic", "t"), ("id", "0")]), map(&[("topic", "t"), ("id", "1")])]);
    }
}
