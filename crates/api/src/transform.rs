//! Single-record transformations and predicates.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.{Transformation, predicates.Predicate}`.

use crate::config::{ConfigDef, ConfigMap};
use crate::error::Result;
use crate::record::Record;

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// It goes on, as changed in place.
    Keep,
    /// It leaves the pipeline here; counted as filtered.
    Drop,
}

/// Changes records in place. Every task has its own instance; calls never overlap.
pub trait Transformation: Send {
    /// The definition of the keys that `configure` reads.
    ///
    /// # Errors
    /// Whatever keeps it from saying.
    fn config(&self) -> Result<ConfigDef>;

    /// Called once, with the keys behind `transforms.<alias>.` (less `predicate` and `negate`).
    ///
    /// # Errors
    /// A configuration that cannot be used.
    fn configure(&mut self, config: &ConfigMap) -> Result<()>;

    /// Changes or drops one record. After an error the record may be half changed: the runtime keeps the original where it may need it.
    ///
    /// # Errors
    /// Any error is subject to `errors.tolerance`; a retriable one to `errors.retry.timeout` first.
    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome>;

    /// Called when the task closes.
    ///
    /// # Errors
    /// Logged, otherwise without effect.
    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Decides whether a transformation applies to a record.
pub trait Predicate: Send {
    /// The definition of the keys that `configure` reads.
    ///
    /// # Errors
    /// Whatever keeps it from saying.
    fn config(&self) -> Result<ConfigDef>;

    /// Called once, with the keys behind `predicates.<alias>.`.
    ///
    /// # Errors
    /// A configuration that cannot be used.
    fn configure(&mut self, config: &ConfigMap) -> Result<()>;

    /// True if the record matches.
    ///
    /// # Errors
    /// As an error of the transformation it guards.
    fn test(&mut self, record: &dyn Record) -> Result<bool>;

    /// Called when the task closes.
    ///
    /// # Errors
    /// Logged, otherwise without effect.
    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}
