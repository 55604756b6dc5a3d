//! `ConnectorConfig`: the settings of a connector that the runtime acts on, parsed when the connector or a task starts.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.{ConnectorConfig, SourceConnectorConfig, SinkConnectorConfig}`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use milena_api::Result;
use milena_api::config::{ConfigInput, ConfigMap, ParsedConfig};

use super::connector_keys::{Defaults, Side, connector_keys};
use super::enrichment::{BrokenAlias, with_aliases};
use crate::plugins::PluginRegistry;

/// Settings of a connector. Variables of config providers are resolved; `Debug` leaves the values out.
#[derive(Clone)]
pub struct ConnectorConfig {
    originals: ConfigMap,
    parsed: ParsedConfig,
    side: Side,
}

/// `errors.deadletterqueue.*` of a sink with a dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterQueueConfig {
    /// Topic.
    pub topic: String,
    /// Replication factor, where it has to be created.
    pub replication_factor: i16,
    /// Whether dead letters say what failed.
    pub context_headers: bool,
}

/// What a sink reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkTopics {
    /// These topics.
    Topics(Vec<String>),
    /// Topics whose whole name matches.
    Regex(String),
}

impl ConnectorConfig {
    /// Parses a configuration strictly: every key, and every alias of a transformation or predicate.
    ///
    /// # Errors
    /// The first key that is missing or invalid.
    pub fn parse(config: ConfigMap, side: Side, registry: &Arc<PluginRegistry>) -> Result<Self> {
        let classes = |name: &str| registry.load_class(name);
        let base = connector_keys(side, Some(registry), &Defaults::default())?;
        // Of two mistakes, the one in a plain key is told first.
        base.parse_with(&config, &classes)?;
        let input: ConfigInput = config.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
        let definition = with_aliases(base, registry, &input, BrokenAlias::Refuse)?;
        let parsed = definition.parse_with(&config, &classes)?;
        Ok(ConnectorConfig { originals: config, parsed, side })
    }

    /// The configuration as it was given, variables resolved.
    pub fn originals(&self) -> &ConfigMap {
        &self.originals
    }

    /// All defined keys.
    pub fn parsed(&self) -> &ParsedConfig {
        &self.parsed
    }

    /// Source or sink.
    pub fn side(&self) -> Side {
        self.side
    }

    fn text(&self, key: &str) -> &str {
        self.parsed.string(key).unwrap_or_default()
    }

    fn flag(&self, key: &str) -> bool {
        self.parsed.boolean(key).unwrap_or_default()
    }

    fn long(&self, key: &str) -> i64 {
        self.parsed.long(key).unwrap_or_default()
    }

    fn list(&self, key: &str) -> &[String] {
        self.parsed.list(key).unwrap_or_default()
    }

    /// `name`.
    pub fn name(&self) -> &str {
        self.text("name")
    }

    /// `connector.class`, as it was given.
    pub fn class(&self) -> &str {
        self.text("connector.class")
    }

    /// `connector.plugin.version`.
    pub fn version(&self) -> Option<&str> {
        self.parsed.opt_string("connector.plugin.version").unwrap_or_default()
    }

    /// `tasks.max`.
    pub fn tasks_max(&self) -> usize {
        self.parsed.int("tasks.max").ok().and_then(|n| n.try_into().ok()).unwrap_or(1)
    }

    /// `tasks.max.enforce`.
    pub fn enforces_tasks_max(&self) -> bool {
        self.flag("tasks.max.enforce")
    }

    /// `config.action.reload=restart`.
    pub fn reloads(&self) -> bool {
        self.text("config.action.reload") == "restart"
    }

    /// Aliases of transformations, in order.
    pub fn transforms(&self) -> &[String] {
        self.list("transforms")
    }

    /// Aliases of predicates.
    pub fn predicates(&self) -> &[String] {
        self.list("predicates")
    }

    /// `errors.retry.timeout`: how long to retry; `None` for ever, zero not at all.
    pub fn errors_retry_timeout(&self) -> Option<Duration> {
        // A negative time is for ever.
        u64::try_from(self.long("errors.retry.timeout")).ok().map(Duration::from_millis)
    }

    /// `errors.retry.delay.max.ms`.
    pub fn errors_retry_delay_max(&self) -> Duration {
        Duration::from_millis(self.long("errors.retry.delay.max.ms").try_into().unwrap_or(0))
    }

    /// `errors.tolerance=all`.
    pub fn tolerates_all_errors(&self) -> bool {
        self.text("errors.tolerance") == "all"
    }

    /// `errors.log.enable`.
    pub fn logs_errors(&self) -> bool {
        self.flag("errors.log.enable")
    }

    /// `errors.log.include.messages`.
    pub fn logs_error_messages(&self) -> bool {
        self.flag("errors.log.include.messages")
    }

