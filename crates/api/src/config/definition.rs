//! `ConfigDef`: the keys of a configuration, in order. Counterpart: `org.apache.kafka.common.config.ConfigDef`.

use std::cmp::Ordering;

use indexmap::IndexMap;

use super::error::ConfigError;
use super::key::{ConfigKey, ConfigKeyInfo, DefaultValue};

/// Definition of a configuration: its keys in the order of their definition.
#[derive(Clone, Debug, Default)]
pub struct ConfigDef {
    keys: IndexMap<String, ConfigKey>,
    /// In the order in which keys first named them.
    groups: Vec<String>,
}

impl ConfigDef {
    /// No keys.
    pub fn new() -> Self {
        ConfigDef::default()
    }

    /// These keys.
    ///
    /// # Errors
    /// As [`ConfigDef::define`].
    pub fn of(keys: impl IntoIterator<Item = ConfigKey>) -> Result<Self, ConfigError> {
        keys.into_iter().try_fold(ConfigDef::new(), ConfigDef::define)
    }

    /// Adds a key.
    ///
    /// # Errors
    /// The name is there already; the default is not of the type, or the validator refuses it.
    pub fn define(mut self, key: ConfigKey) -> Result<Self, ConfigError> {
        if self.keys.contains_key(&key.name) {
            return Err(ConfigError::DefinedTwice { key: key.name });
        }
        match (&key.default, &key.validator) {
            (DefaultValue::Unparsable(error), _) => return Err(error.clone()),
            (DefaultValue::Value(value), Some(validator)) => validator.ensure_valid(&key.name, value)?,
            (DefaultValue::Value(_), None) | (DefaultValue::Required, _) => {}
        }
        if let Some(group) = &key.group
            && !self.groups.contains(group)
        {
            self.groups.push(group.clone());
        }
        self.keys.insert(key.name.clone(), key);
        Ok(self)
    }

    /// Adds the keys of another definition, unchanged.
    ///
    /// # Errors
    /// As [`ConfigDef::define`].
    pub fn define_all(self, other: &ConfigDef) -> Result<Self, ConfigError> {
        other.keys().cloned().try_fold(self, ConfigDef::define)
    }

    /// Changes one key, for definitions that differ from another in little; nothing happens if it is not there. Counterpart: none, Java authors
    /// copy the map of keys.
    ///
    /// # Errors
    /// As [`ConfigDef::define`], of which the key's name must stay the same.
    pub fn redefine(mut self, name: &str, change: impl FnOnce(ConfigKey) -> ConfigKey) -> Result<Self, ConfigError> {
        let Some(key) = self.keys.get(name) else { return Ok(self) };
        // Checked on its own first: `define` is where a key's rules are.
        let changed = ConfigDef::new().define(change(key.clone()))?;
        for group in changed.groups {
            if !self.groups.contains(&group) {
                self.groups.push(group);
            }
        }
        if let Some(slot) = self.keys.get_mut(name)
            && let Some((_, key)) = changed.keys.into_iter().next()
        {
            *slot = key;
        }
        Ok(self)
    }

    /// The keys in the order of their definition.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &ConfigKey> + Clone {
        self.keys.values()
    }

    /// A key.
    pub fn key(&self, name: &str) -> Option<&ConfigKey> {
        self.keys.get(name)
    }

    /// True if the key is defined.
    pub fn contains(&self, name: &str) -> bool {
        self.keys.contains_key(name)
    }

    /// Names in the order of definition.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.keys.keys().map(String::as_str)
    }

    /// True without keys.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Groups in the order in which keys first named them.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// The definitions as texts, in the order of definition.
    pub fn infos(&self) -> Vec<ConfigKeyInfo> {
        self.keys().map(ConfigKey::info).collect()
    }

    /// The keys in listing order: keys without group first, then group by group; in a group by order, required ones first, by importance, by name.
    pub fn sorted_keys(&self) -> Vec<&ConfigKey> {
        let place = |key: &ConfigKey| key.group.as_ref().map(|name| self.groups.iter().position(|group| group == name));
        let mut keys: Vec<&ConfigKey> = self.keys().collect();
        keys.sort_by(|a, b| {
            place(a)
                .cmp(&place(b))
                .then_with(|| a.order_in_group.cmp(&b.order_in_group))
                .then_with(|| required_first(a, b))
                .then_with(|| a.importance.cmp(&b.importance))
                .then_with(|| a.name.encode_utf16().cmp(b.name.encode_utf16()))
        });
        keys
    }

    /// Names that keys give as dependents and that are not defined, each once.
    pub(super) fn undefined_dependents(&self) -> Vec<&str> {
        let mut missing: Vec<&str> = Vec::new();
        for name in self.keys().flat_map(|key| &key.dependents) {
            if !self.contains(name) && !missing.contains(&name.as_str()) {
                missing.push(name);
            }
        }
        missing
    }
}

fn required_first(a: &ConfigKey, b: &ConfigKey) -> Ordering {
    b.is_required().cmp(&a.is_required())
}
