//! Configuration of clients, by Java's property names.

mod admin_config;
mod admin_keys;
mod client_config;
mod consumer_config;
mod consumer_keys;
mod docs;
mod jaas;
mod keys;
mod producer_config;
mod producer_keys;
mod security_config;
mod values;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;

pub use admin_config::AdminConfig;
pub use admin_keys::ADMIN_KEYS;
pub(crate) use client_config::{Backoff, ClientConfig, RecoveryStrategy};
pub(crate) use consumer_config::{Assignor, OffsetReset};
pub use consumer_config::{ConsumerConfig, IsolationLevel};
pub use consumer_keys::CONSUMER_KEYS;
pub use docs::Support;
pub use keys::{Check, ClientConfigKey, DefaultValue, Importance, Type};
pub use producer_config::ProducerConfig;
pub(crate) use producer_config::{Acks, Partitioner};
pub use producer_keys::PRODUCER_KEYS;

/// Java client properties: name to text, in the order given.
pub type Properties = indexmap::IndexMap<String, String>;
