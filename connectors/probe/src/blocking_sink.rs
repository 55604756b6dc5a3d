//! `BlockingSinkConnector` and the one whose tasks block when they are initialized.

use milena_api::Result;
use milena_api::TopicPartition;
use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::connector::{ConnectorContext, TaskConfigs};
use milena_api::record::SinkRecord;
use milena_api::sink::{Offsets, SinkConnector, SinkTask, SinkTaskContext};

use crate::block::Block;
use crate::blocking_connector::VERSION;

/// The connector, which does not block: its tasks do.
#[derive(Default)]
pub struct BlockingSinkConnector {
    task_class: String,
    config: ConfigMap,
}

impl BlockingSinkConnector {
    /// A connector with tasks of this class.
    pub fn new(task_class: impl Into<String>) -> Self {
        BlockingSinkConnector { task_class: task_class.into(), ..Self::default() }
    }
}

impl SinkConnector for BlockingSinkConnector {
    type Task = BlockingSinkTask;

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
pub struct BlockingSinkTask {
    block: Block,
}

impl BlockingSinkTask {
    /// A task that blocks where `block` says, until its configuration says something else.
    pub fn new(block: Block) -> Self {
        BlockingSinkTask { block }
    }
}

impl SinkTask for BlockingSinkTask {
    fn version(&self) -> Result<String> {
        self.block.reached_thread("Task::version");
        Ok(VERSION.to_owned())
    }

    async fn initialize(&mut self, _context: SinkTaskContext) -> Result<()> {
        self.block.reached("SinkTask::initialize").await;
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        self.block.configure(&config);
        self.block.reached("Task::start").await;
        Ok(())
    }

    async fn open(&mut self, _partitions: &[TopicPartition]) -> Result<()> {
        self.block.reached("SinkTask::open").await;
        Ok(())
    }

    async fn put(&mut self, _records: &[SinkRecord]) -> Result<()> {
        self.block.reached("SinkTask::put").await;
        Ok(())
    }

    async fn flush(&mut self, _offsets: &Offsets) -> Result<()> {
        self.block.reached("SinkTask::flush").await;
        Ok(())
    }

    async fn pre_commit(&mut self, offsets: &Offsets) -> Result<Offsets> {
        self.block.reached("SinkTask::preCommit").await;
        self.flush(offsets).await?;
        Ok(offsets.clone())
    }

    async fn close(&mut self, _partitions: &[TopicPartition]) -> Result<()> {
        self.block.reached("SinkTask::close").await;
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        self.block.reached("Task::stop").await;
        Ok(())
    }
}
