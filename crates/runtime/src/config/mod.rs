//! Configuration of workers and connectors.

mod client_configs;
mod connector_config;
mod connector_keys;
mod distributed_keys;
mod enrichment;
mod override_policy;
mod providers;
mod topic_creation_groups;
mod transformer;
mod validators;
mod worker_config;
mod worker_keys;

pub use client_configs::{ClientConfigs, ClientKind, worker_admin};
pub(crate) use connector_config::sink_topics;
pub use connector_config::{ConnectorConfig, DeadLetterQueueConfig, SinkTopics};
pub use connector_keys::{ConverterDefault, Defaults, Side, common_keys, connector_keys};
pub use distributed_keys::distributed_keys;
pub use enrichment::{BrokenAlias, with_aliases};
pub use override_policy::OverridePolicy;
pub use providers::{ConfigData, ConfigProvider};
pub use topic_creation_groups::{TopicCreationGroup, TopicCreationGroups};
pub use transformer::{ConfigTransformer, Transformed};
pub use validators::split_quoted;
pub use worker_config::{RestSettings, StandaloneConfig, WorkerConfig};
pub(crate) use worker_config::{kind_of, with_prefix};
pub use worker_keys::{standalone_keys, worker_keys};
