//! `ErrorOperator`: runs one step of a record's way, with retries and tolerance.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.errors.RetryWithToleranceOperator`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use milena_api::error::{Error, Result};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::metrics::ErrorMetrics;
use super::reporter::{OriginalRecord, Reporters};
use crate::config::Transformed;

/// The step of a record's way that failed; the names are those of dead-letter headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Stage {
    TaskPoll,
    TaskPut,
    Transformation,
    KeyConverter,
    ValueConverter,
    HeaderConverter,
    KafkaProduce,
    KafkaConsume,
}

impl Stage {
    /// `VALUE_CONVERTER` and so on.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::TaskPoll => "TASK_POLL",
            Stage::TaskPut => "TASK_PUT",
            Stage::Transformation => "TRANSFORMATION",
            Stage::KeyConverter => "KEY_CONVERTER",
            Stage::ValueConverter => "VALUE_CONVERTER",
            Stage::HeaderConverter => "HEADER_CONVERTER",
            Stage::KafkaProduce => "KAFKA_PRODUCE",
            Stage::KafkaConsume => "KAFKA_CONSUME",
        }
    }
}

/// `errors.*` of a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorConfig {
    /// `errors.retry.timeout`: how long to retry; `None` for ever, zero not at all.
    pub retry_timeout: Option<Duration>,
    /// `errors.retry.delay.max.ms`.
    pub retry_delay_max: Duration,
    /// `errors.tolerance=all`.
    pub tolerate_all: bool,
    /// `errors.log.enable`.
    pub log: bool,
    /// `errors.log.include.messages`.
    pub log_messages: bool,
}

impl ErrorConfig {
    /// True if a failed step may be run again, so that its input must survive the failure.
    pub fn retries(&self) -> bool {
        self.retry_timeout != Some(Duration::ZERO)
    }
}

/// Runs steps for one task.
pub struct ErrorOperator {
    config: ErrorConfig,
    metrics: Arc<ErrorMetrics>,
    reporters: Reporters,
    /// Never reset: with tolerance none, one failure is one too many.
    total_failures: AtomicU64,
    cancelled: CancellationToken,
    /// What config providers gave, to be kept out of logs and dead letters (invariant 8).
    secrets: Arc<Transformed>,
}

impl ErrorOperator {
    /// An operator of one task. `cancelled` ends waits between retries.
    pub fn new(
        config: ErrorConfig,
        metrics: Arc<ErrorMetrics>,
        reporters: Reporters,
        cancelled: CancellationToken,
        secrets: Arc<Transformed>,
    ) -> Self {
        ErrorOperator { config, metrics, reporters, total_failures: AtomicU64::new(0), cancelled, secrets }
    }

    /// `errors.*` of the connector.
    pub fn config(&self) -> &ErrorConfig {
        &self.config
    }

    /// The reporters.
    pub fn reporters(&self) -> &Reporters {
        &self.reporters
    }

