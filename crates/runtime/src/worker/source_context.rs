//! What a source task may ask of the worker.

use futures_util::future::BoxFuture;
use milena_api::config::ConfigMap;
use milena_api::metrics::PluginMetrics;
use milena_api::source::{OffsetReader, SourceTaskHost, TransactionContext};

use super::task::Attention;

/// The worker's side of one source task's context.
pub(super) struct SourceHost {
    pub(super) config: ConfigMap,
    pub(super) offsets: OffsetReader,
    pub(super) metrics: PluginMetrics,
    pub(super) attention: Attention,
}

impl SourceTaskHost for SourceHost {
    fn configs(&self) -> ConfigMap {
        self.config.clone()
    }

    fn offset_reader(&self) -> OffsetReader {
        self.offsets.clone()
    }

    fn transaction_context(&self) -> Option<TransactionContext> {
        // Only with exactly-once support, which standalone workers do not have.
        None
    }

    fn metrics(&self) -> PluginMetrics {
        self.metrics.clone()
    }

    fn wakeup(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.attention.requested())
    }
}
