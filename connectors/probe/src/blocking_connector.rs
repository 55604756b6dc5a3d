//! `BlockingConnector` and those whose place is fixed until they start: the connector blocks, its task does nothing.

use milena_api::Result;
use milena_api::config::{ConfigDef, ConfigInput, ConfigMap, ConfigValue};
use milena_api::connector::{ConnectorContext, TaskConfigs};
use milena_api::record::SourceRecord;
use milena_api::source::{SourceConnector, SourceTask, SourceTaskContext};

use crate::block::Block;

/// Version of all that blocks.
pub const VERSION: &str = "0.0.0";

/// The connector.
#[derive(Default)]
pub struct BlockingConnector {
    block: Block,
}

impl BlockingConnector {
    /// A connector that blocks where `block` says, until its configuration says something else.
    pub fn new(block: Block) -> Self {
        BlockingConnector { block }
    }
}

impl SourceConnector for BlockingConnector {
    type Task = IdleTask;

    fn version(&self) -> Result<String> {
        self.block.reached_thread("Connector::version");
        Ok(VERSION.to_owned())
    }

    fn config(&self) -> Result<ConfigDef> {
        self.block.reached_thread("Connector::config");
        Block::definition()
    }

    async fn validate(&self, config: &ConfigInput) -> Result<Vec<ConfigValue>> {
        self.block.reached("Connector::validate").await;
        Ok(Block::definition()?.validate(config))
    }

    async fn initialize(&mut self, _context: ConnectorContext) -> Result<()> {
        self.block.reached("Connector::initialize").await;
        Ok(())
    }

    async fn initialize_with_task_configs(&mut self, _context: ConnectorContext, _configs: &[ConfigMap]) -> Result<()> {
        self.block.reached("Connector::initializeWithTaskConfigs").await;
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        self.block.configure(&config);
        self.block.reached("Connector::start").await;
        Ok(())
    }

    async fn reconfigure(&mut self, config: ConfigMap) -> Result<()> {
        self.block.reached("Connector::reconfigure").await;
        self.stop().await?;
        self.start(config).await
    }

    fn task_class(&self) -> Result<String> {
        self.block.reached_thread("Connector::taskClass");
        Ok("org.apache.kafka.connect.integration.BlockingConnectorTest$BlockingConnector$BlockingTask".to_owned())
    }

    async fn task_configs(&mut self, _max_tasks: usize) -> Result<TaskConfigs> {
        self.block.reached("Connector::taskConfigs").await;
        Ok(vec![ConfigMap::new()])
    }

    async fn stop(&mut self) -> Result<()> {
        self.block.reached("Connector::stop").await;
        Ok(())
    }
}

/// Has nothing to give.
#[derive(Default)]
pub struct IdleTask {
    context: Option<SourceTaskContext>,
}

impl SourceTask for IdleTask {
    fn version(&self) -> Result<String> {
        Ok(VERSION.to_owned())
    }

    async fn initialize(&mut self, context: SourceTaskContext) -> Result<()> {
        self.context = Some(context);
        Ok(())
    }

    async fn start(&mut self, _config: ConfigMap) -> Result<()> {
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<Vec<SourceRecord>>> {
        if let Some(context) = &self.context {
            context.wakeup().await;
        }
        Ok(None)
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Tests, map};

    #[tokio::test]
    async fn the_configured_place_blocks_until_a_release_comes() {
        let (probe, mut tests) = Tests::connect();
        let mut connector = BlockingConnector::new(Block::nowhere(probe));
        assert_eq!(connector.version().unwrap(), VERSION);
        connector.start(map(&[("block", "Connector::taskConfigs")])).await.unwrap();
        assert_eq!(tests.next(), json!({"event": "block.armed", "block": "Connector::taskConfigs"}));
        let blocked = async move { connector.task_configs(1).await.unwrap() };
        let release = async move {
            let seen = tokio::task::spawn_blocking(move || {
                let reached = tests.next();
                tests.send(json!({"control": "release", "request": 1}));
                reached
            });
            assert_eq!(seen.await.unwrap(), json!({"event": "block.reached", "block": "Connector::taskConfigs"}));
        };
        let (configs, ()) = tokio::join!(blocked, release);
        assert_eq!(configs, [ConfigMap::new()]);
    }

    #[test]
    fn a_fixed_place_is_armed_when_the_connector_is_made_and_holds_the_thread() {
        let (probe, mut tests) = Tests::connect();
        let connector = BlockingConnector::new(Block::at(probe, "Connector::config"));
        assert_eq!(tests.next(), json!({"event": "block.armed", "block": "Connector::config"}));
        let thread = std::thread::spawn(move || connector.config().map(|definition| definition.len()));
        assert_eq!(tests.next(), json!({"event": "block.reached", "block": "Connector::config"}));
        tests.send(json!({"control": "release", "request": 1}));
        assert_eq!(thread.join().unwrap().unwrap(), 1);
    }
}
