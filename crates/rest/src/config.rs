//! `RestConfig`: the worker properties that concern the REST server, as texts.
//!
//! Counterpart: org.apache.kafka.connect.runtime.rest.RestServerConfig.

use milena_runtime::config::RestSettings;

use crate::error::{Error, Result};

/// The worker properties that concern the REST server. [`Default`] has Kafka Connect's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestConfig {
    /// `listeners`: `http://host:port`; an empty host means all interfaces, port 0 any free one.
    pub listeners: Vec<String>,
    /// `admin.listeners`: `None` serves `/admin` on the main listeners, an empty list nowhere, others there alone.
    pub admin_listeners: Option<Vec<String>>,
    /// `rest.advertised.host.name`.
    pub advertised_host: Option<String>,
    /// `rest.advertised.port`.
    pub advertised_port: Option<u16>,
    /// `rest.advertised.listener`: `http` or `https`.
    pub advertised_listener: Option<String>,
    /// `access.control.allow.origin`: regular expressions separated by commas; blank switches cross-origin answers off.
    pub allow_origin: String,
    /// `access.control.allow.methods`: blank means `GET,POST,HEAD`.
    pub allow_methods: String,
    /// `response.http.headers.config`: headers that every response gets.
    pub response_headers: String,
}

impl Default for RestConfig {
    fn default() -> Self {
        RestConfig {
            listeners: vec!["http://:8083".to_owned()],
            admin_listeners: None,
            advertised_host: None,
            advertised_port: None,
            advertised_listener: None,
            allow_origin: String::new(),
            allow_methods: String::new(),
            response_headers: String::new(),
        }
    }
}

impl TryFrom<&RestSettings> for RestConfig {
    type Error = Error;

    /// # Errors
    /// The advertised port is none, or extensions are asked for. They often are what keeps strangers out, so a worker must not
    /// start without them.
    fn try_from(settings: &RestSettings) -> Result<Self> {
        if !settings.extension_classes.is_empty() {
            return Err(Error::Config {
                key: "rest.extension.classes",
                reason: format!(
                    "{} cannot be loaded: this version has no REST extensions. Remove the property, and where it was for \
                     authentication, put a proxy before the worker",
                    settings.extension_classes.join(", ")
                ),
            });
        }
        let port = settings.advertised_port.map(|port| {
            u16::try_from(port).map_err(|_| Error::Config {
                key: "rest.advertised.port",
                reason: format!("{port} is no port; ports are between 0 and 65535"),
            })
        });
        Ok(RestConfig {
            listeners: settings.listeners.clone(),
            admin_listeners: settings.admin_listeners.clone(),
            advertised_host: settings.advertised_host.clone(),
            advertised_port: port.transpose()?,
            advertised_listener: settings.advertised_listener.clone(),
            allow_origin: settings.allow_origin.clone(),
            allow_methods: settings.allow_methods.clone(),
            response_headers: settings.response_headers.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> RestSettings {
        let RestConfig { listeners, allow_origin, allow_methods, response_headers, .. } = RestConfig::default();
        RestSettings {
            listeners,
            admin_listeners: None,
            advertised_host: None,
            advertised_port: None,
            advertised_listener: None,
            allow_origin,
            allow_methods,
            response_headers,
            extension_classes: Vec::new(),
        }
    }

    #[test]
    fn what_cannot_be_served_is_refused_by_name() {
        assert_eq!(RestConfig::try_from(&settings()).unwrap(), RestConfig::default());
        let port = RestSettings { advertised_port: Some(70_000), ..settings() };
        assert!(
            RestConfig::try_from(&port).unwrap_err().to_string().contains("`rest.advertised.port`: 70000 is no port")
        );
        let extensions = RestSettings { extension_classes: vec!["a.Basic".to_owned()], ..settings() };
        assert!(
            RestConfig::try_from(&extensions).unwrap_err().to_string().contains("`rest.extension.classes`: a.Basic")
        );
    }
}
