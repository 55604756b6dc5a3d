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
        values.refuse_java_classes(&[("metric.reporters", ".JmxReporter")])?;
        if !values.list("bootstrap.controllers").is_empty() {
            return values.refuse(
                "bootstrap.controllers",
                "asking controllers directly is not supported; use bootstrap.servers",
            );
        }
        Ok(Self {
            client: ClientConfig::from_values(ClientKind::Admin, &values)?,
            api_timeout: values.millis("default.api.timeout.ms"),
            retries: u32::try_from(values.int("retries")).unwrap_or(0),
        })
    }

    /// Every property of an admin client.
    pub fn keys() -> &'static [keys::ClientConfigKey] {
        ADMIN_KEYS
    }
}
