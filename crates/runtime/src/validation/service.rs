//! `Validator`: validation as the herder calls it, off its own threads.

use std::sync::Arc;

use milena_api::config::{ConfigInput, ConfigKeyInfo};

use super::connector::ConnectorValidator;
use super::infos::ConfigInfos;
use crate::config::WorkerConfig;
use crate::herder::{HerderResult, RequestError};
use crate::logging::LogContext;
use crate::plugins::PluginRegistry;
use crate::stage::Stages;
use crate::tasks::{CallError, Spawner};

/// Validates configurations on threads where plug-ins may block.
pub struct Validator {
    connectors: ConnectorValidator,
    spawner: Spawner,
}

impl Validator {
    /// A validator for a worker with these settings and plug-ins.
    pub fn new(registry: Arc<PluginRegistry>, worker: Arc<WorkerConfig>, spawner: Spawner) -> Self {
        Validator { connectors: ConnectorValidator::new(registry, worker), spawner }
    }

    /// The plug-ins.
    pub fn registry(&self) -> &Arc<PluginRegistry> {
        &self.connectors.registry
    }

    /// Validates a connector's configuration. Findings are in the answer.
    ///
    /// # Errors
    /// Validation itself was impossible: no class, an unknown one, a plug-in that fails or panics.
    ///
    /// # Cancel safety
    /// A plug-in that is being asked goes on; its answer is dropped. `stages` keeps what it is being asked for.
    pub async fn validate(&self, config: ConfigInput, stages: &Stages) -> HerderResult<ConfigInfos> {
        let waiting = stages.enter("waiting for a new thread to become available for connector validation");
        let (validator, own) = (self.connectors.clone(), stages.clone());
        let log = LogContext::worker();
        let validated = self.spawner.call(&log, None, move |runtime| {
            drop(waiting);
            runtime.block_on(validator.validate(config, &own))
        });
        validated.await.map_err(call_error)?
    }

    /// Definitions of the keys of a plug-in.
    ///
    /// # Errors
    /// As [`ConnectorValidator::plugin_config`], or the plug-in panics.
    pub async fn plugin_config(&self, name: &str, version: Option<&str>) -> HerderResult<Vec<ConfigKeyInfo>> {
        let (validator, name, version) = (self.connectors.clone(), name.to_owned(), version.map(str::to_owned));
        let log = LogContext::worker();
        let asked = self.spawner.call(&log, None, move |_| validator.plugin_config(&name, version.as_deref()));
        asked.await.map_err(call_error)?
    }
}

fn call_error(error: CallError) -> RequestError {
    match error {
        CallError::TimedOut => RequestError::internal("the plug-in did not answer in time"),
        CallError::Panicked(text) => RequestError::internal(format!("the plug-in panicked: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StandaloneConfig;
    use crate::plugins::test_plugins::registry;
    use milena_api::config::ConfigMap;

    #[tokio::test]
    async fn a_validation_runs_to_its_end_and_leaves_its_last_stage() {
        let own = [
            ("bootstrap.servers", "a:1"),
            ("key.converter", "Bytes"),
            ("value.converter", "Bytes"),
            ("header.converter", "Heads"),
            ("offset.storage.file.filename", "/tmp/o"),
        ];
        let properties: ConfigMap = own.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let registry = Arc::new(registry());
        let worker = Arc::new(StandaloneConfig::parse(&properties, &registry).unwrap().worker);
        let validator = Validator::new(registry, worker, Spawner::current());
        let stages = Stages::default();
        let config = ConfigInput::from_iter([("connector.class".to_owned(), Some("TestSource".to_owned()))]);
        assert_eq!(validator.validate(config, &stages).await.unwrap().error_count, 2);
        let last = stages.current().unwrap();
        assert_eq!(last.description, "performing multi-property validation for the connector");
        assert!(last.completed.is_some());
        assert_eq!(validator.plugin_config("Gone", None).await.unwrap_err().status, 404);
    }
}
