//! Log lines in Connect's form, logger levels by Java's names, and the log context of connectors and tasks.
//!
//! Counterparts: `org.apache.kafka.connect.util.LoggingContext`, `org.apache.kafka.connect.runtime.Loggers`. Events carry a Java
//! logger name as target where users know one; all others are Rust module paths, listed below `milena`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Arc, PoisonError, RwLock};

use indexmap::IndexMap;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Metadata, Span, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::herder::LoggerLevel;

/// Loggers that exist from the start, besides those users set.
const KNOWN: [&str; 12] = [
    "org.apache.kafka.clients.admin",
    "org.apache.kafka.clients.consumer",
    "org.apache.kafka.clients.producer",
    "org.apache.kafka.connect",
    "org.apache.kafka.connect.runtime.Worker",
    "org.apache.kafka.connect.runtime.WorkerConnector",
    "org.apache.kafka.connect.runtime.WorkerSinkTask",
    "org.apache.kafka.connect.runtime.WorkerSourceTask",
    "org.apache.kafka.connect.runtime.errors.LogReporter",
    "org.apache.kafka.connect.runtime.rest.RestServer",
    "org.apache.kafka.connect.runtime.standalone.StandaloneHerder",
    "org.apache.kafka.connect.storage.FileOffsetBackingStore",
];

/// Prefix of log lines about one connector or task, as `[name|task-0] `.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogContext(String);

impl LogContext {
    /// Lines about the worker itself: no prefix.
    pub const fn worker() -> Self {
        LogContext(String::new())
    }

    /// `[name|worker] `.
    pub fn connector(name: &str) -> Self {
        LogContext(format!("[{name}|worker] "))
    }

    /// `[name|task-0] `.
    pub fn task(connector: &str, task: u32) -> Self {
        LogContext(format!("[{connector}|task-{task}] "))
    }

    /// A span that gives its lines the prefix.
    pub fn span(&self) -> Span {
        if self.0.is_empty() { Span::none() } else { tracing::info_span!("context", prefix = %self.0) }
    }
}

/// Levels of all loggers. Cheap to clone.
#[derive(Clone)]
pub struct Loggers(Arc<RwLock<Levels>>);

struct Levels {
    root: JavaLevel,
    root_modified: Option<i64>,
    /// Sorted, so that the nearest named parent is found by walking back.
    named: BTreeMap<String, (JavaLevel, Option<i64>)>,
}

/// log4j's levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum JavaLevel {
    Off,
    Fatal,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
    All,
}

impl JavaLevel {
    /// The level of that name, whatever its case; blanks around it are ignored.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_uppercase().as_str() {
            "OFF" => JavaLevel::Off,
            "FATAL" => JavaLevel::Fatal,
            "ERROR" => JavaLevel::Error,
            "WARN" => JavaLevel::Warn,
            "INFO" => JavaLevel::Info,
            "DEBUG" => JavaLevel::Debug,
            "TRACE" => JavaLevel::Trace,
            "ALL" => JavaLevel::All,
            _ => return None,
        })
    }

    /// Upper-case name.
    pub const fn name(self) -> &'static str {
        match self {
            JavaLevel::Off => "OFF",
            JavaLevel::Fatal => "FATAL",
            JavaLevel::Error => "ERROR",
            JavaLevel::Warn => "WARN",
            JavaLevel::Info => "INFO",
            JavaLevel::Debug => "DEBUG",
            JavaLevel::Trace => "TRACE",
            JavaLevel::All => "ALL",
        }
    }

    fn allows(self, level: &Level) -> bool {
        let needed = match *level {
            Level::ERROR => JavaLevel::Error,
            Level::WARN => JavaLevel::Warn,
            Level::INFO => JavaLevel::Info,
            Level::DEBUG => JavaLevel::Debug,
            Level::TRACE => JavaLevel::Trace,
        };
        self >= needed
    }
}

impl Default for Loggers {
    fn default() -> Self {
        Loggers::new(JavaLevel::Info)
    }
}

impl Loggers {
    /// All loggers at this level.
    pub fn new(root: JavaLevel) -> Self {
        let named = BTreeMap::new();
        Loggers(Arc::new(RwLock::new(Levels { root, root_modified: None, named })))
    }

    /// Every known logger whose level is not OFF, `root` included, sorted by name.
    pub fn all(&self) -> IndexMap<String, LoggerLevel> {
        let levels = self.read();
        let mut names: Vec<&str> = KNOWN.to_vec();
        names.extend(levels.named.keys().map(String::as_str));
        names.sort_unstable();
        names.dedup();
        let mut all: Vec<(String, LoggerLevel)> = names
            .into_iter()
            .map(|name| (name.to_owned(), levels.effective(name)))
            .filter(|(_, level)| level.level != "OFF")
            .collect();
        all.push(("root".to_owned(), levels.root_level()));
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all.into_iter().collect()
    }

    /// Level of a known logger.
    pub fn level(&self, logger: &str) -> Option<LoggerLevel> {
        let levels = self.read();
        if logger.eq_ignore_ascii_case("root") {
            return Some(levels.root_level());
        }
        let known = KNOWN.contains(&logger) || levels.named.contains_key(logger);
        known.then(|| levels.effective(logger))
    }

