//! Configurations of topics and brokers.

use kafka_protocol::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::{Admin, Wanted};
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;

/// What has a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceKind {
    /// A topic.
    Topic,
    /// A broker.
    Broker,
}

/// One thing that has a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigResource {
    /// What it is.
    pub kind: ResourceKind,
    /// Name of the topic, or id of the broker.
    pub name: String,
}

impl ConfigResource {
    /// A topic.
    pub fn topic(name: impl Into<String>) -> Self {
        ConfigResource { kind: ResourceKind::Topic, name: name.into() }
    }

    const fn wire(&self) -> i8 {
        match self.kind {
            ResourceKind::Topic => 2,
            ResourceKind::Broker => 4,
        }
    }

    fn target(&self) -> Wanted {
        match (self.kind, self.name.parse()) {
            (ResourceKind::Broker, Ok(id)) => Wanted::Node(id),
            _ => Wanted::Any,
        }
    }
}

/// One key of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Key.
    pub name: String,
    /// Value; `None` if it is a secret or not set.
    pub value: Option<String>,
    /// True if the broker would use this value without being told.
    pub is_default: bool,
}

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlterConfigOp {
    /// Sets a key.
    Set(String, String),
    /// Gives a key its default.
    Delete(String),
}

impl Admin {
    /// The configuration of a topic or broker.
    ///
    /// # Errors
    /// The broker's.
    pub async fn describe_configs(&self, resource: &ConfigResource) -> Result<Vec<ConfigEntry>> {
        let doing = format!("describing the configuration of {}", resource.name);
        self.until_done(&doing, || {
            let wanted = DescribeConfigsResource::default()
                .with_resource_type(resource.wire())
                .with_resource_name(StrBytes::from_string(resource.name.clone()))
                .with_configuration_keys(None);
            let request = DescribeConfigsRequest::default().with_resources(vec![wanted]);
            let doing = &doing;
            async move {
                let response = self.ask(resource.target(), move |_| request).await?;
                let found = response.results.into_iter().next();
                let found = found.ok_or_else(|| Error::protocol(doing, "the answer has no resource"))?;
                if let Some(code) = ErrorCode::from_wire(found.error_code) {
                    return Err(Error::broker(doing, code, found.error_message.map(|m| m.as_str().to_owned())));
                }
                // Source 5 is DEFAULT_CONFIG.
                let entry =
                    |config: kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult| {
                        ConfigEntry {
                            name: config.name.as_str().to_owned(),
                            value: config.value.map(|value| value.as_str().to_owned()),
                            is_default: config.config_source == 5,
                        }
                    };
                Ok(found.configs.into_iter().map(entry).collect())
            }
        })
        .await
    }

    /// Changes some keys of a configuration.
    ///
    /// # Errors
    /// The broker's.
    pub async fn incremental_alter_configs(&self, resource: &ConfigResource, changes: &[AlterConfigOp]) -> Result<()> {
        let doing = format!("altering the configuration of {}", resource.name);
        self.until_done(&doing, || {
            let change = |change: &AlterConfigOp| {
                let (name, value, operation) = match change {
                    AlterConfigOp::Set(name, value) => (name, Some(StrBytes::from_string(value.clone())), 0),
                    AlterConfigOp::Delete(name) => (name, None, 1),
                };
                AlterableConfig::default()
                    .with_name(StrBytes::from_string(name.clone()))
                    .with_value(value)
                    .with_config_operation(operation)
            };
            let wanted = AlterConfigsResource::default()
                .with_resource_type(resource.wire())
                .with_resource_name(StrBytes::from_string(resource.name.clone()))
                .with_configs(changes.iter().map(change).collect());
            let request = IncrementalAlterConfigsRequest::default().with_resources(vec![wanted]);
            let doing = &doing;
            async move {
                let response = self.ask(resource.target(), move |_| request).await?;
                for outcome in response.responses {
                    if let Some(code) = ErrorCode::from_wire(outcome.error_code) {
                        let message = outcome.error_message.map(|m| m.as_str().to_owned());
                        return Err(Error::broker(doing, code, message));
                    }
                }
                Ok(())
            }
        })
        .await
    }
}
