//! `PluginRegistry`: what plug-ins there are, by full name, simple name and alias.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.isolation.{Plugins, DelegatingClassLoader}`.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use milena_api::plugin::{Plugin, PluginKind, Unusable};

use super::error::PluginError;
use super::nearest::nearest;
use super::version::{Version, VersionRange};
use crate::herder::PluginInfo;

/// Classes that are part of the worker itself and have aliases like plug-ins: config providers and override policies.
const BUILT_IN: [(&str, &str); 8] = [
    ("org.apache.kafka.common.config.provider.FileConfigProvider", "ConfigProvider"),
    ("org.apache.kafka.common.config.provider.DirectoryConfigProvider", "ConfigProvider"),
    ("org.apache.kafka.common.config.provider.EnvVarConfigProvider", "ConfigProvider"),
    ("org.apache.kafka.connect.connector.policy.AllConnectorClientConfigOverridePolicy", POLICY),
    ("org.apache.kafka.connect.connector.policy.NoneConnectorClientConfigOverridePolicy", POLICY),
    ("org.apache.kafka.connect.connector.policy.AllowlistConnectorClientConfigOverridePolicy", POLICY),
    ("org.apache.kafka.connect.connector.policy.PrincipalConnectorClientConfigOverridePolicy", POLICY),
    ("org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension", "ConnectRestExtension"),
];

const POLICY: &str = "ConnectorClientConfigOverridePolicy";

/// Java classes that configurations name by mistake: they load, but are no plug-ins.
const FOREIGN: [&str; 9] = [
    "java.lang.Boolean",
    "java.lang.Double",
    "java.lang.Float",
    "java.lang.Integer",
    "java.lang.Long",
    "java.lang.Object",
    "java.lang.Short",
    "java.lang.String",
    "java.lang.Thread",
];

/// The interfaces themselves: they load, but are abstract.
const INTERFACES: [(&str, &[PluginKind]); 7] = [
    ("org.apache.kafka.connect.sink.SinkConnector", &[PluginKind::Sink]),
    ("org.apache.kafka.connect.source.SourceConnector", &[PluginKind::Source]),
    ("org.apache.kafka.connect.connector.Connector", CONNECTORS),
    ("org.apache.kafka.connect.storage.Converter", &[PluginKind::Converter]),
    ("org.apache.kafka.connect.storage.HeaderConverter", &[PluginKind::HeaderConverter]),
    ("org.apache.kafka.connect.transforms.Transformation", &[PluginKind::Transformation]),
    ("org.apache.kafka.connect.transforms.predicates.Predicate", &[PluginKind::Predicate]),
];

/// Both kinds of connectors.
pub(crate) const CONNECTORS: &[PluginKind] = &[PluginKind::Sink, PluginKind::Source];

/// Simple name of the Java interface of a kind.
pub const fn interface(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::Sink => "SinkConnector",
        PluginKind::Source => "SourceConnector",
        PluginKind::Transformation => "Transformation",
        PluginKind::Predicate => "Predicate",
        PluginKind::Converter => "Converter",
        PluginKind::HeaderConverter => "HeaderConverter",
    }
}

/// All plug-ins of a worker.
pub struct PluginRegistry {
    /// By kind in the order of listings, then by class, then by version.
    plugins: Vec<Arc<Plugin>>,
    /// Full name of an alias; `None` where it is ambiguous.
    aliases: HashMap<String, Option<String>>,
}

impl PluginRegistry {
    /// A registry of these plug-ins.
    pub fn new(plugins: Vec<Plugin>) -> Self {
        let mut plugins: Vec<Arc<Plugin>> = plugins.into_iter().map(Arc::new).collect();
        plugins.sort_by_cached_key(|plugin| (plugin.kind(), plugin.class.clone(), Version::parse(&plugin.version)));
        let mut aliases = HashMap::new();
        let own = plugins.iter().filter(|plugin| plugin.unusable.is_none());
        let own = own.map(|plugin| (plugin.class.as_str(), plugin.simple_name(), plugin.kind().suffix()));
        let built_in =
            BUILT_IN.iter().map(|(class, suffix)| (*class, class.rsplit('.').next().unwrap_or(class), *suffix));
        for (class, simple, suffix) in own.chain(built_in) {
            add_alias(&mut aliases, simple, class);
            // Cut at the last place the suffix is found, if that leaves something.
            if let Some(at) = simple.rfind(suffix).filter(|at| *at > 0) {
                add_alias(&mut aliases, &simple[..at], class);
            }
        }
        PluginRegistry { plugins, aliases }
    }

    /// The plug-ins that listings show, in their order.
    pub fn listed(&self) -> Vec<PluginInfo> {
        self.plugins
            .iter()
            .filter(|plugin| plugin.listed && plugin.unusable.is_none())
            .map(|plugin| PluginInfo {
                class: plugin.class.clone(),
                kind: plugin.kind(),
                version: plugin.version.clone(),
            })
            .collect()
    }

