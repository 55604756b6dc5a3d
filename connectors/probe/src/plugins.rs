//! The class names of the kit.

use std::sync::Arc;

use milena_api::plugin::{Factory, Make, Plugin, Unusable};
use milena_api::sink::erased::{DynSinkConnector, DynSinkTask};
use milena_api::source::erased::{DynSourceConnector, DynSourceTask};
use milena_api::{Error, UNDEFINED_VERSION};

use crate::block::Block;
use crate::blocking_connector::{self, BlockingConnector, IdleTask};
use crate::blocking_sink::{BlockingSinkConnector, BlockingSinkTask};
use crate::blocking_source::{BlockingSourceConnector, BlockingSourceTask};
use crate::channel::Probe;
use crate::converters::TestConverter;
use crate::errant_sink::ErrantRecordSinkTask;
use crate::faulty_passthrough::FaultyPassthrough;
use crate::naughty_source::{NaughtyConnector, NaughtyTask};
use crate::plain_sinks::{PlainSinkConnector, SimpleTask};
use crate::testable_sink::{TestableSinkConnector, TestableSinkTask};
use crate::testable_source::{self, TestableSourceConnector, TestableSourceTask};

impl Probe {
    /// All plug-ins of the kit.
    pub fn plugins(&self) -> Vec<Plugin> {
        let mut plugins = self.testable();
        plugins.extend(self.blocking_connectors());
        plugins.extend(self.blocking_tasks());
        plugins.extend(plain());
        plugins.extend(converters());
        plugins
    }

    /// Those that report what happens to them.
    fn testable(&self) -> Vec<Plugin> {
        let source = |class: &str, task: &str, monitored: bool| {
            let (task, at_connector, at_task) = (ct(task), self.clone(), self.clone());
            let connector = move || TestableSourceConnector::new(&at_connector, task.as_str(), monitored);
            source(ct(class), testable_source::VERSION, connector, move || TestableSourceTask::new(&at_task, monitored))
        };
        let (sink_connector, sink_task) = (
            |class: &str, monitored: bool| {
                let (task, probe) = (ct(class), self.clone());
                move || TestableSinkConnector::new(&probe, task.as_str(), monitored)
            },
            |monitored: bool| {
                let probe = self.clone();
                move || TestableSinkTask::new(&probe, monitored)
            },
        );
        let testable = sink_connector("TestableSinkConnector$TestableSinkTask", false);
        let monitorable = sink_connector("MonitorableSinkConnector$MonitorableSinkTask", true);
        let errant = sink_connector("ErrantRecordSinkConnector$ErrantRecordSinkTask", false);
        let probe = self.clone();
        let errant_task = move || ErrantRecordSinkTask::new(&probe);
        let version = testable_source::VERSION;
        vec![
            source("TestableSourceConnector", "TestableSourceConnector$TestableSourceTask", false),
            source("MonitorableSourceConnector", "MonitorableSourceConnector$MonitorableSourceTask", true),
            sink(ct("TestableSinkConnector"), version, testable, sink_task(false)),
            sink(ct("MonitorableSinkConnector"), version, monitorable, sink_task(true)),
            sink(ct("ErrantRecordSinkConnector"), version, errant, errant_task),
        ]
    }

    /// Those whose connector blocks.
    fn blocking_connectors(&self) -> Vec<Plugin> {
        let fixed = |class: &str, place: Option<&'static str>| {
            let probe = self.clone();
            let connector = move || BlockingConnector::new(block(&probe, place));
            source(blocking(class), blocking_connector::VERSION, connector, IdleTask::default)
        };
        vec![
            fixed("BlockingConnector", None),
            fixed("InitializeBlockingConnector", Some("Connector::initialize")),
            fixed("ConfigBlockingConnector", Some("Connector::config")),
            fixed("ValidateBlockingConnector", Some("Connector::validate")),
        ]
    }

    /// Those whose tasks block.
    fn blocking_tasks(&self) -> Vec<Plugin> {
        let source = |class: &str, task: &str, place: Option<&'static str>| {
            let (task, probe) = (blocking(task), self.clone());
            let connector = move || BlockingSourceConnector::new(task.as_str());
            let task = move || BlockingSourceTask::new(block(&probe, place));
            source(blocking(class), blocking_connector::VERSION, connector, task)
        };
        let sink = |class: &str, task: &str, place: Option<&'static str>| {
            let (task, probe) = (blocking(task), self.clone());
            let connector = move || BlockingSinkConnector::new(task.as_str());
            let task = move || BlockingSinkTask::new(block(&probe, place));
            sink(blocking(class), blocking_connector::VERSION, connector, task)
        };
        vec![
            source("BlockingSourceConnector", "BlockingSourceConnector$BlockingSourceTask", None),
            source(
                "TaskInitializeBlockingSourceConnector",
                "TaskInitializeBlockingSourceConnector$InitializeBlockingSourceTask",
                Some("SourceTask::initialize"),
            ),
            sink("BlockingSinkConnector", "BlockingSinkConnector$BlockingSinkTask", None),
            sink(
                "TaskInitializeBlockingSinkConnector",
                "TaskInitializeBlockingSinkConnector$InitializeBlockingSinkTask",
                Some("SinkTask::initialize"),
            ),
        ]
    }
}

