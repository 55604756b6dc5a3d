//! `JsonConverter`: JSON with the schema in an envelope, or without one.
//!
//! Counterpart: `org.apache.kafka.connect.json.JsonConverter`.

use bytes::Bytes;
use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::converter::{Converter, ConverterRole, HeaderConverter};
use milena_api::data::{Schema, SchemaAndValue, Str, Value};
use milena_api::error::{Error, Result};

use super::cache::Cache;
use super::config::{self, Settings};
use super::encoding;
use super::keys::Keys;
use super::read::Source;
use super::schema;
use super::tape::{Kind, SyntaxError, Tape};
use super::write::{DecimalFormat, Writer};
use crate::output::Output;

const NOT_AN_ENVELOPE: &str = "JsonConverter with schemas.enable requires \"schema\" and \"payload\" fields and may not contain additional fields. \
     If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration.";

/// Reads and writes JSON.
pub struct JsonConverter {
    schemas_enable: bool,
    /// Schema of every record read, from `schema.content`.
    fixed: Option<Schema>,
    writer: Writer,
    tape: Tape,
    keys: Keys,
    /// The schema text read last, with its schema: records of one topic repeat it.
    last_read: (Bytes, Option<Schema>),
    read: Cache<Bytes, Schema>,
    /// The schema written last, with the envelope up to the payload.
    last_written: Option<(Schema, Bytes)>,
    written: Cache<Schema, Bytes>,
    output: Output,
}

impl Default for JsonConverter {
    fn default() -> Self {
        JsonConverter {
            schemas_enable: true,
            fixed: None,
            writer: Writer { decimal_format: DecimalFormat::Base64, replace_null_with_default: true },
            tape: Tape::default(),
            keys: Keys::default(),
            last_read: (Bytes::new(), None),
            read: Cache::new(config::DEFAULT_CACHE_SIZE),
            last_written: None,
            written: Cache::new(config::DEFAULT_CACHE_SIZE),
            output: Output::default(),
        }
    }
}

impl JsonConverter {
    fn set(&mut self, settings: Settings) -> Result<()> {
        self.schemas_enable = settings.schemas_enable;
        self.writer = Writer {
            decimal_format: settings.decimal_format,
            replace_null_with_default: settings.replace_null_with_default,
        };
        self.read = Cache::new(settings.cache_size);
        self.written = Cache::new(settings.cache_size);
        self.fixed = match settings.schema_content {
            Some(content) => self.parse_content(&content)?,
            None => None,
        };
        Ok(())
    }

    fn parse_content(&mut self, content: &str) -> Result<Option<Schema>> {
        let text = Str::from(content);
        let failed = "Failed to parse schema in converter config due to serialization error: ";
        self.tape.parse(&text, b"").map_err(|cause| Error::data(failed).with_source(serialization_error(&cause)))?;
        if self.tape.node(0).kind == Kind::Missing {
            return Ok(None);
        }
        let mut source = self.source(&text);
        schema::parse(&mut source, 0)
    }

    fn source<'a>(&'a mut self, text: &'a Str) -> Source<'a> {
        Source {
            tape: &self.tape,
            text,
            keys: &mut self.keys,
            replace_null_with_default: self.writer.replace_null_with_default,
            odd_null: false,
        }
    }

    fn read(&mut self, bytes: Bytes) -> Result<SchemaAndValue> {
        let (text, malformed) = encoding::decode(bytes);
        let envelope = self.schemas_enable && self.fixed.is_none();
        let known: &[u8] = if envelope { &self.last_read.0 } else { b"" };
        let mut parsed = self.tape.parse(&text, known);
        if malformed && parsed.is_ok() && self.tape.is_open(&text) {
            parsed = Err(SyntaxError::malformed(text.len()));
        }
        parsed.map_err(|cause| {
            let message = "Converting byte[] to Kafka Connect data failed due to serialization error: ";
            Error::data(message).with_source(serialization_error(&cause))
        })?;
        if envelope {
            return self.read_envelope(&text);
        }
        match self.fixed.clone().filter(|_| self.schemas_enable) {
            Some(schema) => {
                let value = self.source(&text).typed(&schema, 0)?;
                Ok(SchemaAndValue { schema: Some(schema), value })
            }
            None => Ok(SchemaAndValue { schema: None, value: self.source(&text).inferred(0) }),
        }
    }

