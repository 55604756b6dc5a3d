//! `/connector-plugins`. Counterpart: …rest.resources.ConnectorPluginsResource.

use milena_api::plugin::PluginKind;

use super::{Call, Endpoint};
use crate::entities::{ConfigInfosBody, ConfigKeyInfoBody, PluginInfoBody};
use crate::json::{self, Node};
use crate::reply::{Failure, Reply};

/// Connectors, or with `connectorsOnly=false` all plug-ins.
pub fn list(endpoint: &Endpoint, call: &Call) -> Result<Reply, Failure> {
    let connectors_only = call.query.boolean("connectorsOnly", true);
    let plugins = endpoint.herder.plugins();
    let listed = plugins
        .iter()
        .filter(|plugin| !connectors_only || matches!(plugin.kind, PluginKind::Sink | PluginKind::Source))
        .map(PluginInfoBody::from);
    Reply::ok(&listed.collect::<Vec<_>>())
}

/// Definitions of a plug-in's keys.
pub async fn config(endpoint: &Endpoint, call: &Call, plugin: &str) -> Result<Reply, Failure> {
    let version = call.query.first("version");
    let keys = endpoint.complete(endpoint.herder.plugin_config(plugin, version)).await?;
    Reply::ok(&keys.iter().map(ConfigKeyInfoBody::from).collect::<Vec<_>>())
}

/// Validates a configuration for a plug-in. Failures of the validation itself come wrapped: a 500 with class and message.
pub async fn validate(endpoint: &Endpoint, call: &Call, plugin: &str) -> Result<Reply, Failure> {
    let config = match json::parse(&call.body)? {
        Some((body, raw)) => json::string_map(&Node::root(body, raw))?,
        None => None,
    };
    let config = config.ok_or_else(|| {
        Failure::internal("Cannot invoke \"java.util.Map.get(Object)\" because \"connectorConfig\" is null")
    })?;
    if let Some(Some(class)) = config.get("connector.class")
        && !normalized(class).ends_with(normalized(plugin))
    {
        return Err(Failure::bad_request(format!(
            "Included connector type {class} does not match request type {plugin}"
        )));
    }
    let validation = endpoint.herder.validate_connector_config(config);
    match tokio::time::timeout(endpoint.timeouts.request(), validation).await {
        Ok(Ok(infos)) => Reply::ok(&ConfigInfosBody::from(&infos)),
        Ok(Err(error)) => Err(Failure::internal(match error.message {
            Some(message) => format!("{}: {message}", error.class),
            None => error.class,
        })),
        Err(_) => Err(endpoint.timed_out("")),
    }
}

/// A class name without the word that aliases may leave out.
fn normalized(name: &str) -> &str {
    name.strip_suffix("Connector").filter(|rest| !rest.is_empty()).unwrap_or(name)
}
