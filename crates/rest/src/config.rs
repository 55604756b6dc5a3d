//! `RestConfig`: the worker properties that concern the REST server, as texts.
//!
//! Counterpart: org.apache.kafka.connect.runtime.rest.RestServerConfig.

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
