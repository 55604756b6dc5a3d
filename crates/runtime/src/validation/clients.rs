//! Validation of the settings of Kafka clients that a connector overrides.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.AbstractHerder.validateClientOverrides`.

use milena_api::Error;
use milena_api::config::{ConfigInput, ConfigKeyInfo, ConfigValue, Parsed, Type, parse_type};
use milena_kafka::config::{ClientConfigKey, DefaultValue, Type as ClientType};

use super::connector::text;
use super::converters::prefixed;
use super::infos::ConfigInfos;
use crate::config::{ClientKind, OverridePolicy, Side};

/// The clients that a connector uses in standalone mode, in the order in which they are checked.
pub(super) fn clients_used(side: Side, config: &ConfigInput) -> Vec<ClientKind> {
    let dead_letters = text(config, "errors.deadletterqueue.topic.name").is_some_and(|topic| !topic.trim().is_empty());
    let creates_topics = config.keys().any(|key| key.starts_with("topic.creation."));
    match side {
        Side::Source if creates_topics => vec![ClientKind::Producer, ClientKind::Admin],
        Side::Source => vec![ClientKind::Producer],
        Side::Sink if dead_letters => vec![ClientKind::Producer, ClientKind::Admin, ClientKind::Consumer],
        Side::Sink => vec![ClientKind::Consumer],
    }
}

/// The overrides of one client.
///
/// # Errors
/// A value that is not of the type of its key, which ends the request, as it does in Java.
pub(super) fn client_overrides(
    client: ClientKind,
    config: &ConfigInput,
    policy: &OverridePolicy,
) -> Result<ConfigInfos, Error> {
    let prefix = client.override_prefix();
    let known = |name: &str| client.keys().iter().find(|key| key.name == name);
    // The clients are Kafka's own: no other class can be plugged into them.
    let classes = |name: &str| name.starts_with("org.apache.kafka.").then(|| name.to_owned());
    let mut values = Vec::new();
    for (key, given) in config {
        let Some(name) = key.strip_prefix(prefix) else { continue };
        let mut value = ConfigValue::new(name);
        value.value = match known(name) {
            Some(key) => parse_type(name, given.as_deref(), config_type(key.kind), Some(&classes))?,
            None => given.clone().map_or(Parsed::Null, Parsed::String),
        };
        if let Some(refusal) = policy.refusal(name) {
            value.add_error(refusal);
        }
        values.push(value);
    }
    Ok(prefixed(prefix, values, |name| known(name).map(info)))
}

fn config_type(ty: ClientType) -> Type {
    match ty {
        ClientType::Boolean => Type::Boolean,
        ClientType::Class => Type::Class,
        ClientType::Double => Type::Double,
        ClientType::Int => Type::Int,
        ClientType::List => Type::List,
        ClientType::Long => Type::Long,
        ClientType::Password => Type::Password,
        ClientType::Short => Type::Short,
        ClientType::String => Type::String,
    }
}

fn info(key: &ClientConfigKey) -> ConfigKeyInfo {
    let (required, default_value) = match key.default {
        DefaultValue::Required => (true, None),
        DefaultValue::Null => (false, None),
        DefaultValue::Value(text) => (false, Some(text.to_owned())),
    };
    ConfigKeyInfo {
        name: key.name.to_owned(),
        ty: config_type(key.kind).name(),
        required,
        default_value,
        importance: key.importance.name(),
        documentation: key.doc().to_owned(),
        group: None,
        order_in_group: -1,
        width: "NONE",
        display_name: key.name.to_owned(),
        dependents: Vec::new(),
    }
}