    /// Sets a logger, and every known one whose name begins with it; gives those that changed, sorted.
    pub fn set(&self, logger: &str, level: JavaLevel) -> Vec<String> {
        let now = jiff::Timestamp::now().as_millisecond();
        let mut levels = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let root = logger.eq_ignore_ascii_case("root");
        let mut names: Vec<String> = KNOWN.iter().map(|n| (*n).to_owned()).collect();
        names.extend(levels.named.keys().cloned());
        if !root {
            names.push(logger.to_owned());
        }
        names.sort_unstable();
        names.dedup();
        // All are judged by what was before: a parent's new level must not hide that its children change too.
        let below = names.into_iter().filter(|name| root || name.starts_with(logger));
        let mut changed: Vec<String> = below.filter(|name| levels.of(name) != level).collect();
        for name in &changed {
            levels.named.insert(name.clone(), (level, Some(now)));
        }
        if root && levels.root != level {
            levels.root = level;
            levels.root_modified = Some(now);
            changed.push("root".to_owned());
            changed.sort_unstable();
        }
        drop(levels);
        tracing::callsite::rebuild_interest_cache();
        changed
    }

    fn allows(&self, metadata: &Metadata<'_>) -> bool {
        self.read().of(metadata.target()).allows(metadata.level())
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Levels> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Levels {
    fn of(&self, name: &str) -> JavaLevel {
        self.nearest(name).map_or(self.root, |(level, _)| level)
    }

    /// The entry of `name` or of its nearest parent by dots (or `::`).
    fn nearest(&self, name: &str) -> Option<(JavaLevel, Option<i64>)> {
        if self.named.is_empty() {
            return None;
        }
        let mut name = name;
        loop {
            if let Some(entry) = self.named.get(name) {
                return Some(*entry);
            }
            name = &name[..name.rfind(['.', ':'])?];
        }
    }

    fn effective(&self, name: &str) -> LoggerLevel {
        let own = self.named.get(name).and_then(|(_, modified)| *modified);
        LoggerLevel { level: self.of(name).name().to_owned(), last_modified: own }
    }

    fn root_level(&self) -> LoggerLevel {
        LoggerLevel { level: self.root.name().to_owned(), last_modified: self.root_modified }
    }
}

/// Writes log lines to standard output: `[2026-01-31 12:00:00,123] INFO [c|task-0] message (logger:line)`.
struct LineLayer {
    loggers: Loggers,
}

/// The prefix a span gives to its lines.
struct Prefix(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LineLayer {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.is_span() || self.loggers.allows(metadata)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let (Some(prefix), Some(span)) = (fields.prefix, context.span(id)) {
            span.extensions_mut().insert(Prefix(prefix));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let mut line = String::with_capacity(200);
        let now = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S,%3f").to_string();
        _ = write!(line, "[{now}] {} ", metadata.level());
        if let Some(scope) = context.event_scope(event) {
            for span in scope {
                if let Some(Prefix(prefix)) = span.extensions().get() {
                    line.push_str(prefix);
                    break;
                }
            }
        }
        line.push_str(&fields.message);
        if !fields.rest.is_empty() {
            _ = write!(line, " {{{}}}", fields.rest);
        }
        _ = writeln!(line, " ({}:{})", metadata.target(), metadata.line().unwrap_or(0));
        // One write per line, so that lines of several threads never mix; a closed output must not stop the worker.
        _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    rest: String,
    prefix: Option<String>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "message" => _ = write!(self.message, "{value:?}"),
            "prefix" => self.prefix = Some(format!("{value:?}")),
            name => {
                let comma = if self.rest.is_empty() { "" } else { ", " };
                _ = write!(self.rest, "{comma}{name}={value:?}");
            }
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

/// Installs the log of the process; the first call wins. Gives the levels to be changed over REST.
pub fn install(root: JavaLevel) -> Loggers {
    let loggers = Loggers::new(root);
    let subscriber = tracing_subscriber::registry().with(LineLayer { loggers: loggers.clone() });
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        tracing::debug!("a log is installed already");
    }
    loggers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_a_parent_changes_the_loggers_below_it() {
        let loggers = Loggers::default();
        let changed = loggers.set("org.apache.kafka.connect.runtime", JavaLevel::Debug);
        assert!(changed.contains(&"org.apache.kafka.connect.runtime".to_owned()));
        assert!(changed.contains(&"org.apache.kafka.connect.runtime.WorkerSinkTask".to_owned()));
        assert!(!changed.contains(&"org.apache.kafka.connect".to_owned()));
        assert!(loggers.set("org.apache.kafka.connect.runtime", JavaLevel::Debug).is_empty());
        let level = loggers.level("org.apache.kafka.connect.runtime.WorkerSinkTask").unwrap();
        assert_eq!(level.level, "DEBUG");
        assert!(level.last_modified.is_some());
        assert_eq!(loggers.level("nobody.knows"), None);
    }

    #[test]
    fn root_reaches_all() {
        let loggers = Loggers::default();
        assert!(loggers.set("root", JavaLevel::Error).contains(&"root".to_owned()));
        assert_eq!(loggers.level("ROOT").unwrap().level, "ERROR");
        assert_eq!(loggers.level("org.apache.kafka.connect").unwrap().level, "ERROR");
    }
}
