//! Configurations of topics and brokers.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use kafka_protocol::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::Admin;
use super::call::{controller_error_passes, refusal, unanswered};
use super::client::Wanted;
use crate::error::{Error, Result};

/// What has a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// A topic.
    Topic,
    /// A broker; the empty name is that of what holds for all.
    Broker,
    /// A group.
    Group,
}

/// One thing that has a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigResource {
    /// What it is.
    pub kind: ResourceKind,
    /// Name of the topic or group, or id of the broker.
    pub name: String,
}

impl ConfigResource {
    /// A topic.
    pub fn topic(name: impl Into<String>) -> Self {
        ConfigResource { kind: ResourceKind::Topic, name: name.into() }
    }

    /// A broker.
    pub fn broker(id: i32) -> Self {
        ConfigResource { kind: ResourceKind::Broker, name: id.to_string() }
    }

    const fn wire(&self) -> i8 {
        match self.kind {
            ResourceKind::Topic => 2,
            ResourceKind::Broker => 4,
            ResourceKind::Group => 32,
        }
    }

    fn what(&self) -> String {
        let kind = match self.kind {
            ResourceKind::Topic => "topic",
            ResourceKind::Broker => "broker",
            ResourceKind::Group => "group",
        };
        format!("{kind} {}", self.name)
    }

    fn target(&self) -> Wanted {
        match (self.kind, self.name.parse()) {
            (ResourceKind::Broker, Ok(id)) => Wanted::Node(id),
            _ => Wanted::Any,
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set for the topic.
    Topic,
    /// Set for the broker while it runs.
    DynamicBroker,
    /// Set for all brokers while they run.
    DynamicDefault,
    /// In the broker's file.
    StaticBroker,
    /// Kafka's default.
    Default,
    /// Set for the logger.
    Logger,
    /// Set for the metrics of clients.
    ClientMetrics,
    /// Set for the group.
    Group,
    /// Not known to this client.
    Unknown,
}

impl ConfigSource {
    const fn from_wire(source: i8) -> Self {
        match source {
            1 => Self::Topic,
            2 => Self::DynamicBroker,
            3 => Self::DynamicDefault,
            4 => Self::StaticBroker,
            5 => Self::Default,
            6 => Self::Logger,
            7 => Self::ClientMetrics,
            8 => Self::Group,
            _ => Self::Unknown,
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
    /// Where the value comes from.
    pub source: ConfigSource,
    /// True if brokers keep the value to themselves.
    pub is_sensitive: bool,
    /// True if it cannot be changed while the broker runs.
    pub is_read_only: bool,
}

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlterConfigOp {
    /// Sets a key.
    Set(String, String),
    /// Gives a key its default.
    Delete(String),
    /// Adds values to a key that is a list.
    Append(String, String),
    /// Takes values from a key that is a list.
    Subtract(String, String),
}

impl AlterConfigOp {
    fn wire(&self) -> AlterableConfig {
        let (name, value, operation) = match self {
            Self::Set(name, value) => (name, Some(value), 0),
            Self::Delete(name) => (name, None, 1),
            Self::Append(name, value) => (name, Some(value), 2),
            Self::Subtract(name, value) => (name, Some(value), 3),
        };
        AlterableConfig::default()
            .with_name(StrBytes::from_string(name.clone()))
            .with_value(value.map(|value| StrBytes::from_string(value.clone())))
            .with_config_operation(operation)
    }
}

fn entry(config: DescribeConfigsResourceResult) -> ConfigEntry {
    let source = ConfigSource::from_wire(config.config_source);
    ConfigEntry {
        name: config.name.as_str().to_owned(),
        value: config.value.map(|value| value.as_str().to_owned()),
        is_default: source == ConfigSource::Default,
        source,
        is_sensitive: config.is_sensitive,
        is_read_only: config.read_only,
    }
}

impl Admin {
    /// The configuration of a topic, broker or group.
    ///
    /// # Errors
    /// The broker's.
    pub async fn describe_configs(&self, resource: &ConfigResource) -> Result<Vec<ConfigEntry>> {
        let doing = format!("describing the configuration of {}", resource.what());
        self.until(&doing, controller_error_passes, || {
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
                refusal(|| doing.clone(), found.error_code, found.error_message.as_ref())?;
                Ok(found.configs.into_iter().map(entry).collect())
            }
        })
        .await
    }

    /// Configurations of several things, each with its own outcome.
    pub async fn describe_configs_of(
        &self,
        resources: &[ConfigResource],
    ) -> BTreeMap<ConfigResource, Result<Vec<ConfigEntry>>> {
        let described = resources.iter().map(|resource| async move {
            let outcome = self.describe_configs(resource).await;
            (resource.clone(), outcome)
        });
        join_all(described).await.into_iter().collect()
    }

    /// Changes some keys of a configuration.
    ///
    /// # Errors
    /// The broker's.
    pub async fn incremental_alter_configs(&self, resource: &ConfigResource, changes: &[AlterConfigOp]) -> Result<()> {
        let doing = format!("altering the configuration of {}", resource.what());
        self.until(&doing, controller_error_passes, || {
            let wanted = AlterConfigsResource::default()
                .with_resource_type(resource.wire())
                .with_resource_name(StrBytes::from_string(resource.name.clone()))
                .with_configs(changes.iter().map(AlterConfigOp::wire).collect());
            let request = IncrementalAlterConfigsRequest::default().with_resources(vec![wanted]);
            let doing = &doing;
            async move {
                let response = self.ask(resource.target(), move |_| request).await?;
                let outcomes = response.responses.into_iter();
                outcomes
                    .map(|outcome| refusal(|| doing.clone(), outcome.error_code, outcome.error_message.as_ref()))
                    .reduce(Result::and)
                    .unwrap_or_else(|| Err(unanswered(doing)))
            }
        })
        .await
    }
}
