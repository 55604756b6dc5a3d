//! Names, aliases and versions.

use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::converter::{Converter, ConverterRole};
use milena_api::data::{Schema, SchemaAndValue, Value};
use milena_api::plugin::{Factory, Make};
use milena_api::transform::{Outcome, Transformation};
use milena_api::{Error, Result};

use super::*;

#[derive(Default)]
struct Nothing;

impl Transformation for Nothing {
    fn config(&self) -> Result<ConfigDef> {
        Ok(ConfigDef::new())
    }

    fn configure(&mut self, _: &ConfigMap) -> Result<()> {
        Ok(())
    }

    fn apply(&mut self, _: &mut dyn milena_api::record::Record) -> Result<Outcome> {
        Ok(Outcome::Keep)
    }
}

impl Converter for Nothing {
    fn configure(&mut self, _: &ConfigMap, _: ConverterRole) -> Result<()> {
        Ok(())
    }

    fn from_connect_data(&mut self, _: &str, _: Option<&Schema>, _: &Value) -> Result<Option<bytes::Bytes>> {
        Ok(None)
    }

    fn to_connect_data(&mut self, _: &str, _: Option<bytes::Bytes>) -> Result<SchemaAndValue> {
        Err(Error::data("never called"))
    }
}

fn connector(class: &str, version: &str) -> Plugin {
    let factory = Factory::Sink {
        connector: Arc::new(|| Err(Error::fatal("never made"))),
        task: Arc::new(|| Err(Error::fatal("never made"))),
    };
    Plugin::new(class, version, factory)
}

fn transformation(class: &str) -> Plugin {
    let make: Make<dyn Transformation> = Arc::new(|| Ok(Box::new(Nothing)));
    Plugin::new(class, "4.3.1", Factory::Transformation(make))
}

fn registry() -> PluginRegistry {
    PluginRegistry::new(vec![
        transformation("org.x.Cast$Value"),
        transformation("org.x.Cast$Key"),
        transformation("org.x.Insert$Key"),
        transformation("org.x.Filter"),
        Plugin::converter::<Nothing>("org.x.JsonConverter"),
        connector("org.x.FileSinkConnector", "1.9"),
        connector("org.x.FileSinkConnector", "1.10"),
        connector("org.a.OtherConnector", "2"),
        connector("org.b.OtherConnector", "undefined"),
    ])
}

fn range(text: &str) -> Option<VersionRange> {
    VersionRange::required(Some(text)).unwrap()
}

#[test]
fn a_plugin_goes_by_full_name_simple_name_and_short_name() {
    let registry = registry();
    for name in ["org.x.FileSinkConnector", "FileSinkConnector", "FileSink"] {
        assert_eq!(registry.connector(name, None).unwrap().version, "1.10");
    }
    assert_eq!(registry.plugin(PluginKind::Converter, "Json", None).unwrap().class, "org.x.JsonConverter");
    assert_eq!(registry.load_class("Filter").as_deref(), Some("org.x.Filter"));
    assert_eq!(registry.load_class("filter"), None);
}

#[test]
fn ambiguous_names_do_not_resolve() {
    let registry = registry();
    assert_eq!(registry.load_class("Key"), None);
    assert_eq!(registry.load_class("Value").as_deref(), Some("org.x.Cast$Value"));
    let Err(error) = registry.connector("Other", None) else { panic!("two classes go by that name") };
    assert!(
        error.to_string().starts_with(
            "More than one connector matches alias Other. Please use full package and class name instead. Classes found: \
             PluginDesc{klass=class org.a.OtherConnector, name='org.a.OtherConnector', version='2', encodedVersion=2, \
             type=sink, typeName='sink', location='classpath'}, PluginDesc{klass=class org.b.OtherConnector,"
        ),
        "{error}"
    );
}

#[test]
fn versions_are_chosen_by_range() {
    let registry = registry();
    assert_eq!(registry.connector("FileSink", range("[1,1.10)").as_ref()).unwrap().version, "1.9");
    assert_eq!(registry.versions(CONNECTORS, "FileSink"), ["1.9", "1.10"]);
    let Err(error) = registry.connector("FileSink", range("3").as_ref()) else { panic!("there is no version 3") };
    assert_eq!(
        error.to_string(),
        "Plugin org.x.FileSinkConnector not found that matches the version range [3,3], available versions: [1.9, 1.10]"
    );
}

#[test]
fn an_unknown_connector_is_refused_with_the_nearest_names() {
    let Err(error) = registry().connector("FileSnik", None) else { panic!("there is no such connector") };
    let text = error.to_string();
    assert!(
        text.starts_with(
            "Failed to find any class that implements Connector and which name matches FileSnik, available connectors \
             are: PluginDesc{klass=class org.a.OtherConnector,"
        ),
        "{text}"
    );
    assert!(text.ends_with("location='classpath'}. Did you mean FileSink?"), "{text}");
}

#[test]
fn a_class_of_another_kind_or_an_abstract_one_is_refused() {
    let registry = registry();
    let check = |kind, class| registry.check_class(kind, class).unwrap_err();
    assert_eq!(
        check(PluginKind::Transformation, "org.x.Cast"),
        "This class is abstract and cannot be created. Did you mean org.x.Cast$Key, org.x.Cast$Value?"
    );
    assert_eq!(
        check(PluginKind::Converter, "org.x.Filter"),
        "Class class org.x.Filter does not implement the Converter interface"
    );
    assert_eq!(
        check(PluginKind::Converter, "org.apache.kafka.connect.storage.Converter"),
        "This class is abstract and cannot be created."
    );
    assert_eq!(registry.check_class(PluginKind::Transformation, "org.x.Cast$Key"), Ok(()));
}

#[test]
fn listings_are_sorted_by_kind_then_class_then_version() {
    let listed: Vec<_> = registry()
        .listed()
        .into_iter()
        .map(|info| format!("{} {} {}", info.kind.name(), info.class, info.version))
        .collect();
    assert_eq!(
        listed,
        [
            "sink org.a.OtherConnector 2",
            "sink org.b.OtherConnector undefined",
            "sink org.x.FileSinkConnector 1.9",
            "sink org.x.FileSinkConnector 1.10",
            "transformation org.x.Cast$Key 4.3.1",
            "transformation org.x.Cast$Value 4.3.1",
            "transformation org.x.Filter 4.3.1",
            "transformation org.x.Insert$Key 4.3.1",
            "converter org.x.JsonConverter 4.3.1",
        ]
    );
}
