//! `Spawner`: starts work on the runtime its kind belongs to.

use std::any::Any;
use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tracing::Instrument;

use crate::logging::LogContext;

/// What a piece of work is; decides the runtime it runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Herders, stores, connectors' own actors.
    Control,
    /// Connector tasks.
    Data,
}

/// Starts work. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Spawner {
    control: tokio::runtime::Handle,
    data: tokio::runtime::Handle,
}

/// Work that was started. Dropping the handle lets the work go on.
#[derive(Debug)]
pub struct Handle<T>(JoinHandle<T>);

/// Why a call to a plug-in gave no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// It did not return in time; its thread is left to itself.
    TimedOut,
    /// It panicked, with this text.
    Panicked(String),
}

impl Spawner {
    /// A spawner on these two runtimes (which may be the same, in tests).
    pub fn new(control: tokio::runtime::Handle, data: tokio::runtime::Handle) -> Self {
        Spawner { control, data }
    }

    /// A spawner on the current runtime alone.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn current() -> Self {
        let handle = tokio::runtime::Handle::current();
        Spawner { control: handle.clone(), data: handle }
    }

    /// Makes the runtime of this kind the current one, for things that start work of their own when they are made.
    pub fn enter(&self, kind: Kind) -> tokio::runtime::EnterGuard<'_> {
        self.runtime(kind).enter()
    }

    fn runtime(&self, kind: Kind) -> &tokio::runtime::Handle {
        match kind {
            Kind::Control => &self.control,
            Kind::Data => &self.data,
        }
    }

    /// Starts `work` in `context`, the prefix of its log lines.
    pub fn spawn<T: Send + 'static>(
        &self,
        kind: Kind,
        context: &LogContext,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Handle<T> {
        Handle(self.runtime(kind).spawn(work.instrument(context.span())))
    }

    /// Runs a call that may block on a thread of its own and waits for it until `deadline`.
    ///
    /// # Errors
    /// The call panicked or did not return in time. In the latter case its thread goes on and its result is dropped.
    pub async fn call<T: Send + 'static>(
        &self,
        context: &LogContext,
        deadline: Option<Duration>,
        call: impl FnOnce(&tokio::runtime::Handle) -> T + Send + 'static,
    ) -> Result<T, CallError> {
        let (runtime, span) = (self.control.clone(), context.span());
        let running = self.control.spawn_blocking(move || span.in_scope(|| call(&runtime)));
        let joined = match deadline {
            Some(deadline) => tokio::time::timeout(deadline, running).await.map_err(|_| CallError::TimedOut)?,
            None => running.await,
        };
        joined.map_err(|error| CallError::Panicked(join_error_text(error)))
    }
}

impl<T> Handle<T> {
    /// Waits for the end of the work.
    ///
    /// # Errors
    /// The text of its panic.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn join(&mut self) -> Result<T, String> {
        (&mut self.0).await.map_err(join_error_text)
    }

    /// Waits for the end of the work until `deadline`; `None` if it goes on.
    pub async fn join_within(&mut self, deadline: Duration) -> Option<Result<T, String>> {
        tokio::time::timeout(deadline, self.join()).await.ok()
    }

    /// Drops the work at its next await.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// True when the work has ended.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

fn join_error_text(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => panic_text(panic.as_ref()),
        Err(_) => "the work was cancelled".to_owned(),
    }
}

/// The message of a panic.
pub fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned())
}
