//! The configuration keys of `JsonConverter`.
//!
//! Counterpart: `org.apache.kafka.connect.json.JsonConverterConfig`.

use milena_api::config::{ConfigDef, ConfigKey, ConfigMap, Importance, Type, Validator, Width};
use milena_api::converter::ConverterRole;
use milena_api::error::Result;

use super::write::DecimalFormat;
use crate::converter_type;

/// Schemas kept each way unless `schemas.cache.size` says otherwise.
pub(super) const DEFAULT_CACHE_SIZE: usize = 1000;

const SCHEMAS_ENABLE: &str = "schemas.enable";
const SCHEMAS_CACHE_SIZE: &str = "schemas.cache.size";
const SCHEMA_CONTENT: &str = "schema.content";
const DECIMAL_FORMAT: &str = "decimal.format";
const REPLACE_NULL_WITH_DEFAULT: &str = "replace.null.with.default";

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
    pub(super) fn read(config: &ConfigMap, role: ConverterRole) -> Result<Settings> {
        let config = converter_type::parse(&definition()?, config, role)?;
        let numeric = config.string(DECIMAL_FORMAT)?.eq_ignore_ascii_case("NUMERIC");
        Ok(Settings {
            schemas_enable: config.boolean(SCHEMAS_ENABLE)?,
            cache_size: usize::try_from(config.int(SCHEMAS_CACHE_SIZE)?).unwrap_or(0).max(1),
            decimal_format: if numeric { DecimalFormat::Numeric } else { DecimalFormat::Base64 },
            replace_null_with_default: config.boolean(REPLACE_NULL_WITH_DEFAULT)?,
            schema_content: config.opt_string(SCHEMA_CONTENT)?.filter(|text| !text.is_empty()).map(str::to_owned),
        })
    }
}

/// The definition of the keys.
pub(super) fn definition() -> Result<ConfigDef> {
    let schemas =
        |key: ConfigKey, order: i32| key.importance(Importance::High).group("Schemas", order).width(Width::Medium);
    let serialization =
        |key: ConfigKey, order: i32| key.importance(Importance::Low).group("Serialization", order).width(Width::Medium);
    Ok(ConfigDef::of([
        converter_type::key(),
        schemas(ConfigKey::new(SCHEMAS_ENABLE, Type::Boolean).default(true), 0)
            .display_name("Enable Schemas")
            .doc("Whether each key and value carries its schema, in an envelope with the fields schema and payload."),
        schemas(ConfigKey::new(SCHEMAS_CACHE_SIZE, Type::Int).default(DEFAULT_CACHE_SIZE), 1)
            .display_name("Schema Cache Size")
            .doc("How many schemas this converter remembers in each direction."),
        schemas(ConfigKey::new(SCHEMA_CONTENT, Type::String).default_null(), 2).display_name("Schema Content").doc(
            "The schema of all records that are read, as JSON. With it, records hold the bare payload instead of an envelope. \
             It needs schemas.enable and has no effect on writing.",
        ),
        serialization(ConfigKey::new(DECIMAL_FORMAT, Type::String).default("BASE64"), 0)
            .validator(Validator::one_of_ignoring_case(["BASE64", "NUMERIC"]))
            .display_name("Decimal Format")
            .doc("How decimals are written: BASE64 for the bytes of the unscaled number, NUMERIC for a JSON number. Both are read."),
        serialization(ConfigKey::new(REPLACE_NULL_WITH_DEFAULT, Type::Boolean).default(true), 1)
            .display_name("Replace null with default")
            .doc("Whether a null of a field with a default becomes the default, rather than staying null."),
    ])?)
}