    /// Plug-ins of these kinds, by class and version; those that can be used.
    pub fn of_kinds(&self, kinds: &[PluginKind]) -> Vec<&Arc<Plugin>> {
        let mut found: Vec<_> =
            self.plugins.iter().filter(|plugin| plugin.unusable.is_none() && kinds.contains(&plugin.kind())).collect();
        found.sort_by(|left, right| left.class.cmp(&right.class));
        found
    }

    /// Class names of a kind, sorted, each once.
    pub fn classes(&self, kind: PluginKind) -> Vec<String> {
        let names: BTreeSet<&str> = self.of_kinds(&[kind]).into_iter().map(|plugin| plugin.class.as_str()).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// The full name that a name or alias stands for; a name that is not an alias stands for itself.
    pub fn full_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.aliases.get(name).and_then(Option::as_deref).unwrap_or(name)
    }

    /// The full name of a class that exists, be it a plug-in or not: what Java's class loading answers.
    pub fn load_class(&self, name: &str) -> Option<String> {
        let class = self.full_name(name);
        let exists = self.plugins.iter().any(|plugin| plugin.class == class)
            || !self.nested(class, None).is_empty()
            || FOREIGN.contains(&class)
            || INTERFACES.iter().any(|(interface, _)| *interface == class)
            || BUILT_IN.iter().any(|(built_in, _)| *built_in == class);
        exists.then(|| class.to_owned())
    }

    /// Checks that a class that exists (see [`PluginRegistry::load_class`]) can be a plug-in of a kind; the text says why not.
    ///
    /// # Errors
    /// It is of another kind, or abstract, or cannot be made.
    pub fn check_class(&self, kind: PluginKind, class: &str) -> Result<(), String> {
        let is_abstract = INTERFACES.iter().any(|(name, kinds)| *name == class && kinds.contains(&kind));
        if let Some(plugin) = self.newest(&[kind], class) {
            match plugin.unusable {
                Some(Unusable::Abstract) => {}
                Some(Unusable::NoDefaultConstructor) => {
                    return Err(format!("Could not find a public no-argument constructor for class: {class}.<init>()"));
                }
                Some(Unusable::ConstructorThrows) => return Err("Could not instantiate class: null".to_owned()),
                None => return Ok(()),
            }
        } else if !is_abstract && self.nested(class, Some(kind)).is_empty() {
            return Err(format!("Class class {class} does not implement the {} interface", interface(kind)));
        }
        let nested = self.nested(class, Some(kind));
        let hint = if nested.is_empty() { String::new() } else { format!(" Did you mean {}?", nested.join(", ")) };
        Err(format!("This class is abstract and cannot be created.{hint}"))
    }

    /// Plug-in classes nested in `class`, which is then an abstract one around them.
    fn nested(&self, class: &str, kind: Option<PluginKind>) -> Vec<&str> {
        let inside = |plugin: &&Arc<Plugin>| {
            plugin.unusable.is_none()
                && kind.is_none_or(|kind| plugin.kind() == kind)
                && plugin.class.strip_prefix(class).is_some_and(|rest| rest.starts_with('$'))
        };
        let names: BTreeSet<&str> = self.plugins.iter().filter(inside).map(|plugin| plugin.class.as_str()).collect();
        names.into_iter().collect()
    }

    /// Versions of a class in these kinds, lowest first, each once.
    pub fn versions(&self, kinds: &[PluginKind], name: &str) -> Vec<String> {
        let mut versions: Vec<String> = self
            .all_of(name)
            .filter(|plugin| kinds.contains(&plugin.kind()))
            .map(|plugin| plugin.version.clone())
            .collect();
        versions.dedup();
        versions
    }

    /// The newest version of a class in these kinds, usable or not.
    pub fn newest(&self, kinds: &[PluginKind], name: &str) -> Option<&Arc<Plugin>> {
        let class = self.full_name(name);
        let of_class = self.plugins.iter().filter(|plugin| plugin.class == class && kinds.contains(&plugin.kind()));
        of_class.max_by_key(|plugin| Version::parse(&plugin.version))
    }

    /// Every copy of a class, of all kinds, lowest version first.
    fn all_of(&self, name: &str) -> impl Iterator<Item = &Arc<Plugin>> {
        let class = self.full_name(name).to_owned();
        let mut found: Vec<_> =
            self.plugins.iter().filter(|plugin| plugin.unusable.is_none() && plugin.class == class).collect();
        found.sort_by_cached_key(|plugin| Version::parse(&plugin.version));
        found.into_iter()
    }

