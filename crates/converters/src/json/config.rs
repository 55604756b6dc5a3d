//! The configuration keys of `JsonConverter`.
//!
//! Counterpart: `org.apache.kafka.connect.json.JsonConverterConfig`.

use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::error::Result;

use super::write::DecimalFormat;
use crate::settings;

/// Schemas kept each way unless `schemas.cache.size` says otherwise.
pub(super) const DEFAULT_CACHE_SIZE: usize = 1000;

/// What the keys say.
pub(super) struct Settings {
    pub(super) schemas_enable: bool,
    pub(super) cache_size: usize,
    pub(super) decimal_format: DecimalFormat,
    pub(super) replace_null_with_default: bool,
    pub(super) schema_content: Option<String>,
}

impl Settings {
    /// Reads the keys.
    pub(super) fn read(config: &ConfigMap) -> Result<Settings> {
        let format = settings::text(config, "decimal.format").unwrap_or("BASE64");
        let decimal_format = if format.eq_ignore_ascii_case("NUMERIC") {
            DecimalFormat::Numeric
        } else if format.eq_ignore_ascii_case("BASE64") {
            DecimalFormat::Base64
        } else {
            let message = "String must be one of (case insensitive): BASE64, NUMERIC";
            return Err(settings::invalid("decimal.format", format, message));
        };
        Ok(Settings {
            schemas_enable: settings::boolean(config, "schemas.enable", true)?,
            cache_size: settings::int(config, "schemas.cache.size", DEFAULT_CACHE_SIZE as i32)?.max(1) as usize,
            decimal_format,
            replace_null_with_default: settings::boolean(config, "replace.null.with.default", true)?,
            schema_content: settings::text(config, "schema.content").filter(|t| !t.is_empty()).map(str::to_owned),
        })
    }
}

/// The definition of the keys.
pub(super) fn definition() -> Result<ConfigDef> {
    Ok(ConfigDef::new())
}
