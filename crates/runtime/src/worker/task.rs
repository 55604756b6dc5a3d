//! What all tasks have in common: how they are told to stop and pause, and how they tell of their state.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.WorkerTask`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use milena_api::error::Error;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::config::Transformed;
use crate::herder::{ConnectorTaskId, State};
use crate::storage::StatusStore;

/// What a task is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// Work.
    Run,
    /// Keep everything open, do nothing.
    Pause,
    /// Finish in order.
    Stop,
}

/// Tells a task what to do. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TaskControl {
    wanted: watch::Sender<TaskState>,
    /// The time to stop in order is over: whatever the task waits for is given up, and it writes no status any more.
    cancelled: CancellationToken,
    attention: Attention,
}

/// Asks a plug-in's call to return. Set before, it is seen after.
#[derive(Clone, Debug, Default)]
pub struct Attention {
    wanted: Arc<AtomicBool>,
    notify: Arc<Notify>,
}

impl Attention {
    /// Asks for control.
    pub fn request(&self) {
        self.wanted.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    /// Takes the request back, before the next call.
    pub fn clear(&self) {
        self.wanted.store(false, Ordering::Release);
    }

    /// Resolves when control is asked for, at once if it already is.
    pub async fn requested(&self) {
        loop {
            let notified = self.notify.notified();
            tokio::pin!(notified);
            // Registered first, looked at second: a request in between is not missed.
            notified.as_mut().enable();
            if self.wanted.load(Ordering::Acquire) {
                return;
            }
            notified.await;
        }
    }
}

impl TaskControl {
    /// Control of a task that begins in this state.
    pub fn new(state: TaskState) -> Self {
        let (wanted, _) = watch::channel(state);
        TaskControl { wanted, cancelled: CancellationToken::new(), attention: Attention::default() }
    }

    /// Changes what the task is to do; a stop is final.
    pub fn set(&self, state: TaskState) {
        self.wanted.send_if_modified(|now| {
            if *now == TaskState::Stop || *now == state {
                return false;
            }
            *now = state;
            true
        });
        if state != TaskState::Run {
            self.attention.request();
        }
    }

    /// Gives the task up.
    pub fn cancel(&self) {
        self.set(TaskState::Stop);
        self.cancelled.cancel();
        self.attention.request();
    }

    /// What the task is to do.
    pub fn state(&self) -> TaskState {
        *self.wanted.borrow()
    }

    /// Follows what the task is to do.
    pub fn watch(&self) -> watch::Receiver<TaskState> {
        self.wanted.subscribe()
    }

    /// True once the task was given up.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_cancelled()
    }

    /// Cancelled when the task is given up.
    pub fn cancelled(&self) -> &CancellationToken {
        &self.cancelled
    }

    /// What asks the plug-in's call to return.
    pub fn attention(&self) -> &Attention {
        &self.attention
    }

    /// Waits while the task is to pause; gives the state that ended it.
    pub async fn while_paused(&self) -> TaskState {
        let mut wanted = self.watch();
        match wanted.wait_for(|state| *state != TaskState::Pause).await {
            Ok(state) => *state,
            Err(_) => TaskState::Stop,
        }
    }
}

/// Writes the statuses of one task instance; falls silent once the instance was given up (invariant 5).
#[derive(Clone)]
pub struct TaskStatusWriter {
    pub(crate) id: ConnectorTaskId,
    pub(crate) statuses: Arc<StatusStore>,
    pub(crate) control: TaskControl,
    pub(crate) version: Option<String>,
    /// What config providers gave, to be kept out of traces (invariant 8).
    pub(crate) secrets: Arc<Transformed>,
}

impl TaskStatusWriter {
    /// Notes a state.
    pub fn put(&self, state: State) {
        self.write(state, None);
    }

    /// Notes a failure with its trace.
    pub fn failed(&self, error: &Error) {
        let error = self.secrets.mask_error(error.duplicate());
        tracing::error!(
            target: "org.apache.kafka.connect.runtime.WorkerTask",
            "{} Task threw an uncaught and unrecoverable exception. Task is being killed and will not recover until manually restarted\n{}",
            self.id,
            error.trace().trim_end()
        );
        self.write(State::Failed, Some(error.trace()));
    }

    /// Notes how the task's work ended: failures while stopping are told to the log only, as in Java.
    pub fn ended(&self, outcome: milena_api::error::Result<()>) {
        match outcome {
            Ok(()) => self.put(State::Unassigned),
            Err(error) if self.control.state() == TaskState::Stop => {
                self.warn("the task failed while it was stopping", error);
                self.put(State::Unassigned);
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Warns of an error of the plug-in, without its secrets.
    pub fn warn(&self, doing: &str, error: Error) {
        let error = self.secrets.mask_error(error);
        tracing::warn!(error = %error.trace().trim_end(), "{doing}");
    }

    fn write(&self, state: State, trace: Option<String>) {
        if !self.control.is_cancelled() {
            self.statuses.put_task(&self.id, state, trace, self.version.clone());
        }
    }
}
