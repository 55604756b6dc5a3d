//! `RegexRouter`: changes the topic by a regular expression.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.RegexRouter`.

use std::sync::Arc;

use fancy_regex::Regex;
use milena_api::config::{ConfigDef, ConfigMap, Type, Validator, compile_java_regex, compile_java_regex_whole};
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{definition, high, invalid};
use crate::replacement;
use crate::topic_cache::TopicCache;

/// Changes topics that match as a whole.
#[derive(Default)]
pub struct RegexRouter {
    rule: Option<Rule>,
    /// The new topic by the old one; `None` where it stays.
    topics: TopicCache<Option<Arc<str>>>,
}

/// A regular expression and what takes the place of its match.
pub(crate) struct Rule {
    whole: Regex,
    part: Regex,
    replacement: String,
}

impl Rule {
    /// `key` is the configuration key that an error names.
    pub(crate) fn new(key: &str, pattern: &str, replacement: &str) -> Result<Rule> {
        Ok(Rule { whole: whole(key, pattern)?, part: compile(key, pattern)?, replacement: replacement.to_owned() })
    }

    /// What becomes of a topic; `None` if it does not match as a whole.
    pub(crate) fn apply(&self, topic: &str) -> Result<Option<Arc<str>>> {
        let failed =
            |cause: fancy_regex::Error| Error::data(format!("matching topic {topic}: {cause}")).with_source(cause);
        if !self.whole.is_match(topic).map_err(failed)? {
            return Ok(None);
        }
        // As in Java: the whole topic decides, and then the first place that matches is replaced.
        let Some(captures) = self.part.captures(topic).map_err(failed)? else { return Ok(None) };
        let Some(found) = captures.get(0) else { return Ok(None) };
        let mut routed = topic[..found.start()].to_owned();
        replacement::append(&mut routed, &self.replacement, &self.part, &captures)?;
        routed.push_str(&topic[found.end()..]);
        Ok(Some(Arc::from(routed)))
    }
}

impl RegexRouter {
    /// A router that has been configured; `key` is the configuration key that an error about the pattern names.
    pub(crate) fn of(key: &str, pattern: &str, replacement: &str) -> Result<Self> {
        Ok(RegexRouter { rule: Some(Rule::new(key, pattern, replacement)?), topics: TopicCache::default() })
    }

    /// The topic that a topic becomes, worked out anew.
    pub(crate) fn routed(&self, topic: &Arc<str>) -> Result<Arc<str>> {
        let routed = self.rule.as_ref().map(|rule| rule.apply(topic)).transpose()?.flatten();
        Ok(routed.unwrap_or_else(|| Arc::clone(topic)))
    }
}

/// Matches only texts that `pattern` matches as a whole.
pub(crate) fn whole(key: &str, pattern: &str) -> Result<Regex> {
    compile_java_regex_whole(pattern).map_err(|why| refused(key, pattern, &why))
}

pub(crate) fn compile(key: &str, pattern: &str) -> Result<Regex> {
    compile_java_regex(pattern).map_err(|why| refused(key, pattern, &why))
}

fn refused(key: &str, pattern: &str, why: &str) -> Error {
    invalid(key, pattern, format!("Invalid regex: {why}")).into()
}

impl Transformation for RegexRouter {
    fn config(&self) -> Result<ConfigDef> {
        definition([
            high("regex", Type::String, "The regular expression that a topic has to match as a whole.")
                .validator(Validator::regex()),
            high("replacement", Type::String, "The new topic; $1 stands for the first group of the match."),
        ])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        *self = Self::of("regex", config.string("regex")?, config.string("replacement")?)?;
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        if let Some(rule) = &self.rule
            && let Some(routed) = self.topics.get(&record.topic, |topic| rule.apply(topic))?
        {
            record.topic = routed;
        }
        Ok(Outcome::Keep)
    }
}
