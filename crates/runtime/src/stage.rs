//! `Stage`: what the worker is doing, so that a time-out can say it.
//!
//! Counterpart: `org.apache.kafka.connect.util.Stage`.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

/// One step of the worker's work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// What, as `starting the connector`.
    pub description: String,
    /// Since when.
    pub started: Timestamp,
    /// Until when; `None` while it lasts.
    pub completed: Option<Timestamp>,
}

impl Stage {
    /// The sentence of time-outs, without its final period.
    pub fn summary(&self) -> String {
        let Stage { description, started, .. } = self;
        match &self.completed {
            None => format!("The worker is currently {description}, which began at {started}"),
            Some(at) => format!(
                "The last operation the worker completed was {description}, which began at {started} and completed at {at}"
            ),
        }
    }
}

/// Holds the stage of one actor.
#[derive(Clone, Default)]
pub struct Stages(Arc<Mutex<Option<Stage>>>);

impl Stages {
    /// Enters a stage, until the guard is dropped.
    pub fn enter(&self, description: impl Into<String>) -> StageGuard {
        let stage = Stage { description: description.into(), started: Timestamp::now(), completed: None };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(stage);
        StageGuard(self.clone())
    }

    /// The stage now, or the last one.
    pub fn current(&self) -> Option<Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Ends its stage when dropped.
#[must_use]
pub struct StageGuard(Stages);

impl Drop for StageGuard {
    fn drop(&mut self) {
        let mut slot = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stage) = slot.as_mut().filter(|stage| stage.completed.is_none()) {
            stage.completed = Some(Timestamp::now());
        }
    }
}
