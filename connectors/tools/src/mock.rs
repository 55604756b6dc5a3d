//! `Mock`: which of the two fails, and when.
//!
//! Counterpart: `org.apache.kafka.connect.tools.MockConnector`.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use milena_api::config::ConfigMap;
use milena_api::connector::ConnectorContext;
use milena_api::{Error, Result};
use tracing::debug;

use crate::settings::not_a_number;

/// Who is to fail.
pub const MODE: &str = "mock_mode";
/// Milliseconds from the start to the failure.
pub const DELAY: &str = "delay_ms";
/// [`MODE`] of a connector that fails.
pub const CONNECTOR_FAILURE: &str = "connector-failure";
/// [`MODE`] of a task that fails.
pub const TASK_FAILURE: &str = "task-failure";

const DEFAULT_DELAY: Duration = Duration::from_secs(15);

/// What both mock connectors do.
#[derive(Default)]
pub struct Mock {
    context: Option<ConnectorContext>,
    /// The configuration, which is also the only task's.
    pub config: ConfigMap,
    /// Dropping it calls the failure off.
    pending: Option<mpsc::Sender<()>>,
}

impl Mock {
    /// Remembers whom to tell of the failure.
    pub fn initialize(&mut self, context: ConnectorContext) {
        self.context = Some(context);
    }

    /// Has the connector fail later, if it is the one to fail.
    pub fn start(&mut self, config: ConfigMap) -> Result<()> {
        let delay = delay(&config, CONNECTOR_FAILURE)?;
        self.config = config;
        let (Some(delay), Some(context)) = (delay, self.context.clone()) else { return Ok(()) };
        let (pending, called_off) = mpsc::channel::<()>();
        let wait = move || {
            if called_off.recv_timeout(delay) == Err(mpsc::RecvTimeoutError::Timeout) {
                debug!("triggering connector failure");
                context.raise_error(failure());
            }
        };
        // A thread, not a task: a connector is called from wherever the runtime likes, also outside of any executor.
        thread::Builder::new().name("mock-connector".to_owned()).spawn(wait)?;
        self.pending = Some(pending);
        Ok(())
    }

    /// Calls the failure off.
    pub fn stop(&mut self) {
        self.pending = None;
    }
}

/// When a task is to fail; `None` if it is not.
pub fn task_deadline(config: &ConfigMap) -> Result<Option<Instant>> {
    Ok(delay(config, TASK_FAILURE)?.map(|delay| Instant::now() + delay))
}

/// `java.lang.RuntimeException`, without a word.
pub fn failure() -> Error {
    Error::fatal("").with_class("java.lang.RuntimeException").without_message()
}

fn delay(config: &ConfigMap, mode: &str) -> Result<Option<Duration>> {
    if config.get(MODE).is_none_or(|set| set != mode) {
        return Ok(None);
    }
    let Some(text) = config.get(DELAY) else { return Ok(Some(DEFAULT_DELAY)) };
    let millis: i64 = text.parse().map_err(|_| not_a_number(DELAY, Some(text)))?;
    Ok(Some(Duration::from_millis(u64::try_from(millis).unwrap_or(0))))
}
