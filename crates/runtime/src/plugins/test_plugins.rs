//! Small plug-ins for tests: `Bytes` and `Heads` converters, a source, a sink, a transformation and a predicate.

use milena_api::config::{ConfigDef, ConfigKey, ConfigMap, Importance, Type};
use milena_api::connector::{ConnectorContext, TaskConfigs};
use milena_api::converter::{Converter, ConverterRole, HeaderConverter};
use milena_api::data::{Schema, SchemaAndValue, Value};
use milena_api::plugin::Plugin;
use milena_api::record::{Record, SinkRecord, SourceRecord};
use milena_api::sink::{SinkConnector, SinkTask, SinkTaskContext};
use milena_api::source::{SourceConnector, SourceTask, SourceTaskContext};
use milena_api::transform::{Outcome, Predicate, Transformation};
use milena_api::{Error, Result};

use super::PluginRegistry;

#[derive(Default)]
pub(crate) struct Bytes;

fn converter_keys() -> Result<Option<ConfigDef>> {
    let keys = ConfigDef::new()
        .define(ConfigKey::new("converter.type", Type::String))?
        .define(ConfigKey::new("size", Type::Int).default(5).importance(Importance::Low))?;
    Ok(Some(keys))
}

fn never<T>() -> Result<T> {
    Err(Error::fatal("never called"))
}

impl Converter for Bytes {
    fn config(&self) -> Result<Option<ConfigDef>> {
        converter_keys()
    }

    fn configure(&mut self, config: &ConfigMap, _: ConverterRole) -> Result<()> {
        match config.get("size").map(String::as_str) {
            Some("0") => Err(Error::config("size 0 is none")),
            _ => Ok(()),
        }
    }

    fn from_connect_data(&mut self, _: &str, _: Option<&Schema>, _: &Value) -> Result<Option<bytes::Bytes>> {
        never()
    }

    fn to_connect_data(&mut self, _: &str, _: Option<bytes::Bytes>) -> Result<SchemaAndValue> {
        never()
    }
}

impl HeaderConverter for Bytes {
    fn config(&self) -> Result<Option<ConfigDef>> {
        converter_keys()
    }

    fn configure(&mut self, _: &ConfigMap) -> Result<()> {
        Ok(())
    }

    fn from_connect_header(&mut self, _: &str, _: &str, _: Option<&Schema>, _: &Value) -> Result<Option<bytes::Bytes>> {
        never()
    }

    fn to_connect_header(&mut self, _: &str, _: &str, _: Option<bytes::Bytes>) -> Result<SchemaAndValue> {
        never()
    }
}

impl Transformation for Bytes {
    fn config(&self) -> Result<ConfigDef> {
        Ok(ConfigDef::new()
            .define(ConfigKey::new("field", Type::String))?
            .define(ConfigKey::new("negate", Type::Int).default(1))?)
    }

    fn configure(&mut self, _: &ConfigMap) -> Result<()> {
        Ok(())
    }

    fn apply(&mut self, _: &mut dyn Record) -> Result<Outcome> {
        never()
    }
}

impl Predicate for Bytes {
    fn config(&self) -> Result<ConfigDef> {
        Ok(ConfigDef::new())
    }

    fn configure(&mut self, _: &ConfigMap) -> Result<()> {
        Ok(())
    }

    fn test(&mut self, _: &dyn Record) -> Result<bool> {
        never()
    }
}

macro_rules! connector {
    ($trait:ident) => {
        impl $trait for Bytes {
            type Task = Bytes;

            fn version(&self) -> Result<String> {
                Ok("1.0".to_owned())
            }

            fn config(&self) -> Result<ConfigDef> {
                Ok(ConfigDef::new().define(ConfigKey::new("required", Type::String))?)
            }

            async fn initialize(&mut self, _: ConnectorContext) -> Result<()> {
                never()
            }

            async fn start(&mut self, _: ConfigMap) -> Result<()> {
                never()
            }

            fn task_class(&self) -> Result<String> {
                never()
            }

            async fn task_configs(&mut self, _: usize) -> Result<TaskConfigs> {
                never()
            }

            async fn stop(&mut self) -> Result<()> {
                never()
            }
        }
    };
}

connector!(SourceConnector);
connector!(SinkConnector);

impl SourceTask for Bytes {
    fn version(&self) -> Result<String> {
        never()
    }

    async fn initialize(&mut self, _: SourceTaskContext) -> Result<()> {
        never()
    }

    async fn start(&mut self, _: ConfigMap) -> Result<()> {
        never()
    }

    async fn poll(&mut self) -> Result<Option<Vec<SourceRecord>>> {
        never()
    }

    async fn stop(&mut self) -> Result<()> {
        never()
    }
}

impl SinkTask for Bytes {
    fn version(&self) -> Result<String> {
        never()
    }

    async fn initialize(&mut self, _: SinkTaskContext) -> Result<()> {
        never()
    }

    async fn start(&mut self, _: ConfigMap) -> Result<()> {
        never()
    }

    async fn put(&mut self, _: &[SinkRecord]) -> Result<()> {
        never()
    }

    async fn stop(&mut self) -> Result<()> {
        never()
    }
}

pub(crate) fn registry() -> PluginRegistry {
    PluginRegistry::new(vec![
        Plugin::converter::<Bytes>("test.BytesConverter"),
        Plugin::header_converter::<Bytes>("test.HeadsHeaderConverter"),
        Plugin::transformation::<Bytes>("test.Touch"),
        Plugin::predicate::<Bytes>("test.Always"),
        Plugin::source::<Bytes>("test.TestSourceConnector"),
        Plugin::sink::<Bytes>("test.TestSinkConnector"),
    ])
}
