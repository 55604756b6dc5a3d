//! The JSON bodies, one file each, with the fields in the order of Kafka Connect.

mod active_topics;
mod config_infos;
mod connector_info;
mod connector_offsets;
mod connector_state_info;
mod create_connector_request;
mod expanded_connector;
mod logger_level;
mod message;
mod plugin_info;
mod server_info;
mod task_info;
mod worker_status;

pub use active_topics::active_topics;
pub use config_infos::{ConfigInfosBody, ConfigKeyInfoBody};
pub use connector_info::ConnectorInfoBody;
pub use connector_offsets::{ConnectorOffsetsBody, read_offsets};
pub use connector_state_info::{ConnectorStateInfoBody, TaskStateBody};
pub use create_connector_request::CreateConnectorRequest;
pub use expanded_connector::ExpandedConnector;
pub use logger_level::LoggerLevelBody;
pub use message::MessageBody;
pub use plugin_info::PluginInfoBody;
pub use server_info::ServerInfo;
pub use task_info::TaskInfoBody;
pub use worker_status::WorkerStatus;
