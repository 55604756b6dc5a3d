//! `StringConverter`: any value as its text, any bytes as a text.
//!
//! Counterpart: `org.apache.kafka.connect.storage.StringConverter`.

use bytes::Bytes;
use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::converter::{Converter, ConverterRole, HeaderConverter};
use milena_api::data::{Schema, SchemaAndValue, Value};
use milena_api::error::Result;

use crate::charset::Charset;
use crate::output::Output;
use crate::settings;

/// Texts in one encoding. With UTF-8, texts pass in both directions without a copy.
#[derive(Default)]
pub struct StringConverter {
    write: Charset,
    read: Charset,
    output: Output,
}

impl StringConverter {
    fn set(&mut self, config: &ConfigMap, role: ConverterRole) -> Result<()> {
        let prefix = if role == ConverterRole::Key { "key" } else { "value" };
        let encoding = |legacy: String| {
            let name = config.get(&legacy).map(String::as_str).or_else(|| settings::text(config, "converter.encoding"));
            Charset::named(name.unwrap_or("UTF-8"))
        };
        self.write = encoding(format!("{prefix}.serializer.encoding"))?;
        self.read = encoding(format!("{prefix}.deserializer.encoding"))?;
        Ok(())
    }

    fn to_bytes(&mut self, value: &Value) -> Result<Option<Bytes>> {
        use std::fmt::Write as _;
        match value {
            Value::Null => Ok(None),
            Value::Str(text) if self.write == Charset::Utf8 => Ok(Some(text.to_bytes())),
            other if self.write == Charset::Utf8 => {
                let written = self.output.collect(|out| {
                    write!(out, "{other}")
                        .map_err(|e| milena_api::Error::data("Failed to serialize to a string: ").with_source(e))
                });
                written.map(Some)
            }
            other => Ok(Some(self.write.encode(&other.to_string()))),
        }
    }

    fn to_value(&self, bytes: Option<Bytes>) -> SchemaAndValue {
        let value = match bytes {
            Some(bytes) => Value::Str(self.read.decode(bytes)),
            None => Value::Null,
        };
        SchemaAndValue { schema: Some(Schema::optional_string()), value }
    }
}

/// The definition of the keys.
fn definition() -> Result<ConfigDef> {
    Ok(ConfigDef::new())
}

impl Converter for StringConverter {
    fn config(&self) -> Result<Option<ConfigDef>> {
        definition().map(Some)
    }

    fn configure(&mut self, config: &ConfigMap, role: ConverterRole) -> Result<()> {
        self.set(config, role)
    }

    fn from_connect_data(&mut self, _topic: &str, _schema: Option<&Schema>, value: &Value) -> Result<Option<Bytes>> {
        self.to_bytes(value)
    }

    fn to_connect_data(&mut self, _topic: &str, bytes: Option<Bytes>) -> Result<SchemaAndValue> {
        Ok(self.to_value(bytes))
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
        self.to_bytes(value)
    }

    fn to_connect_header(&mut self, _topic: &str, _key: &str, bytes: Option<Bytes>) -> Result<SchemaAndValue> {
        Ok(self.to_value(bytes))
    }
}
