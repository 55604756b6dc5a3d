//! `MockSinkConnector` and its task: takes records, and fails.
//!
//! Counterpart: `org.apache.kafka.connect.tools.{MockSinkConnector, MockSinkTask}`.

use std::time::{Duration, Instant};

use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::connector::{ConnectorContext, TaskConfigs};
use milena_api::record::SinkRecord;
use milena_api::sink::{SinkConnector, SinkTask, SinkTaskContext};
use milena_api::{KAFKA_VERSION, Result};

use crate::mock::{Mock, failure, task_deadline};

/// `put` must come also without records, so that the failure is in time.
const WAKE_UP: Duration = Duration::from_millis(250);

/// A sink that fails, or whose only task does.
#[derive(Default)]
pub struct MockSinkConnector {
    mock: Mock,
}

impl SinkConnector for MockSinkConnector {
    type Task = MockSinkTask;

    fn version(&self) -> Result<String> {
        Ok(KAFKA_VERSION.to_owned())
    }

    fn config(&self) -> Result<ConfigDef> {
        Ok(ConfigDef::new())
    }

    async fn initialize(&mut self, context: ConnectorContext) -> Result<()> {
        self.mock.initialize(context);
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        self.mock.start(config)
    }

    fn task_class(&self) -> Result<String> {
        Ok("org.apache.kafka.connect.tools.MockSinkTask".to_owned())
    }

    async fn task_configs(&mut self, _max_tasks: usize) -> Result<TaskConfigs> {
        Ok(vec![self.mock.config.clone()])
    }

    async fn stop(&mut self) -> Result<()> {
        self.mock.stop();
        Ok(())
    }
}

/// Takes records and drops them until its time has come.
#[derive(Default)]
pub struct MockSinkTask {
    context: Option<SinkTaskContext>,
    deadline: Option<Instant>,
}

impl SinkTask for MockSinkTask {
    fn version(&self) -> Result<String> {
        Ok(KAFKA_VERSION.to_owned())
    }

    async fn initialize(&mut self, context: SinkTaskContext) -> Result<()> {
        self.context = Some(context);
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        self.deadline = task_deadline(&config)?;
        self.ask_for_put();
        Ok(())
    }

    async fn put(&mut self, _records: &[SinkRecord]) -> Result<()> {
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(failure());
        }
        self.ask_for_put();
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

impl MockSinkTask {
    fn ask_for_put(&self) {
        if let (Some(context), Some(deadline)) = (&self.context, self.deadline) {
            // Never nothing: no time-out at all is what 0 means to the runtime.
            let left = deadline.saturating_duration_since(Instant::now());
            context.timeout(left.clamp(Duration::from_millis(1), WAKE_UP));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;

    #[tokio::test]
    async fn the_task_fails_at_the_first_put_behind_its_time() {
        let mut task = MockSinkTask::default();
        task.start(map(&[("mock_mode", "task-failure"), ("delay_ms", "0")])).await.unwrap();
        assert_eq!(task.put(&[]).await.unwrap_err().headline(), "java.lang.RuntimeException");
        let mut task = MockSinkTask::default();
        task.start(map(&[("mock_mode", "connector-failure"), ("delay_ms", "0")])).await.unwrap();
        task.put(&[]).await.unwrap();
    }
}
