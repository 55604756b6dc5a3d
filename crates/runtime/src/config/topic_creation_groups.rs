//! `TopicCreationGroups`: with which settings a source connector's topics are created (KIP-158).
//!
//! Counterpart: `org.apache.kafka.connect.util.TopicCreation`, `org.apache.kafka.connect.runtime.TopicCreationConfig`.

use fancy_regex::Regex;
use milena_api::config::{
    ConfigDef, ConfigError, ConfigKey, ConfigMap, Importance, Parsed, Type, Validator, compile_java_regex,
    compile_java_regex_whole,
};
use milena_api::{Error, Result};

use super::connector_config::ConnectorConfig;
use super::worker_config::with_prefix;

const PREFIX: &str = "topic.creation.";
const DEFAULT: &str = "default";

/// Groups of topics, in the order in which they are tried.
#[derive(Clone, Debug)]
pub struct TopicCreationGroups {
    groups: Vec<TopicCreationGroup>,
    default: TopicCreationGroup,
}

/// Settings for the topics of a group.
#[derive(Clone, Debug)]
pub struct TopicCreationGroup {
    /// Name.
    pub name: String,
    /// Number of partitions; -1 for the brokers' default.
    pub partitions: i32,
    /// Replication factor; -1 for the brokers' default.
    pub replication_factor: i16,
    /// Settings of the topic itself.
    pub configs: ConfigMap,
    include: Regex,
    exclude: Regex,
}

impl TopicCreationGroups {
    /// The groups of a source connector; `None` if it has no `topic.creation.` settings, and topics are left to the brokers.
    ///
    /// # Errors
    /// The group `default` is incomplete, a number or pattern is invalid.
    pub fn parse(config: &ConnectorConfig) -> Result<Option<Self>> {
        let originals = config.originals();
        if !originals.keys().any(|key| key.starts_with(PREFIX)) {
            return Ok(None);
        }
        let default = group(DEFAULT, originals, None)?;
        let mut groups = Vec::new();
        for name in config.topic_creation_groups() {
            if name == DEFAULT {
                tracing::warn!("topic.creation.groups names the group default, which needs no naming");
                continue;
            }
            groups.push(group(name, originals, Some(&default))?);
        }
        Ok(Some(TopicCreationGroups { groups, default }))
    }

    /// The group that a topic belongs to: the first whose patterns match its whole name, or `default`.
    pub fn of(&self, topic: &str) -> &TopicCreationGroup {
        self.groups.iter().find(|group| group.has(topic)).unwrap_or(&self.default)
    }
}

impl TopicCreationGroup {
    fn has(&self, topic: &str) -> bool {
        // A pattern that gives up on a name does not match it.
        let matches = |regex: &Regex| regex.is_match(topic).unwrap_or(false);
        !matches(&self.exclude) && matches(&self.include)
    }
}

fn group(name: &str, config: &ConfigMap, default: Option<&TopicCreationGroup>) -> Result<TopicCreationGroup> {
    let prefix = format!("{PREFIX}{name}.");
    let own = with_prefix(config, &prefix);
    let definition = keys(&prefix, default)?;
    let parsed = definition.parse(config)?;
    let patterns = |key: &str, otherwise: &str| -> Result<Regex> {
        // Topics of the default group are all that no other group has.
        let pattern = match default {
            Some(_) => parsed.list(&format!("{prefix}{key}"))?.join("|"),
            None => otherwise.to_owned(),
        };
        compile_java_regex_whole(&pattern).map_err(|reason| {
            Error::config(format!(
                "Invalid value {pattern} for configuration {prefix}{key}: Syntax error in regular expression: {reason}"
            ))
        })
    };
    Ok(TopicCreationGroup {
        name: name.to_owned(),
        partitions: parsed.int(&format!("{prefix}partitions"))?,
        replication_factor: parsed.short(&format!("{prefix}replication.factor"))?,
        include: patterns("include", ".*")?,
        exclude: patterns("exclude", "")?,
        configs: own
            .into_iter()
            .filter(|(key, _)| !matches!(key.as_str(), "include" | "exclude" | "partitions" | "replication.factor"))
            .collect(),
    })
}

