//! `TopicRegexRouter`: changes the topic by a regular expression of RE2.
//!
//! Counterpart: `io.confluent.connect.cloud.transforms.TopicRegexRouter`.

use std::sync::Arc;

use milena_api::config::{ConfigDef, ConfigMap, Type};
use milena_api::error::Result;
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{definition, high, invalid};
use crate::regex_router::Rule;
use crate::topic_cache::TopicCache;

/// Changes topics that match as a whole.
#[derive(Default)]
pub struct TopicRegexRouter {
    rule: Option<Rule>,
    topics: TopicCache<Option<Arc<str>>>,
}

impl Transformation for TopicRegexRouter {
    fn config(&self) -> Result<ConfigDef> {
        definition([
            high("regex", Type::String, "The regular expression, of RE2, that a topic has to match as a whole."),
            high("replacement", Type::String, "The new topic; $1 stands for the first group of the match."),
        ])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        let pattern = config.string("regex")?;
        let translated = from_re2(pattern).map_err(|why| invalid("regex", pattern, why))?;
        self.rule = Some(Rule::new("regex", &translated, config.string("replacement")?)?);
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

/// The same expression as Java writes it. What RE2 does not know is refused: a user of it relies on linear time.
fn from_re2(pattern: &str) -> std::result::Result<String, String> {
    let unknown = |what: &str| Err(format!("Invalid regex: RE2 has no {what}"));
    let (mut out, mut class) = (String::with_capacity(pattern.len()), false);
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if let Some(escaped) = rest.strip_prefix('\\').and_then(|rest| rest.chars().next()) {
            if !class && matches!(escaped, '1'..='9' | 'k') {
                return unknown("back-references");
            }
            out.push(c);
            out.push(escaped);
            rest = &rest[1 + escaped.len_utf8()..];
            continue;
        }
        if !class {
            if ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|look| rest.starts_with(look)) {
                return unknown("look-around");
            }
            if rest.starts_with("(?>") {
                return unknown("atomic groups");
            }
            if c == '+' && out.ends_with(['+', '*', '?', '}']) && !out.ends_with("\\+") {
                return unknown("possessive quantifiers");
            }
            if let Some(named) = rest.strip_prefix("(?P<") {
                out.push_str("(?<");
                rest = named;
                continue;
            }
        }
        class = match c {
            '[' => true,
            ']' => false,
            _ => class,
        };
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::from_re2;

    #[test]
    fn what_re2_does_not_know_is_refused() {
        for pattern in ["(?=a)", "(?<!a)b", r"(a)\1", "(?>a)", "a++", "a{2}+"] {
            assert!(from_re2(pattern).is_err(), "{pattern}");
        }
        for (pattern, java) in [("(?P<n>a)", "(?<n>a)"), ("[(?=]+", "[(?=]+"), (r"a\++", r"a\++"), ("(.*)", "(.*)")] {
            assert_eq!(from_re2(pattern).as_deref(), Ok(java));
        }
    }
}
