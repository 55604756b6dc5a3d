//! Embedding: the keys of one definition under a prefix in another, as transforms and predicates appear in a connector's.

use std::sync::Arc;

use super::definition::ConfigDef;
use super::error::ConfigError;
use super::parsed::ParsedConfig;
use super::recommender::Recommender;

impl ConfigDef {
    /// Adds the keys of `child` in listing order, each with `prefix` before its name and its dependents. They go into the group `group`, or
    /// `group: <their group>`, numbered from `first_order`. Validators and recommenders see the names without prefix, and recommenders only the
    /// keys behind it. As in Kafka, `parse` does not take repeats out of embedded lists.
    ///
    /// # Errors
    /// A key that is there already.
    pub fn embed(
        mut self,
        prefix: &str,
        group: &str,
        first_order: i32,
        child: &ConfigDef,
    ) -> Result<ConfigDef, ConfigError> {
        for (order, key) in (first_order..).zip(child.sorted_keys()) {
            let mut key = key.clone();
            key.name = format!("{prefix}{}", key.name);
            key.group = Some(match &key.group {
                Some(own) => format!("{group}: {own}"),
                None => group.to_owned(),
            });
            key.order_in_group = order;
            key.dependents = key.dependents.iter().map(|name| format!("{prefix}{name}")).collect();
            key.validator = key.validator.map(|validator| validator.embedded(prefix));
            key.recommender = key.recommender.map(|inner| {
                Arc::new(EmbeddedRecommender { prefix: prefix.to_owned(), inner }) as Arc<dyn Recommender>
            });
            self = self.define(key)?;
        }
        Ok(self)
    }
}

/// Shows an embedded recommender its own names and its own part of the configuration.
pub(super) struct EmbeddedRecommender {
    prefix: String,
    pub(super) inner: Arc<dyn Recommender>,
}

impl EmbeddedRecommender {
    pub(super) fn own_name<'a>(&self, name: &'a str) -> &'a str {
        name.strip_prefix(&self.prefix).unwrap_or(name)
    }

    pub(super) fn own_part(&self, parsed: &ParsedConfig) -> ParsedConfig {
        parsed
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(&self.prefix)?.to_owned(), value.clone())))
            .collect()
    }
}
