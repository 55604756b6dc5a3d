//! Metrics that a plug-in adds to the worker's (KIP-877).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Reads a gauge; called when metrics are read, must not block.
pub type Gauge = Arc<dyn Fn() -> MetricValue + Send + Sync>;

/// What a gauge reads.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricValue {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

/// The runtime's side of [`PluginMetrics`].
pub trait MetricsHost: Send + Sync {
    /// Registers a gauge under the plug-in's own tags; an old one of the same name is replaced.
    fn register(&self, name: &str, description: &str, tags: &[(String, String)], gauge: Gauge);
    /// Removes a gauge.
    fn remove(&self, name: &str);
}

/// Handle on the metrics of one plug-in instance; the runtime removes them when the plug-in closes.
#[derive(Clone)]
pub struct PluginMetrics(Option<Arc<dyn MetricsHost>>);

impl PluginMetrics {
    /// Metrics that go to `host`.
    pub fn new(host: Arc<dyn MetricsHost>) -> Self {
        PluginMetrics(Some(host))
    }

    /// Metrics that nobody reads, for tests and for tools.
    pub const fn discard() -> Self {
        PluginMetrics(None)
    }

    /// Registers a gauge.
    pub fn gauge(&self, name: &str, description: &str, read: impl Fn() -> MetricValue + Send + Sync + 'static) {
        if let Some(host) = &self.0 {
            host.register(name, description, &[], Arc::new(read));
        }
    }

    /// Registers a counter and gives the handle to count with.
    pub fn counter(&self, name: &str, description: &str) -> Counter {
        let counter = Counter::default();
        let seen = counter.clone();
        self.gauge(name, description, move || MetricValue::Number(seen.get() as f64));
        counter
    }
}

/// A number that only grows. Add once per batch, not per record.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The sum so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
