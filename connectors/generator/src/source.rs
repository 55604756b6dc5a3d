//! `GeneratorSourceConnector`: as many tasks as are allowed, each with its share of the records.

use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::connector::{ConnectorContext, OffsetChanges, TaskConfigs};
use milena_api::data::Value;
use milena_api::source::{ExactlyOnceSupport, SourceConnector};
use milena_api::{Error, KAFKA_VERSION, Result};

use crate::config::{GeneratorConfig, TASK, TASKS};
use crate::data_set::DataSet;
use crate::source_task::{COUNT, GeneratorSourceTask};

/// Class name of the connector.
pub const CLASS: &str = "milena.GeneratorSourceConnector";

/// Makes records up: equal texts or bytes of one size, or a data set with schemas.
#[derive(Default)]
pub struct GeneratorSourceConnector {
    config: ConfigMap,
}

impl SourceConnector for GeneratorSourceConnector {
    type Task = GeneratorSourceTask;

    fn version(&self) -> Result<String> {
        Ok(KAFKA_VERSION.to_owned())
    }

    fn config(&self) -> Result<ConfigDef> {
        GeneratorConfig::definition()
    }

    async fn initialize(&mut self, _context: ConnectorContext) -> Result<()> {
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        let parsed = GeneratorConfig::parse(&config)?;
        if let Some(name) = &parsed.quickstart {
            // A wrong field is to fail the connector, not each of its tasks.
            DataSet::new(name, parsed.key_field.as_deref(), parsed.seed, 0)?;
        }
        self.config = config;
        Ok(())
    }

    fn task_class(&self) -> Result<String> {
        Ok("milena.GeneratorSourceTask".to_owned())
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<TaskConfigs> {
        let config = |task: usize| {
            let mut config = self.config.clone();
            config.insert(TASK.to_owned(), task.to_string());
            config.insert(TASKS.to_owned(), max_tasks.to_string());
            config
        };
        Ok((0..max_tasks).map(config).collect())
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }

    fn exactly_once_support(&self, _config: &ConfigMap) -> Result<Option<ExactlyOnceSupport>> {
        // A record depends on its number alone, and the number is the offset.
        Ok(Some(ExactlyOnceSupport::Supported))
    }

    async fn alter_offsets(&mut self, _config: &ConfigMap, offsets: &OffsetChanges) -> Result<bool> {
        for (_, offset) in offsets {
            let Some(offset) = offset else { continue };
            match offset.get_str(&COUNT) {
                Some(Value::I64(count)) if *count >= 0 => {}
                _ => {
                    return Err(Error::fatal(
                        "Offset objects should either be null or contain the key 'count' with a number from 0 on",
                    ));
                }
            }
        }
        Ok(true)
    }
}
