//! `BlockingSourceConnector` and the one whose tasks block when they are initialized.

use milena_api::Result;
use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::connector::{ConnectorContext, TaskConfigs};
use milena_api::record::{RecordMetadata, SourceRecord};
use milena_api::source::{SourceConnector, SourceTask, SourceTaskContext};

use crate::block::Block;
use crate::blocking_connector::VERSION;

/// The connector, which does not block: its tasks do.
#[derive(Default)]
pub struct BlockingSourceConnector {
    task_class: String,
    config: ConfigMap,
}

impl BlockingSourceConnector {
    /// A connector with tasks of this class.
    pub fn new(task_class: impl Into<String>) -> Self {
        BlockingSourceConnector { task_class: task_class.into(), ..Self::default() }
    }
}

impl SourceConnector for BlockingSourceConnector {
    type Task = BlockingSourceTask;

    fn version(&self) -> Result<String> {
        Ok(VERSION.to_owned())
    }

    fn config(&self) -> Result<ConfigDef> {
        Block::definition()
    }

    async fn initialize(&mut self, _context: ConnectorContext) -> Result<()> {
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        self.config = config;
        Ok(())
    }

    fn task_class(&self) -> Result<String> {
        Ok(self.task_class.clone())
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<TaskConfigs> {
        Ok(vec![self.config.clone(); max_tasks])
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The task.
#[derive(Default)]
pub struct BlockingSourceTask {
    block: Block,
    context: Option<SourceTaskContext>,
}

impl BlockingSourceTask {
    /// A task that blocks where `block` says, until its configuration says something else.
    pub fn new(block: Block) -> Self {
        BlockingSourceTask { block, ..Self::default() }
    }
}

impl SourceTask for BlockingSourceTask {
    const WANTS_COMMIT_RECORD: bool = true;

    fn version(&self) -> Result<String> {
        self.block.reached_thread("Task::version");
        Ok(VERSION.to_owned())
    }

    async fn initialize(&mut self, context: SourceTaskContext) -> Result<()> {
        self.context = Some(context);
        self.block.reached("SourceTask::initialize").await;
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        self.block.configure(&config);
        self.block.reached("Task::start").await;
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<Vec<SourceRecord>>> {
        self.block.reached("SourceTask::poll").await;
        if let Some(context) = &self.context {
            context.wakeup().await;
        }
        Ok(None)
    }

    async fn commit(&mut self) -> Result<()> {
        self.block.reached("SourceTask::commit").await;
        Ok(())
    }

    async fn commit_record(&mut self, _record: &SourceRecord, _metadata: Option<&RecordMetadata>) -> Result<()> {
        self.block.reached("SourceTask::commitRecordWithMetadata").await;
        self.block.reached("SourceTask::commitRecord").await;
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        self.block.reached("Task::stop").await;
        Ok(())
    }
}
