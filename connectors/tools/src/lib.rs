//! Kafka's own tool connectors: those that its system tests drive a worker with.
//!
//! | module | holds |
//! |---|---|
//! | `verifiable_source`, `verifiable_sink` | numbered records, each reported on standard output as one line of JSON |
//! | `mock`, `mock_source`, `mock_sink` | connectors that fail on purpose, after a while |
//! | `schema_source` | structs of a fixed schema, in one or two versions |
//! | `settings`, `report`, `pace` | what they share: properties, standard output, records per second |
//!
//! Counterpart: `org.apache.kafka.connect.tools`.

mod mock;
mod mock_sink;
mod mock_source;
mod pace;
mod report;
mod schema_source;
mod settings;
#[cfg(test)]
mod testing;
mod verifiable_sink;
mod verifiable_source;

pub use mock_sink::{MockSinkConnector, MockSinkTask};
pub use mock_source::{MockSourceConnector, MockSourceTask};
pub use schema_source::{SchemaSourceConnector, SchemaSourceTask};
pub use verifiable_sink::{VerifiableSinkConnector, VerifiableSinkTask};
pub use verifiable_source::{VerifiableSourceConnector, VerifiableSourceTask};

use milena_api::plugin::Plugin;

/// The connectors of this crate.
pub fn plugins() -> Vec<Plugin> {
    vec![
        Plugin::sink::<MockSinkConnector>("org.apache.kafka.connect.tools.MockSinkConnector"),
        Plugin::source::<MockSourceConnector>("org.apache.kafka.connect.tools.MockSourceConnector"),
        Plugin::source::<SchemaSourceConnector>("org.apache.kafka.connect.tools.SchemaSourceConnector"),
        Plugin::sink::<VerifiableSinkConnector>("org.apache.kafka.connect.tools.VerifiableSinkConnector"),
        Plugin::source::<VerifiableSourceConnector>("org.apache.kafka.connect.tools.VerifiableSourceConnector"),
    ]
}
