//! What source and sink connectors have in common.
//!
//! Counterpart: `org.apache.kafka.connect.connector.{Connector, ConnectorContext}`.
//!
//! A connector lives on its worker as long as it runs there: `initialize`, `start`, then `task_configs` whenever the runtime asks
//! for them, and `stop`. The runtime makes each call off the threads that serve REST and group membership, one at a time, with a
//! deadline; a call that blocks holds up nothing but its own connector.

use std::sync::Arc;

use crate::config::ConfigMap;
use crate::data::Map;
use crate::error::{Error, Result};
use crate::metrics::PluginMetrics;
use crate::source::OffsetReader;

/// The runtime's side of [`ConnectorContext`].
pub trait ConnectorHost: Send + Sync {
    /// Name of the connector.
    fn name(&self) -> &str;
    /// Asks for `task_configs` to be called again.
    ///
    /// # Errors
    /// The connector is closed.
    fn request_task_reconfiguration(&self) -> Result<()>;
    /// Puts the connector into FAILED.
    fn raise_error(&self, error: Error);
    /// Reads stored source offsets; `None` for a sink.
    fn offset_reader(&self) -> Option<OffsetReader>;
    /// Metrics of this connector.
    fn metrics(&self) -> PluginMetrics;
}

/// What a connector may ask of the runtime. Cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct ConnectorContext(Arc<dyn ConnectorHost>);

impl ConnectorContext {
    /// A context backed by `host`.
    pub fn new(host: Arc<dyn ConnectorHost>) -> Self {
        ConnectorContext(host)
    }

    /// Name of the connector.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Tells the runtime that other task configurations are needed, e.g. because a table was added. Returns at once.
    ///
    /// # Errors
    /// The connector is closed.
    pub fn request_task_reconfiguration(&self) -> Result<()> {
        self.0.request_task_reconfiguration()
    }

    /// Reports an error found in the background: the connector becomes FAILED.
    pub fn raise_error(&self, error: Error) {
        self.0.raise_error(error);
    }

    /// Reads stored source offsets; `None` in a sink connector.
    pub fn offset_reader(&self) -> Option<OffsetReader> {
        self.0.offset_reader()
    }

    /// Metrics of this connector.
    pub fn metrics(&self) -> PluginMetrics {
        self.0.metrics()
    }
}

/// Offsets to be stored or reset, as `PATCH` and `DELETE /connectors/{name}/offsets` bring them: `None` resets that partition.
pub type OffsetChanges = Vec<(Option<Map>, Option<Map>)>;

/// What to start tasks of: all of them the same class.
pub type TaskConfigs = Vec<ConfigMap>;
