//! Configuration of workers and connectors.

mod client_configs;
mod override_policy;
mod providers;
mod transformer;
mod validators;
mod worker_config;
mod worker_keys;

pub use client_configs::{ClientConfigs, ClientKind, worker_admin};
pub use override_policy::OverridePolicy;
pub use providers::{ConfigData, ConfigProvider};
pub use transformer::{ConfigTransformer, Transformed};
pub use validators::split_quoted;
pub use worker_config::{RestSettings, StandaloneConfig, WorkerConfig};
pub(crate) use worker_config::{kind_of, with_prefix};
pub use worker_keys::{standalone_keys, worker_keys};
