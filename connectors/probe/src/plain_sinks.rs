//! `EmptyTaskConfigsConnector` and `InnocuousSinkConnector`: sinks that do nothing at all.

use milena_api::Result;
use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::connector::{ConnectorContext, TaskConfigs};
use milena_api::record::SinkRecord;
use milena_api::sink::{SinkConnector, SinkTask, SinkTaskContext};

/// A sink that does nothing, in two forms.
#[derive(Default)]
pub struct PlainSinkConnector {
    form: Form,
}

#[derive(Clone, Copy, Default)]
enum Form {
    /// As many tasks as are allowed, without a configuration.
    #[default]
    EmptyTaskConfigs,
    /// No tasks.
    Innocuous,
}

impl PlainSinkConnector {
    /// `EmptyTaskConfigsConnector`.
    pub fn empty_task_configs() -> Self {
        PlainSinkConnector { form: Form::EmptyTaskConfigs }
    }

    /// `InnocuousSinkConnector`.
    pub fn innocuous() -> Self {
        PlainSinkConnector { form: Form::Innocuous }
    }
}

impl SinkConnector for PlainSinkConnector {
    type Task = SimpleTask;

    fn version(&self) -> Result<String> {
        Ok(match self.form {
            Form::EmptyTaskConfigs => "0.0",
            Form::Innocuous => "0.0.0",
        }
        .to_owned())
    }

    fn config(&self) -> Result<ConfigDef> {
        Ok(ConfigDef::new())
    }

    async fn initialize(&mut self, _context: ConnectorContext) -> Result<()> {
        Ok(())
    }

    async fn start(&mut self, _config: ConfigMap) -> Result<()> {
        Ok(())
    }

    fn task_class(&self) -> Result<String> {
        Ok(match self.form {
            Form::EmptyTaskConfigs => "org.apache.kafka.connect.integration.ConnectWorkerIntegrationTest$SimpleTask",
            Form::Innocuous => "test.plugins.InnocuousSinkTask",
        }
        .to_owned())
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<TaskConfigs> {
        Ok(match self.form {
            Form::EmptyTaskConfigs => vec![ConfigMap::new(); max_tasks],
            Form::Innocuous => Vec::new(),
        })
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Takes records and drops them.
#[derive(Default)]
pub struct SimpleTask;

impl SinkTask for SimpleTask {
    fn version(&self) -> Result<String> {
        Ok("0.0".to_owned())
    }

    async fn initialize(&mut self, _context: SinkTaskContext) -> Result<()> {
        Ok(())
    }

    async fn start(&mut self, _config: ConfigMap) -> Result<()> {
        Ok(())
    }

    async fn put(&mut self, _records: &[SinkRecord]) -> Result<()> {
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}
