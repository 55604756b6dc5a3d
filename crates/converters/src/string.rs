//! `StringConverter`: any value as its text, any bytes as a text.
//!
//! Counterpart: `org.apache.kafka.connect.storage.StringConverter`.

use bytes::Bytes;
use milena_api::config::{ConfigDef, ConfigKey, ConfigMap, Importance, Type, Width};
use milena_api::converter::{Converter, ConverterRole, HeaderConverter};
use milena_api::data::{Schema, SchemaAndValue, Value};
use milena_api::error::Result;

use crate::charset::Charset;
use crate::converter_type;
use crate::output::Output;

const ENCODING: &str = "converter.encoding";

/// Texts in one encoding. With UTF-8, texts pass in both directions without a copy.
#[derive(Default)]
pub struct StringConverter {
    encode: Charset,
    decode: Charset,
    output: Output,
}

impl StringConverter {
    fn set(&mut self, config: &ConfigMap, role: ConverterRole) -> Result<()> {
        let parsed = converter_type::parse(&definition()?, config, role)?;
        let general = parsed.string(ENCODING)?;
        let part = if role == ConverterRole::Key { "key" } else { "value" };
        // Keys of Kafka's own serializers, which win where they are set.
        let own = |what: &str| config.get(&format!("{part}.{what}.encoding")).map_or(general, String::as_str);
        self.encode = Charset::named(own("serializer"))?;
        self.decode = Charset::named(own("deserializer"))?;
        Ok(())
    }

    fn write(&mut self, value: &Value) -> Result<Option<Bytes>> {
        use std::io::Write as _;
        match value {
            Value::Null => Ok(None),
            Value::Str(text) if self.encode == Charset::Utf8 => Ok(Some(text.to_bytes())),
            other if self.encode == Charset::Utf8 => {
                let written = self.output.collect(|out| {
                    write!(out, "{other}")
                        .map_err(|e| milena_api::Error::data("Failed to serialize to a string: ").with_source(e))
                });
                written.map(Some)
            }
            other => Ok(Some(self.encode.encode(&other.to_string()))),
        }
    }

    fn read_as_text(&self, bytes: Option<Bytes>) -> SchemaAndValue {
        let value = match bytes {
            Some(bytes) => Value::Str(self.decode.decode(bytes)),
            None => Value::Null,
        };
        SchemaAndValue { schema: Some(Schema::optional_string()), value }
    }
}

/// The definition of the keys.
fn definition() -> Result<ConfigDef> {
    Ok(ConfigDef::of([
        converter_type::key(),
        ConfigKey::new(ENCODING, Type::String)
            .default("UTF-8")
            .importance(Importance::High)
            .width(Width::Medium)
            .display_name("Encoding")
            .doc("Name of the character encoding of texts."),
    ])?)
}

impl Converter for StringConverter {
    fn config(&self) -> Result<Option<ConfigDef>> {
        definition().map(Some)
    }

    fn configure(&mut self, config: &ConfigMap, role: ConverterRole) -> Result<()> {
        self.set(config, role)
    }

    fn from_connect_data(&mut self, _topic: &str, _schema: Option<&Schema>, value: &Value) -> Result<Option<Bytes>> {
        self.write(value)
    }

    fn to_connect_data(&mut self, _topic: &str, bytes: Option<Bytes>) -> Result<SchemaAndValue> {
        Ok(self.read_as_text(bytes))
    }
}

impl HeaderConverter for StringConverter {
    fn config(&self) -> Result<Option<ConfigDef>> {
        definition().map(Some)
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        self.set(config, ConverterRole::Header)
    }

    fn from_connect_header(
        &mut self,
        _topic: &str,
        _key: &str,
        _schema: Option<&Schema>,
        value: &Value,
    ) -> Result<Option<Bytes>> {
        self.write(value)
    }

    fn to_connect_header(&mut self, _topic: &str, _key: &str, bytes: Option<Bytes>) -> Result<SchemaAndValue> {
        Ok(self.read_as_text(bytes))
    }
}
