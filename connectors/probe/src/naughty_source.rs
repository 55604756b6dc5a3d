//! `NaughtyConnector`: a source that writes to the offsets topic of the worker.

use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::connector::{ConnectorContext, TaskConfigs};
use milena_api::data::Value;
use milena_api::record::{ConnectRecord, SourceRecord};
use milena_api::source::{SourceConnector, SourceTask, SourceTaskContext};
use milena_api::{Error, Result};

/// The source connector.
#[derive(Default)]
pub struct NaughtyConnector {
    config: ConfigMap,
}

impl SourceConnector for NaughtyConnector {
    type Task = NaughtyTask;

    fn version(&self) -> Result<String> {
        Ok("none".to_owned())
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
        Ok("org.apache.kafka.connect.integration.ExactlyOnceSourceIntegrationTest$NaughtyTask".to_owned())
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<TaskConfigs> {
        Ok(vec![self.config.clone(); max_tasks])
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The source task.
#[derive(Default)]
pub struct NaughtyTask {
    context: Option<SourceTaskContext>,
    topic: String,
}

impl SourceTask for NaughtyTask {
    fn version(&self) -> Result<String> {
        Ok("none".to_owned())
    }

    async fn initialize(&mut self, context: SourceTaskContext) -> Result<()> {
        self.context = Some(context);
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        let topic = config.get("offsets.storage.topic").cloned();
        self.topic = topic.ok_or_else(|| Error::fatal("No offsets topic"))?;
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<Vec<SourceRecord>>> {
        let Some(context) = &self.context else { return Ok(None) };
        let partition = [(Value::from(""), Value::Null)].into_iter().collect();
        context.offset_reader().offset(&partition).await?;
        let mut record = ConnectRecord::new(self.topic.as_str(), None, Value::Null);
        record.key = Value::from("");
        Ok(Some(vec![SourceRecord::new(record, None, None)]))
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}
