//! `TestableSink` and `MonitorableSink`: an event for every call.

use std::collections::BTreeMap;
use std::sync::Arc;

use milena_api::Result;
use milena_api::TopicPartition;
use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::connector::{ConnectorContext, TaskConfigs};
use milena_api::metrics::{Counter, MetricValue};
use milena_api::record::SinkRecord;
use milena_api::sink::{Offsets, SinkConnector, SinkOffsetChanges, SinkTask, SinkTaskContext};

use crate::channel::Probe;
use crate::instance::{Instance, flag, inject, named_tasks};
use crate::testable_source::VERSION;

/// The sink connector; with metrics it is the monitorable one. The errant-record connector is this one, too.
#[derive(Default)]
pub struct TestableSinkConnector {
    instance: Instance,
    task_class: String,
    monitored: bool,
    context: Option<ConnectorContext>,
    config: ConfigMap,
}

impl TestableSinkConnector {
    /// A connector that reports to `probe`.
    pub fn new(probe: &Probe, task_class: impl Into<String>, monitored: bool) -> Self {
        let instance = Instance::new(probe.clone());
        TestableSinkConnector { instance, task_class: task_class.into(), monitored, ..Self::default() }
    }
}

impl SinkConnector for TestableSinkConnector {
    type Task = TestableSinkTask;

    fn version(&self) -> Result<String> {
        Ok(VERSION.to_owned())
    }

    fn config(&self) -> Result<ConfigDef> {
        Ok(ConfigDef::new())
    }

    async fn initialize(&mut self, context: ConnectorContext) -> Result<()> {
        self.context = Some(context);
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        self.instance.start_connector(&config);
        if let (true, Some(context)) = (self.monitored, &self.context) {
            context.metrics().gauge("start", "description", || MetricValue::Text("started".to_owned()));
        }
        self.config = config;
        inject(&self.config, "connector.start.inject.error", "Injecting errors during connector start")
    }

    fn task_class(&self) -> Result<String> {
        Ok(self.task_class.clone())
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<TaskConfigs> {
        Ok(named_tasks(&self.config, max_tasks))
    }

    async fn stop(&mut self) -> Result<()> {
        self.instance.emit("connector.stop", []);
        inject(&self.config, "connector.stop.inject.error", "Injecting errors during connector stop")
    }

    async fn alter_offsets(&mut self, config: &ConfigMap, _offsets: &SinkOffsetChanges) -> Result<bool> {
        Ok(flag(config, "alter.offsets.result"))
    }
}

/// The sink task.
#[derive(Default)]
pub struct TestableSinkTask {
    /// Reports for it.
    pub instance: Instance,
    monitored: bool,
    context: Option<SinkTaskContext>,
    records: Counter,
    /// Records since the last `pre_commit`.
    counts: BTreeMap<TopicPartition, usize>,
}

impl TestableSinkTask {
    /// A task that reports to `probe`.
    pub fn new(probe: &Probe, monitored: bool) -> Self {
        TestableSinkTask { instance: Instance::new(probe.clone()), monitored, ..Self::default() }
    }

    /// Counts a record for the next commit.
    pub fn count(&mut self, record: &SinkRecord) {
        let at = TopicPartition::new(Arc::clone(&record.topic), record.kafka_partition.unwrap_or(-1));
        *self.counts.entry(at).or_default() += 1;
    }
}

impl SinkTask for TestableSinkTask {
    fn version(&self) -> Result<String> {
        Ok("unknown".to_owned())
    }

    async fn initialize(&mut self, context: SinkTaskContext) -> Result<()> {
        self.context = Some(context);
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        self.instance.start_task(&config);
        if let (true, Some(context)) = (self.monitored, &self.context) {
            self.records = context.metrics().counter("put", "description");
        }
        Ok(())
    }

    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.instance.partitions("task.open", partitions);
        Ok(())
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<()> {
        for record in records {
            self.count(record);
        }
        self.instance.put(records);
        self.records.add(records.len() as u64);
        Ok(())
    }

    async fn pre_commit(&mut self, offsets: &Offsets) -> Result<Offsets> {
        self.instance.partitions("task.precommit", offsets.keys());
        for partition in offsets.keys() {
            if let Some(count) = self.counts.remove(partition) {
                self.instance.count("task.commits", count);
            }
        }
        Ok(offsets.clone())
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.instance.partitions("task.close", partitions);
        self.counts.retain(|partition, _| !partitions.contains(partition));
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        self.instance.emit("task.stop", []);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use milena_api::data::Value;
    use milena_api::record::{ConnectRecord, TimestampType};
    use serde_json::json;

    use super::*;
    use crate::testing::{Tests, map};

    #[tokio::test]
    async fn every_call_is_reported_and_commits_are_counted_by_partition() {
        let (probe, mut tests) = Tests::connect();
        let mut task = TestableSinkTask::new(&probe, false);
        task.start(map(&[("connector.name", "c"), ("task.id", "c-0")])).await.unwrap();
        let partitions = [TopicPartition::new("t", 0), TopicPartition::new("t", 1)];
        task.open(&partitions).await.unwrap();
        let mut record = ConnectRecord::new("t", None, Value::from("v"));
        record.timestamp = Some(17);
        task.put(&[SinkRecord::new(record, 0, 7, TimestampType::CreateTime)]).await.unwrap();
        task.put(&[]).await.unwrap();
        let offsets: Offsets = [(partitions[0].clone(), 8), (partitions[1].clone(), 0)].into();
        assert_eq!(task.pre_commit(&offsets).await.unwrap(), offsets);
        task.pre_commit(&Offsets::new()).await.unwrap();
        task.close(&partitions[1..]).await.unwrap();
        task.stop().await.unwrap();
        let expected = [
            json!({"event": "task.start"}),
            json!({"event": "task.open", "partitions": [["t", 0], ["t", 1]]}),
            json!({"event": "task.put", "records": [
                {"topic": "t", "partition": 0, "offset": 7, "timestamp": 17, "key": null, "value": "v"},
            ]}),
            json!({"event": "task.precommit", "partitions": [["t", 0], ["t", 1]]}),
            json!({"event": "task.commits", "count": 1}),
            json!({"event": "task.precommit", "partitions": []}),
            json!({"event": "task.close", "partitions": [["t", 1]]}),
            json!({"event": "task.stop"}),
        ];
        for mut event in expected {
            let about = json!({"id": 1, "connector": "c", "task": "c-0"});
            event.as_object_mut().unwrap().extend(about.as_object().unwrap().clone());
            assert_eq!(tests.next(), event);
        }
    }
}
