//! `MockSourceConnector` and its task: no records, but a failure.
//!
//! Counterpart: `org.apache.kafka.connect.tools.{MockSourceConnector, MockSourceTask}`.

use std::time::{Duration, Instant};

use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::connector::{ConnectorContext, TaskConfigs};
use milena_api::record::SourceRecord;
use milena_api::source::{SourceConnector, SourceTask, SourceTaskContext};
use milena_api::{KAFKA_VERSION, Result};
use tokio::time::sleep;

use crate::mock::{Mock, failure, task_deadline};
use crate::pace::woken;

/// How long a poll waits. Java's returns at once, again and again.
const WAIT: Duration = Duration::from_millis(250);

/// A source that fails, or whose only task does.
#[derive(Default)]
pub struct MockSourceConnector {
    mock: Mock,
}

impl SourceConnector for MockSourceConnector {
    type Task = MockSourceTask;

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
        Ok("org.apache.kafka.connect.tools.MockSourceTask".to_owned())
    }

    async fn task_configs(&mut self, _max_tasks: usize) -> Result<TaskConfigs> {
        Ok(vec![self.mock.config.clone()])
    }

    async fn stop(&mut self) -> Result<()> {
        self.mock.stop();
        Ok(())
    }
}

/// Gives empty batches until its time has come.
#[derive(Default)]
pub struct MockSourceTask {
    context: Option<SourceTaskContext>,
    deadline: Option<Instant>,
}

impl SourceTask for MockSourceTask {
    fn version(&self) -> Result<String> {
        Ok(KAFKA_VERSION.to_owned())
    }

    async fn initialize(&mut self, context: SourceTaskContext) -> Result<()> {
        self.context = Some(context);
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        self.deadline = task_deadline(&config)?;
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<Vec<SourceRecord>>> {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(failure());
        }
        tokio::select! {
            () = sleep(left.unwrap_or(WAIT).min(WAIT)) => {}
            () = woken(self.context.as_ref()) => {}
        }
        Ok(Some(Vec::new()))
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Host, map};

    #[tokio::test]
    async fn the_task_fails_when_its_time_has_come() {
        let properties = [("mock_mode", "task-failure"), ("delay_ms", "0")];
        let mut task: MockSourceTask = Host::default().source(&properties).await.unwrap();
        assert_eq!(task.poll().await.unwrap_err().headline(), "java.lang.RuntimeException");
    }

    #[tokio::test]
    async fn without_a_mode_the_task_gives_empty_batches() {
        let mut task: MockSourceTask = Host::default().source(&[("delay_ms", "0")]).await.unwrap();
        assert_eq!(task.poll().await.unwrap(), Some(Vec::new()));
    }

    #[tokio::test]
    async fn the_connector_reports_its_failure_and_stopping_calls_it_off() {
        let (context, errors) = Host::connector();
        let mut connector = MockSourceConnector::default();
        connector.initialize(context.clone()).await.unwrap();
        connector.start(map(&[("mock_mode", "connector-failure"), ("delay_ms", "1")])).await.unwrap();
        assert_eq!(errors.recv().unwrap().headline(), "java.lang.RuntimeException");
        drop(connector);
        let mut connector = MockSourceConnector::default();
        connector.initialize(context).await.unwrap();
        connector.start(map(&[("mock_mode", "connector-failure")])).await.unwrap();
        connector.stop().await.unwrap();
        drop(connector);
        // The thread is gone when it has let go of its context.
        assert!(errors.recv().is_err());
    }

    #[tokio::test]
    async fn a_delay_that_is_no_number_is_refused() {
        let properties = [("mock_mode", "task-failure"), ("delay_ms", "soon")];
        let error = Host::default().source::<MockSourceTask>(&properties).await.err().unwrap();
        assert_eq!(error.java_class(), "java.lang.NumberFormatException");
    }
}
