//! `TransformationChain`: the transformations of one task, in order, each behind its predicate.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.{TransformationChain, TransformationStage}`.

use milena_api::error::Result;
use milena_api::record::Record;
use milena_api::transform::{Outcome, Predicate, Transformation};

use crate::errors::{ErrorOperator, OriginalRecord, Stage};

/// Transformations in order of execution.
#[derive(Default)]
pub struct TransformationChain {
    stages: Vec<TransformationStage>,
}

/// One transformation and what decides whether it applies.
pub struct TransformationStage {
    /// The transformation.
    pub transformation: Box<dyn Transformation>,
    /// Its class, for reports.
    pub class: std::sync::Arc<str>,
    /// Its predicate, and whether the answer is turned round.
    pub predicate: Option<(Box<dyn Predicate>, bool)>,
}

impl TransformationStage {
    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        if let Some((predicate, negate)) = &mut self.predicate
            && predicate.test(record)? == *negate
        {
            return Ok(Outcome::Keep);
        }
        self.transformation.apply(record)
    }
}

impl TransformationChain {
    /// A chain of these stages.
    pub fn new(stages: Vec<TransformationStage>) -> Self {
        TransformationChain { stages }
    }

    /// True if records go through unchanged.
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Sends a record through; `None` if it was dropped or tolerated.
    ///
    /// # Errors
    /// A failure that is not tolerated.
    pub async fn apply<R: Record + Clone>(
        &mut self,
        mut record: R,
        original: &(dyn OriginalRecord + '_),
        operator: &ErrorOperator,
    ) -> Result<Option<R>> {
        let retries = operator.config().retries();
        for stage in &mut self.stages {
            let class = std::sync::Arc::clone(&stage.class);
            // A failed attempt may leave the record half changed, so retries need a fresh one each.
            let outcome = if retries {
                let step = || {
                    let mut attempt = record.clone();
                    stage.apply(&mut attempt).map(|outcome| (attempt, outcome))
                };
                match operator.execute(Stage::Transformation, &class, original, step).await? {
                    Some((changed, outcome)) => {
                        record = changed;
                        Some(outcome)
                    }
                    None => None,
                }
            } else {
                operator.execute(Stage::Transformation, &class, original, || stage.apply(&mut record)).await?
            };
            match outcome {
                Some(Outcome::Keep) => {}
                Some(Outcome::Drop) | None => return Ok(None),
            }
        }
        Ok(Some(record))
    }

    /// Closes all; errors are logged.
    pub fn close(&mut self) {
        for stage in &mut self.stages {
            let predicate = stage.predicate.as_mut().map_or(Ok(()), |(predicate, _)| predicate.close());
            for closed in [stage.transformation.close(), predicate] {
                if let Err(error) = closed {
                    tracing::warn!(%error, class = %stage.class, "could not close a transformation");
                }
            }
        }
    }
}
