//! `NullSinkConnector`: reads everything, keeps nothing, counts.

use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::connector::{ConnectorContext, TaskConfigs};
use milena_api::metrics::Counter;
use milena_api::record::SinkRecord;
use milena_api::sink::{SinkConnector, SinkOffsetChanges, SinkTask, SinkTaskContext};
use milena_api::{KAFKA_VERSION, Result};

/// Class name of the connector.
pub const CLASS: &str = "milena.NullSinkConnector";

/// A sink without a system behind it: what a pipeline costs without its end.
#[derive(Default)]
pub struct NullSinkConnector {
    config: ConfigMap,
}

impl SinkConnector for NullSinkConnector {
    type Task = NullSinkTask;

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
        Ok("milena.NullSinkTask".to_owned())
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<TaskConfigs> {
        Ok(vec![self.config.clone(); max_tasks])
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }

    async fn alter_offsets(&mut self, _config: &ConfigMap, _offsets: &SinkOffsetChanges) -> Result<bool> {
        Ok(true)
    }
}

/// Counts what it is given in the metric `records`.
#[derive(Default)]
pub struct NullSinkTask {
    records: Counter,
}

impl SinkTask for NullSinkTask {
    fn version(&self) -> Result<String> {
        Ok(KAFKA_VERSION.to_owned())
    }

    async fn initialize(&mut self, context: SinkTaskContext) -> Result<()> {
        self.records = context.metrics().counter("records", "Number of records that the task was given");
        Ok(())
    }

    async fn start(&mut self, _config: ConfigMap) -> Result<()> {
        Ok(())
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<()> {
        self.records.add(records.len() as u64);
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}
