//! DescribeConfigs, AlterConfigs, IncrementalAlterConfigs.

use super::Context;
use super::wire::{outcome, text};
use crate::config::DevBrokerConfig;
use crate::topic_configs::{self, ConfigKey, ConfigType, Configs};
use crate::topics::Refused;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::incremental_alter_configs_request::AlterableConfig;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as IncrementalResponse;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;

const FROM_TOPIC: i8 = 1;
const FROM_STATIC: i8 = 4;
const FROM_DEFAULT: i8 = 5;

/// A topic configuration with its value in force.
pub(super) struct Described {
    pub value: String,
    pub source: i8,
}

/// Value and source of a topic configuration.
pub(super) fn described(key: &ConfigKey, set: &Configs, broker: &DevBrokerConfig) -> Described {
    match set.get(key.name) {
        Some(value) => Described { value: value.clone(), source: FROM_TOPIC },
        None => Described { value: topic_configs::default_of(key, broker), source: FROM_DEFAULT },
    }
}

pub(super) fn describe(cx: &Context<'_>, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let results = request
        .resources
        .iter()
        .map(|resource| {
            let result = DescribeConfigsResult::default()
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone());
            match resource_configs(cx, resource, request.include_synonyms) {
                Ok(mut configs) => {
                    if let Some(keys) = &resource.configuration_keys {
                        configs.retain(|config| keys.contains(&config.name));
                    }
                    result.with_error_message(Some(text(""))).with_configs(configs)
                }
                Err((error, message)) => result.with_error_code(error.code()).with_error_message(Some(text(message))),
            }
        })
        .collect();
    DescribeConfigsResponse::default().with_results(results)
}

fn resource_configs(
    cx: &Context<'_>,
    resource: &DescribeConfigsResource,
    synonyms: bool,
) -> Result<Vec<DescribeConfigsResourceResult>, Refused> {
    match resource.resource_type {
        TOPIC => {
            let set = topic_configs_of(cx, &resource.resource_name)?;
            Ok(topic_configs::KEYS.iter().map(|key| topic_config(key, &set, &cx.shared.config, synonyms)).collect())
        }
        BROKER => {
            let name = resource.resource_name.as_str();
            let node = cx.node();
            if !name.is_empty() && name != node.to_string() {
                let message = format!("Unexpected broker id, expected {node} or empty string, but received {name}");
                return Err((ResponseError::InvalidRequest, message));
            }
            Ok(if name.is_empty() { Vec::new() } else { broker_configs(cx) })
        }
        BROKER_LOGGER => Ok(Vec::new()),
        other => Err((ResponseError::InvalidRequest, format!("Unsupported resource type: {other}"))),
    }
}

fn topic_config(
    key: &ConfigKey,
    set: &Configs,
    broker: &DevBrokerConfig,
    synonyms: bool,
) -> DescribeConfigsResourceResult {
    let entry = described(key, set, broker);
    let mut result = DescribeConfigsResourceResult::default()
        .with_name(text(key.name))
        .with_value(Some(text(&entry.value)))
        .with_config_source(entry.source)
        .with_config_type(key.kind as i8);
    if synonyms {
        let synonym = |name: &str, value: String, source| {
            DescribeConfigsSynonym::default().with_name(text(name)).with_value(Some(text(value))).with_source(source)
        };
        if entry.source == FROM_TOPIC {
            result.synonyms.push(synonym(key.name, entry.value, FROM_TOPIC));
        }
        if !key.broker_name.is_empty() {
            result.synonyms.push(synonym(key.broker_name, topic_configs::default_of(key, broker), FROM_DEFAULT));
        }
    }
    result
}

/// The few broker settings that this broker has; they are fixed at start.
fn broker_configs(cx: &Context<'_>) -> Vec<DescribeConfigsResourceResult> {
    let config = &cx.shared.config;
    let entry = |name: &str, value: String, kind: ConfigType| {
        DescribeConfigsResourceResult::default()
            .with_name(text(name))
            .with_value(Some(text(value)))
            .with_read_only(true)
            .with_config_source(FROM_STATIC)
            .with_config_type(kind as i8)
    };
    vec![
        entry("auto.create.topics.enable", config.auto_create_topics.to_string(), ConfigType::Boolean),
        entry("broker.id", cx.node().to_string(), ConfigType::Int),
        entry("default.replication.factor", cx.shared.cluster.default_replicas().to_string(), ConfigType::Int),
        entry("log.cleanup.policy", "delete".into(), ConfigType::List),
        entry("log.retention.bytes", config.retention_bytes.to_string(), ConfigType::Long),
        entry("log.retention.ms", config.retention_ms.to_string(), ConfigType::Long),
        entry("message.max.bytes", config.max_message_bytes.to_string(), ConfigType::Int),
        entry("min.insync.replicas", "1".into(), ConfigType::Int),
        entry("node.id", cx.node().to_string(), ConfigType::Int),
        entry("num.partitions", config.default_partitions.to_string(), ConfigType::Int),
    ]
}

