//! Definitions of a plug-in's keys, for `GET /connector-plugins/{plugin}/config`.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.AbstractHerder.connectorPluginConfig`.

use indexmap::IndexMap;
use milena_api::Error;
use milena_api::config::{ConfigDef, ConfigKeyInfo};
use milena_api::plugin::{Factory, Plugin, PluginKind};

use super::connector::ConnectorValidator;
use crate::config::{Defaults, Side, connector_keys};
use crate::herder::{HerderResult, RequestError};
use crate::plugins::{CONNECTORS, VersionRange};

impl ConnectorValidator {
    /// The keys of a plug-in of any kind: its own, then for a connector those that every connector has. Calls the plug-in: see
    /// [`ConnectorValidator::validate`].
    ///
    /// # Errors
    /// 404 for an unknown plug-in, 400 for one of another kind or a version that is not there.
    pub fn plugin_config(&self, name: &str, version: Option<&str>) -> HerderResult<Vec<ConfigKeyInfo>> {
        const ALL: [PluginKind; 6] = [
            PluginKind::Sink,
            PluginKind::Source,
            PluginKind::Transformation,
            PluginKind::Predicate,
            PluginKind::Converter,
            PluginKind::HeaderConverter,
        ];
        let range = VersionRange::required(version).map_err(|_| {
            RequestError::bad_request(format!("Invalid version specification: {}", version.unwrap_or_default()))
        })?;
        let found = self.registry.any(name, range.as_ref());
        let Some(plugin) = found.map_err(|error| RequestError::bad_request(error.to_string()))? else {
            if self.registry.load_class(name).is_some() {
                return Err(RequestError::bad_request(format!(
                    "Invalid plugin class {name}. Valid types are sink, source, converter, header_converter, transformation, \
                     predicate."
                )));
            }
            let hint = self.registry.hint(&ALL, name);
            let hint = hint.strip_prefix('.').unwrap_or_default();
            return Err(RequestError::not_found(format!("Unknown plugin {name}.{hint}")));
        };
        let mut infos: IndexMap<String, ConfigKeyInfo> = IndexMap::new();
        for info in own_keys(plugin)?.infos() {
            infos.insert(info.name.clone(), info);
        }
        if let Some(side) = Side::of(plugin.kind()) {
            let defaults = Defaults {
                connector_version: self.registry.versions(CONNECTORS, &plugin.class).pop(),
                ..Defaults::default()
            };
            for info in connector_keys(side, None, &defaults).map_err(Error::from)?.infos() {
                infos.entry(info.name.clone()).or_insert(info);
            }
        }
        Ok(infos.into_values().collect())
    }
}

fn own_keys(plugin: &Plugin) -> Result<ConfigDef, Error> {
    match &plugin.factory {
        Factory::Sink { connector, .. } => connector()?.config(),
        Factory::Source { connector, .. } => connector()?.config(),
        Factory::Transformation(make) => make()?.config(),
        Factory::Predicate(make) => make()?.config(),
        Factory::Converter(make) => Ok(make()?.config()?.unwrap_or_default()),
        Factory::HeaderConverter(make) => Ok(make()?.config()?.unwrap_or_default()),
    }
}
