//! Source offsets as the stores hold them: JSON keys `["connector",{partition}]` and JSON values.
//!
//! Counterparts: `org.apache.kafka.connect.storage.{OffsetStorageReaderImpl, OffsetStorageWriter, OffsetUtils}`.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use milena_api::converter::{Converter, ConverterRole};
use milena_api::data::{Map, Value};
use milena_api::error::{Error, Result};
use milena_api::record::SourceMap;
use milena_api::source::OffsetStore;

use super::file_offset_store::{FileOffsetStore, RawOffsets};
use crate::worker::SourceOffsets;

/// Turns offsets into bytes and back, with the internal converter: JSON without schemas.
pub struct OffsetCodec(Mutex<Box<dyn Converter>>);

impl OffsetCodec {
    /// A codec on a JSON converter that is not yet configured.
    ///
    /// # Errors
    /// The converter refuses its configuration.
    pub fn new(mut json: Box<dyn Converter>) -> Result<Self> {
        let config = [("schemas.enable".to_owned(), "false".to_owned())].into_iter().collect();
        json.configure(&config, ConverterRole::Value)?;
        Ok(OffsetCodec(Mutex::new(json)))
    }

    /// The key of a source partition.
    ///
    /// # Errors
    /// A partition with values that JSON cannot hold, or with keys that are no text.
    pub fn key(&self, connector: &str, partition: Option<&SourceMap>) -> Result<Vec<u8>> {
        let partition = partition.map_or(Value::Null, |map| Value::map(map.clone()));
        check("partition", &partition)?;
        let key = Value::array(vec![Value::from(connector), partition]);
        Ok(self.encode(connector, &key)?.unwrap_or_default().to_vec())
    }

    /// The value of a source offset; `None` stores "no offset".
    ///
    /// # Errors
    /// As [`OffsetCodec::key`].
    pub fn value(&self, connector: &str, offset: Option<&SourceMap>) -> Result<Option<Vec<u8>>> {
        let Some(offset) = offset else { return Ok(None) };
        let value = Value::map(offset.clone());
        check("offset", &value)?;
        Ok(self.encode(connector, &value)?.map(|bytes| bytes.to_vec()))
    }

    /// Connector and source partition of a key; `None` for bytes that are no such key.
    pub fn parse_key(&self, bytes: &[u8]) -> Option<(String, Option<SourceMap>)> {
        match self.decode(bytes).ok()? {
            Value::Array(parts) => match parts.as_slice() {
                [Value::Str(connector), Value::Map(partition)] => {
                    Some((connector.to_string(), Some(partition.as_ref().clone())))
                }
                [Value::Str(connector), Value::Null] => Some((connector.to_string(), None)),
                _ => None,
            },
            _ => None,
        }
    }

    /// A stored offset.
    ///
    /// # Errors
    /// Bytes that are no JSON object.
    pub fn parse_value(&self, bytes: &[u8]) -> Result<Option<SourceMap>> {
        match self.decode(bytes)? {
            Value::Null => Ok(None),
            Value::Map(map) => Ok(Some(map.as_ref().clone())),
            other => Err(Error::data(format!("a stored source offset must be a JSON object, found {other}"))),
        }
    }

    /// Brings a map into the form in which it comes back from the store: numbers as longs and doubles.
    ///
    /// # Errors
    /// A map that JSON cannot hold.
    pub fn normalize(&self, map: &Map) -> Result<Map> {
        let bytes = self.value("", Some(map))?.unwrap_or_default();
        Ok(self.parse_value(&bytes)?.unwrap_or_default())
    }

    fn encode(&self, connector: &str, value: &Value) -> Result<Option<Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).from_connect_data(connector, None, value)
    }

    fn decode(&self, bytes: &[u8]) -> Result<Value> {
        let bytes = Bytes::copy_from_slice(bytes);
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).to_connect_data("", Some(bytes))?.value)
    }
}

/// Offsets hold text keys and primitive values only.
fn check(what: &str, value: &Value) -> Result<()> {
    let Value::Map(map) = value else { return Ok(()) };
    for (key, value) in map.iter() {
        if key.as_str().is_none() {
            return Err(Error::data(format!("the keys of a source {what} must be texts, found {key}")));
        }
        let primitive = matches!(value, Value::Null) || value.schema_type().is_some_and(|ty| ty.is_primitive());
        if !primitive {
            return Err(Error::data(format!(
                "Offsets may only contain primitive types as values, but field {key} contains {}",
                value.schema_type().map_or(value.java_class(), milena_api::data::Type::name)
            )));
        }
    }
    Ok(())
}

/// The stored offsets of one connector.
#[derive(Clone)]
pub struct ConnectorOffsets {
    connector: Arc<str>,
    store: Arc<FileOffsetStore>,
    codec: Arc<OffsetCodec>,
}

impl ConnectorOffsets {
    /// Offsets of `connector` in `store`.
    pub fn new(connector: impl Into<Arc<str>>, store: Arc<FileOffsetStore>, codec: Arc<OffsetCodec>) -> Self {
        ConnectorOffsets { connector: connector.into(), store, codec }
    }

    /// The codec.
    pub fn codec(&self) -> &OffsetCodec {
        &self.codec
    }

    /// Stores offsets; resolves when they are durable.
    ///
    /// # Errors
    /// Offsets that cannot be encoded, or the store's.
    pub async fn put<'a>(
        &self,
        offsets: impl IntoIterator<Item = (Option<&'a SourceMap>, Option<&'a SourceMap>)>,
    ) -> Result<()> {
        let mut raw = RawOffsets::new();
        for (partition, offset) in offsets {
            raw.insert(self.codec.key(&self.connector, partition)?, self.codec.value(&self.connector, offset)?);
        }
        if raw.is_empty() { Ok(()) } else { self.store.set(raw).await }
    }

    /// As [`ConnectorOffsets::put`], for what a task has ready.
    ///
    /// # Errors
    /// As there.
    pub async fn put_all(&self, offsets: &SourceOffsets) -> Result<()> {
        self.put(offsets.iter().map(|(partition, offset)| (partition.as_deref(), offset.as_deref()))).await
    }

    /// All partitions that have an offset.
    ///
    /// # Errors
    /// A stored offset that cannot be read.
    pub fn all(&self) -> Result<Vec<(Option<SourceMap>, SourceMap)>> {
        let mut found = Vec::new();
        for (key, value) in self.store.all() {
            let Some((connector, partition)) = self.codec.parse_key(&key) else { continue };
            if *connector == *self.connector
                && let Some(offset) = self.codec.parse_value(&value)?
            {
                found.push((partition, offset));
            }
        }
        found.sort_by_cached_key(|(partition, _)| partition.as_ref().map(ToString::to_string));
        Ok(found)
    }
}

impl OffsetStore for ConnectorOffsets {
    fn offsets<'a>(&'a self, partitions: &'a [SourceMap]) -> BoxFuture<'a, Result<Vec<Option<SourceMap>>>> {
        Box::pin(async move {
            let keys: Result<Vec<Vec<u8>>> =
                partitions.iter().map(|partition| self.codec.key(&self.connector, Some(partition))).collect();
            let stored = self.store.get(&keys?);
            stored.into_iter().map(|v| v.flatten().map_or(Ok(None), |bytes| self.codec.parse_value(&bytes))).collect()
        })
    }
}