    /// What a sink reads.
    pub fn sink_topics(&self) -> SinkTopics {
        match self.text("topics.regex") {
            "" => SinkTopics::Topics(sink_topics(self.list("topics"))),
            regex => SinkTopics::Regex(regex.to_owned()),
        }
    }

    /// Dead-letter queue of a sink; `None` without one.
    pub fn dead_letter_queue(&self) -> Option<DeadLetterQueueConfig> {
        let topic = self.text("errors.deadletterqueue.topic.name");
        (!topic.is_empty()).then(|| DeadLetterQueueConfig {
            topic: topic.to_owned(),
            replication_factor: self.parsed.short("errors.deadletterqueue.topic.replication.factor").unwrap_or(3),
            context_headers: self.flag("errors.deadletterqueue.context.headers.enable"),
        })
    }

    /// `topic.creation.groups` of a source.
    pub(super) fn topic_creation_groups(&self) -> &[String] {
        self.list("topic.creation.groups")
    }

    /// `offsets.storage.topic` of a source.
    pub fn offsets_topic(&self) -> Option<&str> {
        self.parsed.opt_string("offsets.storage.topic").unwrap_or_default()
    }

    /// `exactly.once.support` of a source, in lower case.
    pub fn exactly_once_support(&self) -> String {
        self.text("exactly.once.support").to_lowercase()
    }

    /// `transaction.boundary` of a source, in lower case.
    pub fn transaction_boundary(&self) -> String {
        self.text("transaction.boundary").to_lowercase()
    }
}

impl fmt::Debug for ConnectorConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectorConfig").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// Names of topics without blanks and empty ones, each once.
pub(crate) fn sink_topics(items: &[String]) -> Vec<String> {
    let mut topics: Vec<String> = Vec::new();
    for item in items.iter().map(|item| item.trim()).filter(|item| !item.is_empty()) {
        if topics.iter().all(|topic| topic != item) {
            topics.push(item.to_owned());
        }
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::test_plugins::registry;

    fn parse(side: Side, pairs: &[(&str, &str)]) -> Result<ConnectorConfig> {
        let mut config = ConfigMap::from_iter([
            ("name".to_owned(), "c".to_owned()),
            ("connector.class".to_owned(), "TestSource".to_owned()),
        ]);
        config.extend(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        ConnectorConfig::parse(config, side, &Arc::new(registry()))
    }

    #[test]
    fn defaults_are_those_of_java() {
        let config = parse(Side::Source, &[]).unwrap();
        assert_eq!((config.tasks_max(), config.enforces_tasks_max(), config.reloads()), (1, true, true));
        assert_eq!(config.errors_retry_timeout(), Some(Duration::ZERO));
        assert_eq!(config.errors_retry_delay_max(), Duration::from_secs(60));
        assert!(!config.tolerates_all_errors() && !config.logs_errors() && !config.logs_error_messages());
        assert_eq!(config.version(), None);
    }

    #[test]
    fn a_sink_reads_topics_or_a_pattern() {
        let sink = parse(Side::Sink, &[("topics", "a, b,a"), ("errors.deadletterqueue.topic.name", "dlq")]).unwrap();
        assert_eq!(sink.sink_topics(), SinkTopics::Topics(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(sink.dead_letter_queue().unwrap().replication_factor, 3);
        let sink = parse(Side::Sink, &[("topics.regex", "a.*")]).unwrap();
        assert_eq!(sink.sink_topics(), SinkTopics::Regex("a.*".to_owned()));
        assert_eq!(sink.dead_letter_queue(), None);
    }

    #[test]
    fn a_broken_alias_stops_the_connector() {
        for (pairs, message) in [
            (
                &[("transforms", "t")][..],
                "Invalid value null for configuration transforms.t.type: Not a Transformation",
            ),
            (
                &[("transforms", "t"), ("transforms.t.type", "gone")],
                "Invalid value gone for configuration transforms.t.type: Class gone could not be found.",
            ),
            (
                &[("transforms", "t"), ("transforms.t.type", "Touch")],
                "Missing required configuration \"transforms.t.field\" which has no default value.",
            ),
            (
                &[("predicates", "p"), ("predicates.p.type", "Touch")],
                "Class class test.Touch does not implement the Predicate interface",
            ),
            (
                &[("tasks.max", "0"), ("transforms", "t")],
                "Invalid value 0 for configuration tasks.max: Value must be at least 1",
            ),
        ] {
            assert_eq!(parse(Side::Source, pairs).unwrap_err().to_string(), message);
        }
        assert!(
            parse(Side::Source, &[("transforms", "t"), ("transforms.t.type", "Touch"), ("transforms.t.field", "f")])
                .is_ok()
        );
    }
}