    /// The newest copy of a class whose version is in the range. `None` if there is no such class in these kinds.
    ///
    /// # Errors
    /// The class is there, but not in such a version.
    pub fn find(
        &self,
        kinds: &[PluginKind],
        name: &str,
        range: Option<&VersionRange>,
    ) -> Result<Option<&Arc<Plugin>>, PluginError> {
        let mut copies = self.all_of(name).filter(|plugin| kinds.contains(&plugin.kind())).peekable();
        if copies.peek().is_none() {
            return Ok(None);
        }
        let Some(range) = range else { return Ok(copies.last()) };
        match copies.filter(|plugin| range.contains(&Version::parse(&plugin.version))).last() {
            Some(plugin) => Ok(Some(plugin)),
            None => Err(PluginError::NoSuchVersion {
                class: self.full_name(name).to_owned(),
                range: range.to_string(),
                available: self.all_of(name).map(|plugin| plugin.version.clone()).collect(),
            }),
        }
    }

    /// A connector by name or alias.
    ///
    /// # Errors
    /// No connector or several go by the name, or none of them in such a version.
    pub fn connector(&self, name: &str, range: Option<&VersionRange>) -> Result<&Arc<Plugin>, PluginError> {
        if let Some(plugin) = self.find(CONNECTORS, name, range)? {
            return Ok(plugin);
        }
        let connectors = self.of_kinds(CONNECTORS);
        let longer = format!("{name}Connector");
        let matching: BTreeSet<&str> = connectors
            .iter()
            .filter(|plugin| plugin.simple_name() == name || plugin.simple_name() == longer)
            .map(|plugin| plugin.class.as_str())
            .collect();
        let descriptions = || join(&connectors);
        match matching.first() {
            Some(class) if matching.len() == 1 => {
                let class = (*class).to_owned();
                self.find(CONNECTORS, &class, range)?.ok_or(PluginError::NotFound(class))
            }
            Some(_) => Err(PluginError::NotFound(format!(
                "More than one connector matches alias {name}. Please use full package and class name instead. Classes \
                 found: {}",
                descriptions()
            ))),
            None => Err(PluginError::NotFound(format!(
                "Failed to find any class that implements Connector and which name matches {name}, available connectors \
                 are: {}{}",
                descriptions(),
                self.hint(CONNECTORS, name)
            ))),
        }
    }

    /// A converter, transformation or predicate by name or alias.
    ///
    /// # Errors
    /// None goes by the name, or none of them in such a version.
    pub fn plugin(
        &self,
        kind: PluginKind,
        name: &str,
        range: Option<&VersionRange>,
    ) -> Result<&Arc<Plugin>, PluginError> {
        self.find(&[kind], name, range)?.ok_or_else(|| {
            PluginError::NotFound(format!(
                "Failed to find any class that implements {} and which name matches {name}, available plugins are: {}{}",
                interface(kind),
                join(&self.of_kinds(&[kind])),
                self.hint(&[kind], name)
            ))
        })
    }

    /// A plug-in of any listed kind by name or alias, as `GET /connector-plugins/{plugin}/config` looks it up.
    ///
    /// # Errors
    /// The class is there, but not in such a version.
    pub fn any(&self, name: &str, range: Option<&VersionRange>) -> Result<Option<&Arc<Plugin>>, PluginError> {
        const ALL: [PluginKind; 6] = [
            PluginKind::Source,
            PluginKind::Sink,
            PluginKind::Converter,
            PluginKind::HeaderConverter,
            PluginKind::Transformation,
            PluginKind::Predicate,
        ];
        for kind in ALL {
            if let Some(found) = self.find(&[kind], name, range)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// ` Did you mean …?` with the names most like `name`, or nothing.
    pub fn hint(&self, kinds: &[PluginKind], name: &str) -> String {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for plugin in self.of_kinds(kinds) {
            names.insert(&plugin.class);
            let aliases = self.aliases.iter().filter(|(_, class)| class.as_deref() == Some(plugin.class.as_str()));
            names.extend(aliases.map(|(alias, _)| alias.as_str()));
        }
        let near = nearest(name, names);
        if near.is_empty() { String::new() } else { format!(". Did you mean {}?", near.join(" or ")) }
    }
}

fn add_alias(aliases: &mut HashMap<String, Option<String>>, alias: &str, class: &str) {
    match aliases.entry(alias.to_owned()) {
        Entry::Vacant(free) => {
            free.insert(Some(class.to_owned()));
        }
        Entry::Occupied(mut taken) => {
            if taken.get().as_deref().is_some_and(|other| other != class) {
                tracing::debug!(alias, class, "ignoring an alias that several plug-ins go by");
                taken.insert(None);
            }
        }
    }
}

/// `PluginDesc{…}, PluginDesc{…}`.
fn join(plugins: &[&Arc<Plugin>]) -> String {
    plugins.iter().map(|plugin| describe(plugin)).collect::<Vec<_>>().join(", ")
}

/// A plug-in as Java's messages print it.
fn describe(plugin: &Plugin) -> String {
    let Plugin { class, version, .. } = plugin;
    let kind = plugin.kind().name();
    format!(
        "PluginDesc{{klass=class {class}, name='{class}', version='{version}', encodedVersion={version}, type={kind}, \
         typeName='{kind}', location='classpath'}}"
    )
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
