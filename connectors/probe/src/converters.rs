//! Converters that convert nothing, with and without a definition of their keys.

use bytes::Bytes;
use milena_api::Result;
use milena_api::config::{ConfigDef, ConfigKey, ConfigMap, Importance, Type};
use milena_api::converter::{Converter, ConverterRole, HeaderConverter};
use milena_api::data::{Schema, SchemaAndValue, Value};

/// A converter and header converter.
#[derive(Clone, Copy)]
pub enum TestConverter {
    /// Declares one required key, `prop`.
    SingleProperty,
    /// Declares nothing at all.
    NoDefinition,
}

impl TestConverter {
    fn definition(self) -> Result<Option<ConfigDef>> {
        match self {
            TestConverter::SingleProperty => {
                let prop = ConfigKey::new("prop", Type::Boolean).importance(Importance::High);
                Ok(Some(ConfigDef::of([prop.doc("A required key.")])?))
            }
            TestConverter::NoDefinition => Ok(None),
        }
    }
}

impl Converter for TestConverter {
    fn config(&self) -> Result<Option<ConfigDef>> {
        self.definition()
    }

    fn configure(&mut self, _config: &ConfigMap, _role: ConverterRole) -> Result<()> {
        Ok(())
    }

    fn from_connect_data(&mut self, _topic: &str, _schema: Option<&Schema>, _value: &Value) -> Result<Option<Bytes>> {
        Ok(None)
    }

    fn to_connect_data(&mut self, _topic: &str, _bytes: Option<Bytes>) -> Result<SchemaAndValue> {
        Ok(SchemaAndValue::default())
    }
}

impl HeaderConverter for TestConverter {
    fn config(&self) -> Result<Option<ConfigDef>> {
        self.definition()
    }

    fn configure(&mut self, _config: &ConfigMap) -> Result<()> {
        Ok(())
    }

    fn from_connect_header(&mut self, _: &str, _: &str, _: Option<&Schema>, _: &Value) -> Result<Option<Bytes>> {
        Ok(None)
    }

    fn to_connect_header(&mut self, _topic: &str, _key: &str, _bytes: Option<Bytes>) -> Result<SchemaAndValue> {
        Ok(SchemaAndValue::default())
    }
}
