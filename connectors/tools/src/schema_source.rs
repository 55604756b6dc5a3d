//! `SchemaSourceConnector` and its task: structs of a fixed schema, in one or two versions of it.
//!
//! Counterpart: `org.apache.kafka.connect.tools.{SchemaSourceConnector, SchemaSourceTask}`.

use std::sync::Arc;

use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::connector::{ConnectorContext, TaskConfigs};
use milena_api::data::{Schema, SchemaBuilder, Str, Struct, Type, Value};
use milena_api::record::{ConnectRecord, SourceMap, SourceRecord};
use milena_api::source::{SourceConnector, SourceTask, SourceTaskContext};
use milena_api::{Error, KAFKA_VERSION, Result};
use tracing::info;

use crate::pace::{Pace, woken};
use crate::report;
use crate::settings::{flag, number, numbered};
use crate::verifiable_source::{next_seqno, one};

const INVALID: &str = "Invalid SchemaSourceTask configuration";

/// As many tasks as are allowed; each writes to the Kafka partition of its number.
#[derive(Default)]
pub struct SchemaSourceConnector {
    config: ConfigMap,
}

impl SourceConnector for SchemaSourceConnector {
    type Task = SchemaSourceTask;

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
        Ok("org.apache.kafka.connect.tools.SchemaSourceTask".to_owned())
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<TaskConfigs> {
        Ok(numbered(&self.config, max_tasks))
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Gives one record per poll until it has given `num.messages`.
#[derive(Default)]
pub struct SchemaSourceTask {
    context: Option<SourceTaskContext>,
    work: Option<Work>,
}

struct Work {
    id: i32,
    topic: Arc<str>,
    partition: Arc<SourceMap>,
    seqno: i64,
    count: i64,
    max: i64,
    partition_count: i64,
    pace: Pace,
    /// The schema, and its second version if every other record is to have it.
    schemas: (Schema, Option<Schema>),
}

impl SourceTask for SchemaSourceTask {
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
        let partition_count: i32 =
            if config.contains_key("partition.count") { number(&config, "partition.count", INVALID)? } else { 1 };
        if partition_count == 0 {
            return Err(Error::config("Invalid value 0 for configuration partition.count: Value must not be 0"));
        }
        let second = if flag(&config, "multiple.schema") { Some(schema(2)?) } else { None };
        let work = Work {
            id,
            topic: Arc::from(config.get("topic").map_or("", String::as_str)),
            seqno: next_seqno(self.context.as_ref(), &partition).await?,
            partition: Arc::new(partition),
            count: 0,
            max: number(&config, "num.messages", INVALID)?,
            partition_count: i64::from(partition_count),
            pace: Pace::new(number(&config, "throughput", INVALID)?),
            schemas: (schema(1)?, second),
        };
        info!(id, topic = &*work.topic, seqno = work.seqno, "started");
        self.work = Some(work);
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<Vec<SourceRecord>>> {
        let Some(work) = &mut self.work else { return Ok(None) };
        if work.count >= work.max {
            woken(self.context.as_ref()).await;
            return Ok(Some(Vec::new()));
        }
        if !work.pace.next(self.context.as_ref()).await {
            return Ok(None);
        }
        Ok(Some(vec![work.make()]))
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Work {
    fn make(&mut self) -> SourceRecord {
        let seqno = self.seqno;
        let schema = match &self.schemas {
            (_, Some(second)) if self.count % 2 != 0 => second,
            (first, _) => first,
        };
        let mut values = vec![
            true.into(),
            12.into(),
            12i64.into(),
            12.2f32.into(),
            12.2.into(),
            ((seqno % self.partition_count) as i32).into(),
        ];
        if schema.version() == Some(2) {
            values.push(Str::from_static("def").into());
        }
        values.extend([Value::I32(self.id), Value::I64(seqno)]);
        let value = Value::structure(Struct::from_values(schema.clone(), values));
        let mut record = ConnectRecord::new(Arc::clone(&self.topic), Some(schema.clone()), value);
        record.kafka_partition = Some(self.id);
        record.key_schema = Some(Schema::string());
        record.key = Value::Str(Str::from_static("key"));
        report::print(format!("{{\"task\": {}, \"seqno\": {seqno}}}\n", self.id).as_bytes());
        self.seqno += 1;
        self.count += 1;
        SourceRecord::new(record, Some(Arc::clone(&self.partition)), Some(Arc::new(one("seqno", Value::I64(seqno)))))
    }
}

fn schema(version: i32) -> Result<Schema> {
    let mut schema = SchemaBuilder::structure()
        .version(version)
        .name("record")
        .field("boolean", Schema::boolean())
        .field("int", Schema::int32())
        .field("long", Schema::int64())
        .field("float", Schema::float32())
        .field("double", Schema::float64())
        .field("partitioning", Schema::int32());
    if version == 2 {
        schema = schema.field("string", Schema::builder(Type::String).default_value("abc").build()?);
    }
    schema.field("id", Schema::int32()).field("seqno", Schema::int64()).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Host;

    #[tokio::test]
    async fn every_other_record_has_the_second_version_of_the_schema() {
        let properties = [
            ("id", "1"),
            ("topic", "t"),
            ("throughput", "-1"),
            ("num.messages", "2"),
            ("multiple.schema", "true"),
            ("partition.count", "3"),
        ];
        let host = Host::with_offset(one("id", Value::I32(1)), one("seqno", Value::I64(4)));
        let mut task: SchemaSourceTask = host.source(&properties).await.unwrap();
        for (version, text) in [
            (1, "Struct{boolean=true,int=12,long=12,float=12.2,double=12.2,partitioning=2,id=1,seqno=5}"),
            (2, "Struct{boolean=true,int=12,long=12,float=12.2,double=12.2,partitioning=0,string=def,id=1,seqno=6}"),
        ] {
            let record = task.poll().await.unwrap().unwrap().remove(0);
            assert_eq!(record.value_schema.as_ref().unwrap().version(), Some(version));
            assert_eq!(record.value.to_string(), text);
            assert_eq!((record.kafka_partition, record.key.as_str()), (Some(1), Some("key")));
        }
        assert_eq!(task.poll().await.unwrap(), Some(Vec::new()));
    }
}
