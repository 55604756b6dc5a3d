//! The runtime's side of contexts, for the tests of this crate.

use std::sync::{Arc, Mutex, mpsc};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use milena_api::config::ConfigMap;
use milena_api::connector::{ConnectorContext, ConnectorHost};
use milena_api::metrics::PluginMetrics;
use milena_api::record::SourceMap;
use milena_api::source::{
    OffsetReader, OffsetStore, SourceTask, SourceTaskContext, SourceTaskHost, TransactionContext,
};
use milena_api::{Error, Result};

/// A host that wants control back at once, with one stored offset at most.
#[derive(Clone, Default)]
pub struct Host(Option<(SourceMap, SourceMap)>);

impl Host {
    /// A host that has stored this.
    pub fn with_offset(partition: SourceMap, offset: SourceMap) -> Self {
        Host(Some((partition, offset)))
    }

    /// A task that was started with these properties.
    pub async fn source<T: SourceTask>(&self, properties: &[(&str, &str)]) -> Result<T> {
        let mut task = T::default();
        task.initialize(SourceTaskContext::new(Arc::new(self.clone()))).await?;
        task.start(map(properties)).await?;
        Ok(task)
    }

    /// A connector's context, and the errors that are raised in it.
    pub fn connector() -> (ConnectorContext, mpsc::Receiver<Error>) {
        let (sender, errors) = mpsc::channel();
        (ConnectorContext::new(Arc::new(Errors(Mutex::new(sender)))), errors)
    }
}

/// A configuration.
pub fn map(properties: &[(&str, &str)]) -> ConfigMap {
    properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

impl OffsetStore for Host {
    fn offsets<'a>(&'a self, partitions: &'a [SourceMap]) -> BoxFuture<'a, Result<Vec<Option<SourceMap>>>> {
        let find =
            |partition: &SourceMap| self.0.as_ref().filter(|(stored, _)| stored == partition).map(|(_, o)| o.clone());
        let found = partitions.iter().map(find).collect();
        async move { Ok(found) }.boxed()
    }
}

impl SourceTaskHost for Host {
    fn configs(&self) -> ConfigMap {
        ConfigMap::new()
    }

    fn offset_reader(&self) -> OffsetReader {
        OffsetReader::new(Arc::new(self.clone()))
    }

    fn transaction_context(&self) -> Option<TransactionContext> {
        None
    }

    fn metrics(&self) -> PluginMetrics {
        PluginMetrics::discard()
    }

    fn wakeup(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

struct Errors(Mutex<mpsc::Sender<Error>>);

impl ConnectorHost for Errors {
    fn name(&self) -> &str {
        "c"
    }

    fn request_task_reconfiguration(&self) -> Result<()> {
        Ok(())
    }

    fn raise_error(&self, error: Error) {
        self.0.lock().unwrap().send(error).unwrap();
    }

    fn offset_reader(&self) -> Option<OffsetReader> {
        None
    }

    fn metrics(&self) -> PluginMetrics {
        PluginMetrics::discard()
    }
}
