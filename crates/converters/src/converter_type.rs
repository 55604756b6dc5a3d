//! What all small converters share: the key `converter.type`, and serving as converter of headers too.

use milena_api::config::{ConfigDef, ConfigKey, ConfigMap, Importance, ParsedConfig, Type, Validator};
use milena_api::converter::ConverterRole;
use milena_api::error::{Error, Result};

/// Which part of a record a converter serves; the worker sets it.
const CONVERTER_TYPE: &str = "converter.type";

/// The key `converter.type`.
pub(crate) fn key() -> ConfigKey {
    ConfigKey::new(CONVERTER_TYPE, Type::String)
        .importance(Importance::Low)
        .validator(Validator::one_of(["key", "value", "header"]))
        .doc("Which part of a record the converter is for: key, value or header. The worker sets it.")
}

/// A definition of `converter.type` alone.
pub(crate) fn definition() -> Result<ConfigDef> {
    Ok(ConfigDef::of([key()])?)
}

/// Parses a configuration as the converter of this part of a record.
pub(crate) fn parse(definition: &ConfigDef, config: &ConfigMap, role: ConverterRole) -> Result<ParsedConfig> {
    let mut config = config.clone();
    config.insert(CONVERTER_TYPE.to_owned(), role.name().to_owned());
    Ok(definition.parse(&config)?)
}

/// Kafka's `SerializationException`, as the cause of a data error.
pub(crate) fn serialization_error(why: String) -> Error {
    Error::data(why).with_class("org.apache.kafka.common.errors.SerializationException")
}

/// Implements both roles of a converter without settings: `$write` gets (self, schema, value), `$read` gets the bytes.
macro_rules! both_roles {
    ($ty:ty, |$this:ident, $schema:ident, $value:ident| $write:expr, |$bytes:ident| $read:expr) => {
        impl Converter for $ty {
            fn config(&self) -> Result<Option<milena_api::config::ConfigDef>> {
                crate::converter_type::definition().map(Some)
            }

            fn configure(&mut self, _config: &ConfigMap, _role: ConverterRole) -> Result<()> {
                Ok(())
            }

            fn from_connect_data(
                &mut self,
                _topic: &str,
                $schema: Option<&Schema>,
                $value: &Value,
            ) -> Result<Option<Bytes>> {
                let $this = self;
                $write
            }

            fn to_connect_data(&mut self, _topic: &str, $bytes: Option<Bytes>) -> Result<SchemaAndValue> {
                $read
            }
        }

        impl HeaderConverter for $ty {
            fn config(&self) -> Result<Option<milena_api::config::ConfigDef>> {
                crate::converter_type::definition().map(Some)
            }

            fn configure(&mut self, _config: &ConfigMap) -> Result<()> {
                Ok(())
            }

            fn from_connect_header(
                &mut self,
                topic: &str,
                _key: &str,
                schema: Option<&Schema>,
                value: &Value,
            ) -> Result<Option<Bytes>> {
                self.from_connect_data(topic, schema, value)
            }

            fn to_connect_header(&mut self, topic: &str, _key: &str, bytes: Option<Bytes>) -> Result<SchemaAndValue> {
                self.to_connect_data(topic, bytes)
            }
        }
    };
}

pub(crate) use both_roles;
