//! The runtime's side of a task's contexts, for the tests of this crate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use milena_api::config::ConfigMap;
use milena_api::data::{Map, Value};
use milena_api::metrics::PluginMetrics;
use milena_api::record::{ConnectRecord, SinkRecord, SourceMap, SourceRecord, TimestampType};
use milena_api::source::{
    OffsetReader, OffsetStore, SourceTask, SourceTaskContext, SourceTaskHost, TransactionContext,
};
use milena_api::{Error, Result};
use tokio::sync::Notify;

/// A host that remembers offsets and wakes the task when told to.
#[derive(Default)]
pub struct Host {
    offsets: Mutex<HashMap<SourceMap, SourceMap>>,
    wake: Notify,
}

impl Host {
    /// Has the task's wait end.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Stores the offset that a record came with.
    pub fn store(&self, record: &SourceRecord) {
        let (Some(partition), Some(offset)) = (&record.source_partition, &record.source_offset) else { return };
        self.offsets.lock().unwrap().insert((**partition).clone(), (**offset).clone());
    }

    /// Stores a position for a file.
    pub fn store_position(&self, filename: &str, position: impl Into<Value>) {
        let partition: Map = [("filename".into(), filename.into())].into_iter().collect();
        self.offsets.lock().unwrap().insert(partition, [("position".into(), position.into())].into_iter().collect());
    }

    /// A task that was started with these properties.
    pub async fn start<T: SourceTask>(self: &Arc<Self>, properties: &[(&str, &str)]) -> Result<T> {
        let mut task = T::default();
        task.initialize(SourceTaskContext::new(Arc::clone(self) as Arc<dyn SourceTaskHost>)).await?;
        task.start(map(properties)).await?;
        Ok(task)
    }
}

/// A configuration.
pub fn map(properties: &[(&str, &str)]) -> ConfigMap {
    properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A record with this value, at some place in Kafka.
pub fn sink_record(value: impl Into<Value>) -> SinkRecord {
    SinkRecord::new(ConnectRecord::new("t", None, value.into()), 0, 0, TimestampType::CreateTime)
}

struct Offsets(Arc<Host>);

impl OffsetStore for Offsets {
    fn offsets<'a>(&'a self, partitions: &'a [SourceMap]) -> BoxFuture<'a, Result<Vec<Option<SourceMap>>>> {
        let stored = self.0.offsets.lock().map_err(|_| Error::fatal("poisoned"));
        let found = stored.map(|stored| partitions.iter().map(|partition| stored.get(partition).cloned()).collect());
        async move { found }.boxed()
    }
}

impl SourceTaskHost for Host {
    fn configs(&self) -> ConfigMap {
        ConfigMap::new()
    }

    fn offset_reader(&self) -> OffsetReader {
        let stored = Host { offsets: Mutex::new(self.offsets.lock().unwrap().clone()), wake: Notify::new() };
        OffsetReader::new(Arc::new(Offsets(Arc::new(stored))))
    }

    fn transaction_context(&self) -> Option<TransactionContext> {
        None
    }

    fn metrics(&self) -> PluginMetrics {
        PluginMetrics::discard()
    }

    fn wakeup(&self) -> BoxFuture<'_, ()> {
        self.wake.notified().boxed()
    }
}