    fn read_envelope(&mut self, text: &Str) -> Result<SchemaAndValue> {
        let (mut schema_at, mut payload_at) = (None, None);
        let mut exact = self.tape.node(0).kind == Kind::Object;
        if exact {
            for (name, value) in self.tape.members(0) {
                match self.tape.text(text, name).as_ref() {
                    "schema" => schema_at = Some(value),
                    "payload" => payload_at = Some(value),
                    _ => exact = false,
                }
            }
        }
        let (Some(schema_at), Some(payload_at), true) = (schema_at, payload_at, exact) else {
            return Err(Error::data(NOT_AN_ENVELOPE));
        };
        let schema = self.schema_at(text, schema_at)?;
        let mut source = self.source(text);
        let value = match &schema {
            Some(schema) => source.typed(schema, payload_at)?,
            None => source.inferred(payload_at),
        };
        Ok(SchemaAndValue { schema, value })
    }

    /// The schema at this node of the envelope: of the last record, from the cache, or parsed.
    fn schema_at(&mut self, text: &Str, at: usize) -> Result<Option<Schema>> {
        if self.tape.node(at).kind == Kind::Known {
            return Ok(self.last_read.1.clone());
        }
        let raw = self.tape.raw(text, at).as_bytes();
        let schema = match self.read.get(raw) {
            Some(schema) => schema,
            None => {
                let mut source = self.source(text);
                let Some(schema) = schema::parse(&mut source, at)? else { return Ok(None) };
                let raw = Bytes::copy_from_slice(self.tape.raw(text, at).as_bytes());
                self.read.insert(raw, schema.clone());
                schema
            }
        };
        self.last_read = (Bytes::copy_from_slice(self.tape.raw(text, at).as_bytes()), Some(schema.clone()));
        Ok(Some(schema))
    }

    fn write(&mut self, schema: Option<&Schema>, value: &Value) -> Result<Option<Bytes>> {
        if schema.is_none() && value.is_null() {
            return Ok(None);
        }
        let writer = self.writer;
        if !self.schemas_enable {
            return self.output.collect(|out| writer.value(out, schema, value)).map(Some);
        }
        let head = self.envelope_head(schema)?;
        let written = self.output.collect(|out| {
            out.extend_from_slice(&head);
            writer.value(out, schema, value)?;
            out.extend_from_slice(b"}");
            Ok(())
        });
        written.map(Some)
    }

    /// The envelope from its start up to the payload.
    fn envelope_head(&mut self, schema: Option<&Schema>) -> Result<Bytes> {
        let Some(schema) = schema else { return Ok(Bytes::from_static(b"{\"schema\":null,\"payload\":")) };
        if let Some((last, head)) = &self.last_written
            && last.same(schema)
        {
            return Ok(head.clone());
        }
        let head = match self.written.get(schema) {
            Some(head) => head,
            None => {
                let mut out = b"{\"schema\":".to_vec();
                schema::write(self.writer, &mut out, schema, None)?;
                out.extend_from_slice(b",\"payload\":");
                let head = Bytes::from(out);
                self.written.insert(schema.clone(), head.clone());
                head
            }
        };
        self.last_written = Some((schema.clone(), head.clone()));
        Ok(head)
    }
}

fn serialization_error(cause: &SyntaxError) -> Error {
    Error::data(format!("invalid JSON: {cause}")).with_class("org.apache.kafka.common.errors.SerializationException")
}

impl Converter for JsonConverter {
    fn config(&self) -> Result<Option<ConfigDef>> {
        config::definition().map(Some)
    }

    fn configure(&mut self, config: &ConfigMap, role: ConverterRole) -> Result<()> {
        self.set(Settings::read(config, role)?)
    }

    fn from_connect_data(&mut self, _topic: &str, schema: Option<&Schema>, value: &Value) -> Result<Option<Bytes>> {
        self.write(schema, value)
    }

    fn to_connect_data(&mut self, _topic: &str, bytes: Option<Bytes>) -> Result<SchemaAndValue> {
        match bytes {
            Some(bytes) => self.read(bytes),
            None => Ok(SchemaAndValue::NULL),
        }
    }
}

impl HeaderConverter for JsonConverter {
    fn config(&self) -> Result<Option<ConfigDef>> {
        config::definition().map(Some)
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        self.set(Settings::read(config, ConverterRole::Header)?)
    }

    fn from_connect_header(
        &mut self,
        _topic: &str,
        _key: &str,
        schema: Option<&Schema>,
        value: &Value,
    ) -> Result<Option<Bytes>> {
        self.write(schema, value)
    }

    fn to_connect_header(&mut self, topic: &str, _key: &str, bytes: Option<Bytes>) -> Result<SchemaAndValue> {
        self.to_connect_data(topic, bytes)
    }
}