fn keys(prefix: &str, default: Option<&TopicCreationGroup>) -> Result<ConfigDef, ConfigError> {
    let number = |name: &str, ty: Type, inherited: Option<String>, reason: &'static str| {
        let key = ConfigKey::new(format!("{prefix}{name}"), ty).importance(Importance::Low);
        let key = match inherited {
            Some(value) => key.default(value),
            None => key,
        };
        key.validator(Validator::custom(reason, move |name: &str, value: &Parsed| match value.as_i64() {
            Some(n) if n > 0 || n == -1 => Ok(()),
            _ => Err(ConfigError::invalid(name, value, reason)),
        }))
    };
    let patterns = |name: &str| {
        ConfigKey::new(format!("{prefix}{name}"), Type::List).default("").importance(Importance::Low).validator(
            |name: &str, value: &Parsed| {
                let items = value.as_list().unwrap_or_default();
                items.iter().try_for_each(|item| match compile_java_regex(item) {
                    Ok(_) => Ok(()),
                    Err(reason) => {
                        Err(ConfigError::invalid(name, value, format!("Syntax error in regular expression: {reason}")))
                    }
                })
            },
        )
    };
    ConfigDef::of([
        patterns("include"),
        patterns("exclude"),
        number(
            "replication.factor",
            Type::Short,
            default.map(|group| group.replication_factor.to_string()),
            "Replication factor must be positive and not larger than the number of brokers in the Kafka cluster, or -1 to use \
             the broker's default",
        ),
        number(
            "partitions",
            Type::Int,
            default.map(|group| group.partitions.to_string()),
            "Number of partitions must be positive, or -1 to use the broker's default",
        ),
    ])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::connector_keys::Side;
    use crate::plugins::test_plugins::registry;

    fn groups(pairs: &[(&str, &str)]) -> Result<Option<TopicCreationGroups>> {
        let mut config = ConfigMap::from_iter([
            ("name".to_owned(), "c".to_owned()),
            ("connector.class".to_owned(), "TestSource".to_owned()),
        ]);
        config.extend(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        TopicCreationGroups::parse(&ConnectorConfig::parse(config, Side::Source, &Arc::new(registry()))?)
    }

    #[test]
    fn the_first_group_whose_pattern_matches_the_whole_name_is_taken() {
        let groups = groups(&[
            ("topic.creation.groups", "a, default, b"),
            ("topic.creation.default.partitions", "1"),
            ("topic.creation.default.replication.factor", "-1"),
            ("topic.creation.default.include", "nothing"),
            ("topic.creation.default.cleanup.policy", "compact"),
            ("topic.creation.a.include", "x.*, y"),
            ("topic.creation.a.exclude", "xx|xy"),
            ("topic.creation.a.partitions", "7"),
            ("topic.creation.b.include", "x+"),
        ])
        .unwrap()
        .unwrap();
        for (topic, group) in
            [("x1", "a"), ("y", "a"), ("yy", "default"), ("xx", "b"), ("xy", "default"), ("ax", "default")]
        {
            assert_eq!(groups.of(topic).name, group, "{topic}");
        }
        assert_eq!((groups.of("x").partitions, groups.of("x").replication_factor), (7, -1));
        assert_eq!(groups.of("z").configs.get("cleanup.policy").map(String::as_str), Some("compact"));
        assert_eq!(groups.of("z").configs.len(), 1);
    }

    #[test]
    fn without_settings_there_are_no_groups() {
        assert!(groups(&[]).unwrap().is_none());
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        const RF: (&str, &str) = ("topic.creation.default.replication.factor", "1");
        for (pairs, message) in [
            (
                &[("topic.creation.default.partitions", "1")][..],
                "Missing required configuration \"topic.creation.default.replication.factor\" which has no default value.",
            ),
            (
                &[RF, ("topic.creation.default.partitions", "0")],
                "Invalid value 0 for configuration topic.creation.default.partitions: Number of partitions must be positive, or \
                 -1 to use the broker's default",
            ),
        ] {
            assert_eq!(groups(pairs).unwrap_err().to_string(), message);
        }
        let broken = [
            RF,
            ("topic.creation.default.partitions", "1"),
            ("topic.creation.groups", "g"),
            ("topic.creation.g.include", "("),
        ];
        let error = groups(&broken).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "Invalid value [(] for configuration topic.creation.g.include: Syntax error in regular expression: "
            ),
            "{error}"
        );
    }
}
