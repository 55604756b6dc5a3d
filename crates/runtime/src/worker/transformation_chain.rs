//! `TransformationChain`: the transformations of one task, in order, each behind its predicate.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.{TransformationChain, TransformationStage}`.

use std::sync::Arc;

use milena_api::config::ConfigMap;
use milena_api::error::{Error, Result};
use milena_api::plugin::{Factory, PluginKind};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Predicate, Transformation};

use super::builder::version_range;
use crate::config::{ConnectorConfig, with_prefix};
use crate::errors::{ErrorOperator, OriginalRecord, Stage};
use crate::plugins::PluginRegistry;

/// Transformations in order of execution.
#[derive(Default)]
pub struct TransformationChain {
    stages: Vec<TransformationStage>,
}

/// One transformation and what decides whether it applies.
pub struct TransformationStage {
    /// What the connector's configuration calls it.
    pub alias: Arc<str>,
    /// The transformation.
    pub transformation: Box<dyn Transformation>,
    /// Its class, for reports.
    pub class: Arc<str>,
    /// Its predicate, and whether the answer is turned round.
    pub predicate: Option<(Box<dyn Predicate>, bool)>,
}

impl TransformationStage {
    /// Whether the predicate, if there is one, lets the transformation have the record.
    ///
    /// # Errors
    /// The predicate fails.
    pub fn applies(&mut self, record: &dyn Record) -> Result<bool> {
        match &mut self.predicate {
            Some((predicate, negate)) => Ok(predicate.test(record)? != *negate),
            None => Ok(true),
        }
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        if !self.applies(record)? {
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

    /// Makes and configures what a connector's configuration asks for.
    ///
    /// # Errors
    /// A class or version that there is not, or a configuration that its class refuses.
    pub fn build(registry: &PluginRegistry, connector: &ConfigMap, config: &ConnectorConfig) -> Result<Self> {
        let stage = |alias: &String| -> Result<TransformationStage> {
            let mut own = with_prefix(connector, &format!("transforms.{alias}."));
            let class = own.get("type").cloned().unwrap_or_default();
            let range = version_range(&own, "plugin.version")?;
            let plugin = registry.plugin(PluginKind::Transformation, &class, range.as_ref())?;
            let Factory::Transformation(make) = &plugin.factory else {
                return Err(Error::fatal(format!("{class} is not a transformation")));
            };
            let predicate = own.shift_remove("predicate");
            let negate = own.shift_remove("negate").is_some_and(|negate| negate.trim().eq_ignore_ascii_case("true"));
            let predicate = match predicate {
                Some(alias) => Some((predicate_of(registry, connector, config, &alias)?, negate)),
                None => None,
            };
            let mut transformation = make()?;
            transformation.configure(&own)?;
            let (alias, class) = (Arc::from(alias.as_str()), Arc::from(plugin.class.as_str()));
            Ok(TransformationStage { alias, transformation, class, predicate })
        };
        Ok(Self { stages: config.transforms().iter().map(stage).collect::<Result<_>>()? })
    }

    /// The stages, in order.
    pub fn stages(&mut self) -> &mut [TransformationStage] {
        &mut self.stages
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
            let class = Arc::clone(&stage.class);
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

fn predicate_of(
    registry: &PluginRegistry,
    connector: &ConfigMap,
    config: &ConnectorConfig,
    alias: &str,
) -> Result<Box<dyn Predicate>> {
    if !config.predicates().iter().any(|known| known == alias) {
        return Err(Error::config(format!("Unknown configuration 'predicates.{alias}.type'")));
    }
    let own = with_prefix(connector, &format!("predicates.{alias}."));
    let class = own.get("type").cloned().unwrap_or_default();
    let range = version_range(&own, "plugin.version")?;
    let plugin = registry.plugin(PluginKind::Predicate, &class, range.as_ref())?;
    let Factory::Predicate(make) = &plugin.factory else {
        return Err(Error::fatal(format!("{class} is not a predicate")));
    };
    let mut predicate = make()?;
    predicate.configure(&own)?;
    Ok(predicate)
}
