//! `Plugin`: how a plug-in is announced to the runtime. Plug-ins are data: a class name, a version, a way to make instances.

use std::sync::Arc;

use crate::converter::{Converter, HeaderConverter};
use crate::error::Result;
use crate::sink::SinkConnector;
use crate::sink::erased::{DynSinkConnector, DynSinkTask};
use crate::source::SourceConnector;
use crate::source::erased::{DynSourceConnector, DynSourceTask};
use crate::transform::{Predicate, Transformation};

/// What a plug-in is. The order is that of `GET /connector-plugins`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PluginKind {
    /// Sink connector.
    Sink,
    /// Source connector.
    Source,
    /// Transformation.
    Transformation,
    /// Predicate.
    Predicate,
    /// Converter of keys and values.
    Converter,
    /// Converter of header values.
    HeaderConverter,
}

impl PluginKind {
    /// The text seen in REST.
    pub const fn name(self) -> &'static str {
        match self {
            PluginKind::Sink => "sink",
            PluginKind::Source => "source",
            PluginKind::Transformation => "transformation",
            PluginKind::Predicate => "predicate",
            PluginKind::Converter => "converter",
            PluginKind::HeaderConverter => "header_converter",
        }
    }

    /// The end of a simple class name that an alias may leave out.
    pub const fn suffix(self) -> &'static str {
        match self {
            PluginKind::Sink | PluginKind::Source => "Connector",
            PluginKind::Transformation => "Transformation",
            PluginKind::Predicate => "Predicate",
            PluginKind::Converter => "Converter",
            PluginKind::HeaderConverter => "HeaderConverter",
        }
    }
}

/// Makes an instance; fails as a Java constructor may.
pub type Make<T> = Arc<dyn Fn() -> Result<Box<T>> + Send + Sync>;

/// How to make instances of a plug-in.
#[derive(Clone)]
pub enum Factory {
    /// A sink connector and its tasks.
    Sink {
        /// Makes connectors.
        connector: Make<dyn DynSinkConnector>,
        /// Makes tasks.
        task: Make<dyn DynSinkTask>,
    },
    /// A source connector and its tasks.
    Source {
        /// Makes connectors.
        connector: Make<dyn DynSourceConnector>,
        /// Makes tasks.
        task: Make<dyn DynSourceTask>,
    },
    /// A transformation.
    Transformation(Make<dyn Transformation>),
    /// A predicate.
    Predicate(Make<dyn Predicate>),
    /// A converter.
    Converter(Make<dyn Converter>),
    /// A header converter.
    HeaderConverter(Make<dyn HeaderConverter>),
}

impl Factory {
    /// What kind of plug-in it makes.
    pub const fn kind(&self) -> PluginKind {
        match self {
            Factory::Sink { .. } => PluginKind::Sink,
            Factory::Source { .. } => PluginKind::Source,
            Factory::Transformation(_) => PluginKind::Transformation,
            Factory::Predicate(_) => PluginKind::Predicate,
            Factory::Converter(_) => PluginKind::Converter,
            Factory::HeaderConverter(_) => PluginKind::HeaderConverter,
        }
    }
}

/// Classes that exist but cannot be plug-ins: naming one is a configuration error with this reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// `This class is abstract and cannot be created.`
    Abstract,
    /// No public constructor without arguments.
    NoDefaultConstructor,
    /// Its constructor throws.
    ConstructorThrows,
}

/// One plug-in, in one version, of one kind. A class of two kinds is announced twice.
#[derive(Clone)]
pub struct Plugin {
    /// Full Java class name; nested classes with `$`.
    pub class: String,
    /// Version; [`crate::UNDEFINED_VERSION`] if it has none.
    pub version: String,
    /// How to make it.
    pub factory: Factory,
    /// Set for classes that only exist to be refused.
    pub unusable: Option<Unusable>,
    /// False keeps it out of listings.
    pub listed: bool,
}

impl Plugin {
    /// A plug-in made by `factory`.
    pub fn new(class: impl Into<String>, version: impl Into<String>, factory: Factory) -> Self {
        Plugin { class: class.into(), version: version.into(), factory, unusable: None, listed: true }
    }

    /// A source connector; the version is what its `version` says.
    pub fn source<C: SourceConnector + Sync>(class: impl Into<String>) -> Self {
        let version = C::default().version().unwrap_or_else(|_| crate::UNDEFINED_VERSION.to_owned());
        let factory = Factory::Source {
            connector: Arc::new(|| Ok(Box::new(C::default()))),
            task: Arc::new(|| Ok(Box::new(C::Task::default()))),
        };
        Plugin::new(class, version, factory)
    }

    /// A sink connector; the version is what its `version` says.
    pub fn sink<C: SinkConnector + Sync>(class: impl Into<String>) -> Self {
        let version = C::default().version().unwrap_or_else(|_| crate::UNDEFINED_VERSION.to_owned());
        let factory = Factory::Sink {
            connector: Arc::new(|| Ok(Box::new(C::default()))),
            task: Arc::new(|| Ok(Box::new(C::Task::default()))),
        };
        Plugin::new(class, version, factory)
    }

    /// A transformation shipped with the worker.
    pub fn transformation<T: Transformation + Default + 'static>(class: impl Into<String>) -> Self {
        let make: Make<dyn Transformation> = Arc::new(|| Ok(Box::new(T::default())));
        Plugin::new(class, crate::KAFKA_VERSION, Factory::Transformation(make))
    }

    /// A predicate shipped with the worker.
    pub fn predicate<P: Predicate + Default + 'static>(class: impl Into<String>) -> Self {
        let make: Make<dyn Predicate> = Arc::new(|| Ok(Box::new(P::default())));
        Plugin::new(class, crate::KAFKA_VERSION, Factory::Predicate(make))
    }

    /// A converter shipped with the worker.
    pub fn converter<C: Converter + Default + 'static>(class: impl Into<String>) -> Self {
        let make: Make<dyn Converter> = Arc::new(|| Ok(Box::new(C::default())));
        Plugin::new(class, crate::KAFKA_VERSION, Factory::Converter(make))
    }

    /// A header converter shipped with the worker.
    pub fn header_converter<C: HeaderConverter + Default + 'static>(class: impl Into<String>) -> Self {
        let make: Make<dyn HeaderConverter> = Arc::new(|| Ok(Box::new(C::default())));
        Plugin::new(class, crate::KAFKA_VERSION, Factory::HeaderConverter(make))
    }

    /// What kind of plug-in it is.
    pub fn kind(&self) -> PluginKind {
        self.factory.kind()
    }

    /// The class name behind the last dot, and behind the last `$` of a nested class.
    pub fn simple_name(&self) -> &str {
        let name = self.class.rsplit('.').next().unwrap_or(&self.class);
        name.rsplit('$').next().unwrap_or(name)
    }
}