/// Those that report nothing.
fn plain() -> Vec<Plugin> {
    let transformation = Factory::Transformation(Arc::new(|| Ok(Box::new(FaultyPassthrough::default()))));
    vec![
        source(
            ct("ExactlyOnceSourceIntegrationTest$NaughtyConnector"),
            "none",
            NaughtyConnector::default,
            NaughtyTask::default,
        ),
        sink(
            ct("ConnectWorkerIntegrationTest$EmptyTaskConfigsConnector"),
            "0.0",
            PlainSinkConnector::empty_task_configs,
            SimpleTask::default,
        ),
        sink(
            "test.plugins.InnocuousSinkConnector".to_owned(),
            "0.0.0",
            PlainSinkConnector::innocuous,
            SimpleTask::default,
        ),
        Plugin::new(ct("ErrorHandlingIntegrationTest$FaultyPassthrough"), UNDEFINED_VERSION, transformation),
    ]
}

/// Converters that are header converters, too.
fn converters() -> Vec<Plugin> {
    let usable = |class: &str, converter: TestConverter| {
        [
            Plugin::new(ct(class), UNDEFINED_VERSION, Factory::Converter(Arc::new(move || Ok(Box::new(converter))))),
            Plugin::new(
                ct(class),
                UNDEFINED_VERSION,
                Factory::HeaderConverter(Arc::new(move || Ok(Box::new(converter)))),
            ),
        ]
    };
    let unusable = |class: String, why: Unusable| {
        let refuse = format!("{class} cannot be created");
        let (one, two) = (refuse.clone(), refuse);
        let converter = Factory::Converter(Arc::new(move || Err(Error::fatal(one.as_str()))));
        let header = Factory::HeaderConverter(Arc::new(move || Err(Error::fatal(two.as_str()))));
        [converter, header].map(|factory| {
            let mut plugin = Plugin::new(class.as_str(), UNDEFINED_VERSION, factory);
            plugin.unusable = Some(why);
            plugin.listed = false;
            plugin
        })
    };
    [
        usable(
            "ConnectorValidationIntegrationTest$TestConverterWithSinglePropertyConfigDef",
            TestConverter::SingleProperty,
        ),
        usable("ConnectorValidationIntegrationTest$TestConverterWithNoConfigDef", TestConverter::NoDefinition),
        unusable(ct("ConnectorValidationIntegrationTest$AbstractTestConverter"), Unusable::Abstract),
        unusable("test.plugins.NoDefaultConstructorConverter".to_owned(), Unusable::NoDefaultConstructor),
        unusable("test.plugins.DefaultConstructorThrowsConverter".to_owned(), Unusable::ConstructorThrows),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Full name of a class of Connect's integration tests.
fn ct(name: &str) -> String {
    format!("org.apache.kafka.connect.integration.{name}")
}

/// Full name of a class inside the test of blocking connectors.
fn blocking(name: &str) -> String {
    ct(&format!("BlockingConnectorTest${name}"))
}

fn block(probe: &Probe, place: Option<&str>) -> Block {
    match place {
        Some(place) => Block::at(probe.clone(), place),
        None => Block::nowhere(probe.clone()),
    }
}

fn source<C: DynSourceConnector + 'static, T: DynSourceTask + 'static>(
    class: String,
    version: &str,
    connector: impl Fn() -> C + Send + Sync + 'static,
    task: impl Fn() -> T + Send + Sync + 'static,
) -> Plugin {
    let connector: Make<dyn DynSourceConnector> = Arc::new(move || Ok(Box::new(connector())));
    let task: Make<dyn DynSourceTask> = Arc::new(move || Ok(Box::new(task())));
    Plugin::new(class, version, Factory::Source { connector, task })
}

fn sink<C: DynSinkConnector + 'static, T: DynSinkTask + 'static>(
    class: String,
    version: &str,
    connector: impl Fn() -> C + Send + Sync + 'static,
    task: impl Fn() -> T + Send + Sync + 'static,
) -> Plugin {
    let connector: Make<dyn DynSinkConnector> = Arc::new(move || Ok(Box::new(connector())));
    let task: Make<dyn DynSinkTask> = Arc::new(move || Ok(Box::new(task())));
    Plugin::new(class, version, Factory::Sink { connector, task })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_class_is_there_once_per_kind_and_says_its_announced_version() {
        let plugins = Probe::default().plugins();
        let mut seen = HashSet::new();
        for plugin in &plugins {
            assert!(seen.insert((plugin.class.clone(), plugin.kind())), "{} is there twice", plugin.class);
            let version = match &plugin.factory {
                Factory::Source { connector, .. } => connector().unwrap().version().unwrap(),
                Factory::Sink { connector, .. } => connector().unwrap().version().unwrap(),
                _ => continue,
            };
            assert_eq!(version, plugin.version, "{}", plugin.class);
        }
        assert_eq!(plugins.len(), 5 + 8 + 4 + 10);
    }
}
