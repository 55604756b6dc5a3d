//! `FileStreamSinkConnector`: tasks that append to one file.
//!
//! Counterpart: `org.apache.kafka.connect.file.FileStreamSinkConnector`.

use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::connector::{ConnectorContext, TaskConfigs};
use milena_api::sink::{SinkConnector, SinkOffsetChanges};
use milena_api::{KAFKA_VERSION, Result};
use tracing::info;

use crate::config::SinkConfig;
use crate::sink_task::FileStreamSinkTask;

/// Java class of the connector.
pub const CLASS: &str = "org.apache.kafka.connect.file.FileStreamSinkConnector";

const TASK_CLASS: &str = "org.apache.kafka.connect.file.FileStreamSinkTask";

/// Writes one line per record to a file, or to standard output. All tasks append to the same file.
#[derive(Default)]
pub struct FileStreamSinkConnector {
    config: ConfigMap,
}

impl SinkConnector for FileStreamSinkConnector {
    type Task = FileStreamSinkTask;

    fn version(&self) -> Result<String> {
        Ok(KAFKA_VERSION.to_owned())
    }

    fn config(&self) -> Result<ConfigDef> {
        SinkConfig::definition()
    }

    async fn initialize(&mut self, _context: ConnectorContext) -> Result<()> {
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        let parsed = SinkConfig::parse(&config)?;
        let file = parsed.filename.as_deref().unwrap_or("standard output");
        info!(file, "starting file sink connector");
        self.config = config;
        Ok(())
    }

    fn task_class(&self) -> Result<String> {
        Ok(TASK_CLASS.to_owned())
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<TaskConfigs> {
        Ok(vec![self.config.clone(); max_tasks])
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }

    async fn alter_offsets(&mut self, _config: &ConfigMap, _offsets: &SinkOffsetChanges) -> Result<bool> {
        // The file knows nothing of offsets: whatever the consumer group says is fine.
        Ok(true)
    }
}
