//! `SimpleHeaderConverter`: values as texts that are read back by guessing their type.
//!
//! Counterpart: `org.apache.kafka.connect.storage.SimpleHeaderConverter`.

use bytes::Bytes;
use milena_api::config::ConfigMap;
use milena_api::converter::HeaderConverter;
use milena_api::data::{Schema, SchemaAndValue, Str, Value, values};
use milena_api::error::Result;

/// The default converter of headers.
#[derive(Default)]
pub struct SimpleHeaderConverter;

impl HeaderConverter for SimpleHeaderConverter {
    fn configure(&mut self, _config: &ConfigMap) -> Result<()> {
        Ok(())
    }

    fn from_connect_header(
        &mut self,
        _topic: &str,
        _key: &str,
        _schema: Option<&Schema>,
        value: &Value,
    ) -> Result<Option<Bytes>> {
        Ok(values::convert_to_string(value)?.map(Str::into_bytes))
    }

    fn to_connect_header(&mut self, _topic: &str, _key: &str, bytes: Option<Bytes>) -> Result<SchemaAndValue> {
        let Some(bytes) = bytes else { return Ok(SchemaAndValue::NULL) };
        Ok(values::parse_string(&Str::from_utf8_lossy(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_guessed_from_the_text() {
        let mut converter = SimpleHeaderConverter;
        let mut read = |text: &'static str| {
            converter.to_connect_header("t", "h", Some(Bytes::from_static(text.as_bytes()))).unwrap()
        };
        assert_eq!(read("5"), SchemaAndValue::new(Schema::int8(), 5i8));
        assert_eq!(read("abc"), SchemaAndValue::new(Schema::string(), "abc"));
        assert_eq!(read("null"), SchemaAndValue::NULL);
        let written = converter.from_connect_header("t", "h", None, &Value::from("a\"b")).unwrap();
        assert_eq!(written.unwrap(), "a\"b");
    }
}
