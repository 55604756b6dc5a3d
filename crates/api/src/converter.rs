//! Converters between Connect values and bytes.
//!
//! Counterpart: `org.apache.kafka.connect.storage.{Converter, HeaderConverter}`.

use bytes::Bytes;

use crate::config::{ConfigDef, ConfigMap};
use crate::data::{Schema, SchemaAndValue, Str, Value};
use crate::error::Result;

/// Which part of a record a converter serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConverterRole {
    /// Keys.
    Key,
    /// Values.
    Value,
    /// Headers.
    Header,
}

impl ConverterRole {
    /// The text of `converter.type`.
    pub const fn name(self) -> &'static str {
        match self {
            ConverterRole::Key => "key",
            ConverterRole::Value => "value",
            ConverterRole::Header => "header",
        }
    }
}

/// Headers as they are in Kafka.
pub type RawHeaders = Vec<(Str, Option<Bytes>)>;

/// Converts keys or values. Every task has its own instances, so caches need no lock. Calls never overlap.
#[expect(clippy::wrong_self_convention, reason = "the names are Java's")]
pub trait Converter: Send {
    /// The definition of the keys that `configure` reads; `None` for a converter that declares none at all.
    ///
    /// # Errors
    /// Whatever keeps the converter from saying.
    fn config(&self) -> Result<Option<ConfigDef>> {
        Ok(Some(ConfigDef::new()))
    }

    /// Called once before anything else, with the keys behind `key.converter.` or `value.converter.`.
    ///
    /// # Errors
    /// A configuration that cannot be used.
    fn configure(&mut self, config: &ConfigMap, role: ConverterRole) -> Result<()>;

    /// To bytes; `None` is Kafka's null. Implementations give the buffer on where the value already is its encoding.
    ///
    /// # Errors
    /// A data error for a value that cannot be encoded.
    fn from_connect_data(&mut self, topic: &str, schema: Option<&Schema>, value: &Value) -> Result<Option<Bytes>>;

    /// As `from_connect_data`, for converters that add to or read from the record's headers.
    ///
    /// # Errors
    /// As `from_connect_data`.
    fn from_connect_data_with_headers(
        &mut self,
        topic: &str,
        headers: &mut RawHeaders,
        schema: Option<&Schema>,
        value: &Value,
    ) -> Result<Option<Bytes>> {
        _ = headers;
        self.from_connect_data(topic, schema, value)
    }

    /// From bytes. Texts and byte fields of the result are slices of `bytes`.
    ///
    /// # Errors
    /// A data error for bytes that cannot be decoded.
    fn to_connect_data(&mut self, topic: &str, bytes: Option<Bytes>) -> Result<SchemaAndValue>;

    /// As `to_connect_data`, for converters that read the record's headers.
    ///
    /// # Errors
    /// As `to_connect_data`.
    fn to_connect_data_with_headers(
        &mut self,
        topic: &str,
        headers: &RawHeaders,
        bytes: Option<Bytes>,
    ) -> Result<SchemaAndValue> {
        _ = headers;
        self.to_connect_data(topic, bytes)
    }

    /// Called when the task closes.
    ///
    /// # Errors
    /// Logged, otherwise without effect.
    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Converts header values.
#[expect(clippy::wrong_self_convention, reason = "the names are Java's")]
pub trait HeaderConverter: Send {
    /// As [`Converter::config`].
    ///
    /// # Errors
    /// As there.
    fn config(&self) -> Result<Option<ConfigDef>> {
        Ok(Some(ConfigDef::new()))
    }

    /// Called once, with the keys behind `header.converter.`.
    ///
    /// # Errors
    /// A configuration that cannot be used.
    fn configure(&mut self, config: &ConfigMap) -> Result<()>;

    /// To bytes.
    ///
    /// # Errors
    /// A data error for a value that cannot be encoded.
    fn from_connect_header(
        &mut self,
        topic: &str,
        key: &str,
        schema: Option<&Schema>,
        value: &Value,
    ) -> Result<Option<Bytes>>;

    /// From bytes.
    ///
    /// # Errors
    /// A data error for bytes that cannot be decoded.
    fn to_connect_header(&mut self, topic: &str, key: &str, bytes: Option<Bytes>) -> Result<SchemaAndValue>;

    /// Called when the task closes.
    ///
    /// # Errors
    /// Logged, otherwise without effect.
    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}
