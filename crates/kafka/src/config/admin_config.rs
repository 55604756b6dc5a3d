//! Configuration of [`Admin`](crate::admin::Admin).
//!
//! Counterpart: org.apache.kafka.clients.admin.AdminClientConfig.

use std::time::Duration;

use super::admin_keys::ADMIN_KEYS;
use super::client_config::ClientConfig;
use super::values::Values;
use super::{Properties, keys};
use crate::error::Result;
use crate::metrics::ClientKind;

/// Checked configuration of an admin client.
#[derive(Debug, Clone)]
pub struct AdminConfig {
    pub(crate) client: ClientConfig,
    pub(crate) api_timeout: Duration,
    pub(crate) retries: u32,
}

impl AdminConfig {
    /// Checks properties by Java's names.
    ///
    /// # Errors
    /// The first property that cannot be used, by name.
    pub fn from_properties(properties: &Properties) -> Result<Self> {
        let values = Values::check("admin", Self::keys(), properties)?;
        if values.list("bootstrap.servers").is_empty() {
            let reason = "You must set either bootstrap.servers or bootstrap.controllers; only the former is supported";
            return values.refuse("bootstrap.servers", reason);
        }
        let client = ClientConfig::from_values(ClientKind::Admin, &values)?;
        let mut api_timeout = values.millis("default.api.timeout.ms");
        if api_timeout < client.request_timeout {
            if values.is_given("default.api.timeout.ms") {
                let reason = "The specified value of default.api.timeout.ms must be no smaller than the value of request.timeout.ms.";
                return values.refuse("default.api.timeout.ms", reason);
            }
            api_timeout = client.request_timeout;
        }
        Ok(Self { client, api_timeout, retries: u32::try_from(values.int("retries")).unwrap_or(0) })
    }

    /// Every property of an admin client.
    pub fn keys() -> &'static [keys::ClientConfigKey] {
        ADMIN_KEYS
    }
}
