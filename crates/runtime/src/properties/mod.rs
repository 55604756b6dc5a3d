//! Files that configure a worker and its connectors.
//!
//! Counterpart: `java.util.Properties`, and the connector files of `org.apache.kafka.connect.cli.ConnectStandalone`.

mod connector_file;
mod parser;

pub use connector_file::{ConnectorFile, ConnectorFileError, read_connector_file};
pub use parser::{Encoding, PropertiesError, parse_properties, read_properties};