    /// Runs `step` until it succeeds, is given up and tolerated (`None`), or is given up and fails the task.
    ///
    /// # Errors
    /// `Tolerance exceeded in error handler` with the step's error as its cause.
    pub async fn execute<T>(
        &self,
        stage: Stage,
        class: &str,
        record: &(dyn OriginalRecord + '_),
        mut step: impl FnMut() -> Result<T>,
    ) -> Result<Option<T>> {
        match step() {
            Ok(value) => Ok(Some(value)),
            Err(error) => Box::pin(self.recover(stage, class, record, error, step)).await,
        }
    }

    /// The way of a step that has failed once.
    async fn recover<T>(
        &self,
        stage: Stage,
        class: &str,
        record: &(dyn OriginalRecord + '_),
        mut error: Error,
        mut step: impl FnMut() -> Result<T>,
    ) -> Result<Option<T>> {
        let deadline = self.config.retry_timeout.map(|timeout| Instant::now() + timeout);
        let mut attempt = 0u32;
        while error.is_retriable() {
            ErrorMetrics::count(&self.metrics.failures);
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break;
            }
            attempt = attempt.saturating_add(1);
            let delay = self.delay(attempt, deadline);
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = self.cancelled.cancelled() => {}
            }
            ErrorMetrics::count(&self.metrics.retries);
            if self.cancelled.is_cancelled() {
                // The task is being abandoned: the record is given up without failing it once more.
                let error = self.secrets.mask_error(error);
                self.report(stage, class, record, &error).await;
                ErrorMetrics::count(&self.metrics.errors);
                ErrorMetrics::count(&self.metrics.skipped);
                return Ok(None);
            }
            match step() {
                Ok(value) => return Ok(Some(value)),
                Err(next) => error = next,
            }
        }
        ErrorMetrics::count(&self.metrics.failures);
        self.metrics.last_error.store(now_millis(), Ordering::Relaxed);
        self.total_failures.fetch_add(1, Ordering::Relaxed);
        ErrorMetrics::count(&self.metrics.errors);
        let error = self.secrets.mask_error(error);
        self.report(stage, class, record, &error).await;
        if !self.within_tolerance() {
            return Err(exceeded(stage, class, record, error));
        }
        ErrorMetrics::count(&self.metrics.skipped);
        Ok(None)
    }

    /// Takes note of an error that happened elsewhere: the errant-record reporter and failed sends. Resolves when reports are durable.
    ///
    /// # Errors
    /// The error is not tolerated; or, of a record that a task reported, the dead letter was lost.
    pub async fn execute_failed(
        &self,
        stage: Stage,
        class: &str,
        record: &(dyn OriginalRecord + '_),
        error: Error,
    ) -> Result<()> {
        self.total_failures.fetch_add(1, Ordering::Relaxed);
        self.metrics.last_error.store(now_millis(), Ordering::Relaxed);
        ErrorMetrics::count(&self.metrics.failures);
        let error = self.secrets.mask_error(error);
        let reported = self.reporters.report(stage, class, record, &error, &self.metrics).await;
        if self.within_tolerance() {
            return match reported {
                Err(lost) if stage == Stage::TaskPut => {
                    Err(Error::fatal("Encountered an error while awaiting an errant record future's completion.")
                        .with_source(lost))
                }
                _ => Ok(()),
            };
        }
        ErrorMetrics::count(&self.metrics.errors);
        Err(exceeded(stage, class, record, error))
    }

    /// A dead letter that is lost has been logged and counted; the record's own error decides what follows.
    async fn report(&self, stage: Stage, class: &str, record: &(dyn OriginalRecord + '_), error: &Error) {
        _ = self.reporters.report(stage, class, record, error, &self.metrics).await;
    }

    fn within_tolerance(&self) -> bool {
        self.config.tolerate_all || self.total_failures.load(Ordering::Relaxed) == 0
    }

    /// 300 ms doubled with each attempt; beyond the cap, anything up to it, 1 ms at least; never past the deadline.
    fn delay(&self, attempt: u32, deadline: Option<Instant>) -> Duration {
        let doubled = 1u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX);
        let exponential = Duration::from_millis(doubled.saturating_mul(300));
        let cap = self.config.retry_delay_max;
        let delay = if exponential > cap { cap.mul_f64(rand::random::<f64>()) } else { exponential };
        let delay = delay.max(Duration::from_millis(1));
        deadline.map_or(delay, |deadline| delay.min(deadline.saturating_duration_since(Instant::now())))
    }
}

/// What the task fails with. The place is told in the form of a stack frame, so that it stands in the status's trace.
fn exceeded(stage: Stage, class: &str, record: &(dyn OriginalRecord + '_), error: Error) -> Error {
    let place = format!("at stage {} with {class}, {}", stage.name(), record.position());
    Error::fatal("Tolerance exceeded in error handler").with_frame(place).with_source(error)
}

fn now_millis() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