fn topic_configs_of(cx: &Context<'_>, name: &str) -> Result<Configs, Refused> {
    match cx.shared.topics.by_name(name) {
        Some(topic) => Ok(topic.configs()),
        None => Err((ResponseError::UnknownTopicOrPartition, "This server does not host this topic-partition.".into())),
    }
}

pub(super) fn alter(cx: &Context<'_>, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let responses = request
        .resources
        .iter()
        .map(|resource| {
            let mut configs = Configs::new();
            let values = resource.configs.iter().try_for_each(|config| match &config.value {
                Some(value) => {
                    configs.insert(config.name.to_string(), value.to_string());
                    Ok(())
                }
                None => Err((
                    ResponseError::InvalidRequest,
                    format!("Null value not supported for : {}", config.name.as_str()),
                )),
            });
            let replaced = values.and_then(|()| {
                replace(cx, resource.resource_type, &resource.resource_name, request.validate_only, |_| Ok(configs))
            });
            let (code, message) = outcome(replaced);
            AlterConfigsResourceResponse::default()
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone())
                .with_error_code(code)
                .with_error_message(message)
        })
        .collect();
    AlterConfigsResponse::default().with_responses(responses)
}

pub(super) fn alter_incrementally(
    cx: &Context<'_>,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let responses = request
        .resources
        .iter()
        .map(|resource| {
            let change = |mut configs: Configs| {
                resource.configs.iter().try_for_each(|config| apply(cx, &mut configs, config))?;
                Ok(configs)
            };
            let changed = replace(cx, resource.resource_type, &resource.resource_name, request.validate_only, change);
            let (code, message) = outcome(changed);
            IncrementalResponse::default()
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone())
                .with_error_code(code)
                .with_error_message(message)
        })
        .collect();
    IncrementalAlterConfigsResponse::default().with_responses(responses)
}

fn replace(
    cx: &Context<'_>,
    resource_type: i8,
    name: &str,
    validate_only: bool,
    change: impl FnOnce(Configs) -> Result<Configs, Refused>,
) -> Result<(), Refused> {
    if resource_type != TOPIC {
        let message = "the development broker's own settings are fixed at start; only topics can be altered";
        return Err((ResponseError::InvalidRequest, message.into()));
    }
    let missing = "The topic does not exist.";
    let topic = cx.shared.topics.by_name(name).ok_or((ResponseError::UnknownTopicOrPartition, missing.to_owned()))?;
    let configs = change(topic.configs())?;
    topic_configs::check_all(&configs).map_err(|reason| (ResponseError::InvalidConfig, reason))?;
    if validate_only { Ok(()) } else { cx.shared.topics.configure(&topic, configs) }
}

fn apply(cx: &Context<'_>, configs: &mut Configs, change: &AlterableConfig) -> Result<(), Refused> {
    const SET: i8 = 0;
    const DELETE: i8 = 1;
    const APPEND: i8 = 2;
    const SUBTRACT: i8 = 3;
    let name = change.name.as_str();
    if change.config_operation == DELETE {
        configs.remove(name);
        return Ok(());
    }
    let Some(value) = &change.value else {
        let message = format!("Null value not supported for : {name}");
        return Err((ResponseError::InvalidRequest, message));
    };
    match change.config_operation {
        SET => {
            configs.insert(name.to_owned(), value.to_string());
        }
        APPEND | SUBTRACT if !topic_configs::is_list(name) => {
            let verb = if change.config_operation == APPEND { "append to" } else { "subtract from" };
            let message = format!("Can't {verb} key {name} because its type is not LIST.");
            return Err((ResponseError::InvalidConfig, message));
        }
        APPEND | SUBTRACT => {
            let inherited = topic_configs::find(name).map(|key| described(key, configs, &cx.shared.config).value);
            let inherited = inherited.unwrap_or_default();
            let mut items: Vec<&str> = topic_configs::list(&inherited).collect();
            for item in topic_configs::list(value) {
                items.retain(|other| *other != item);
                if change.config_operation == APPEND {
                    items.push(item);
                }
            }
            configs.insert(name.to_owned(), items.join(","));
        }
        other => return Err((ResponseError::InvalidRequest, format!("Unknown operation type {other}"))),
    }
    Ok(())
}
