//! `TopicNameMatches`: true for records whose topic matches a regular expression as a whole.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.predicates.TopicNameMatches`.

use fancy_regex::Regex;
use milena_api::config::{ConfigDef, ConfigMap, Type, Validator};
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::Predicate;

use crate::config::{definition, medium};
use crate::regex_router::whole;
use crate::topic_cache::TopicCache;

/// Looks at the topic, as earlier transformations left it.
#[derive(Default)]
pub struct TopicNameMatches {
    pattern: Option<Regex>,
    topics: TopicCache<bool>,
}

impl Predicate for TopicNameMatches {
    fn config(&self) -> Result<ConfigDef> {
        let doc = "The regular expression that the topic has to match as a whole.";
        let check = Validator::all([Validator::non_empty_string(), Validator::regex()]);
        definition([medium("pattern", Type::String, doc).validator(check)])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        self.pattern = Some(whole("pattern", self.config()?.parse(config)?.string("pattern")?)?);
        Ok(())
    }

    fn test(&mut self, record: &dyn Record) -> Result<bool> {
        let Some(pattern) = &self.pattern else { return Ok(false) };
        self.topics.get(&record.topic, |topic| {
            pattern
                .is_match(topic)
                .map_err(|cause| Error::data(format!("matching topic {topic}: {cause}")).with_source(cause))
        })
    }
}
