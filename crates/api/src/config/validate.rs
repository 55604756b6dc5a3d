//! Validation: every key is checked and every error kept.

use indexmap::IndexMap;

use super::ConfigInput;
use super::class::ClassResolver;
use super::definition::ConfigDef;
use super::error::ConfigError;
use super::key::{ConfigKey, DefaultValue};
use super::parse::parse_type;
use super::parsed::ParsedConfig;
use super::value::Parsed;

/// What validation says of one key. Counterpart: `org.apache.kafka.common.config.ConfigValue`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigValue {
    /// Name of the key.
    pub name: String,
    /// Its value; null if it could not be parsed.
    pub value: Parsed,
    /// Values on offer.
    pub recommended_values: Vec<Parsed>,
    /// Everything that is wrong.
    pub errors: Vec<String>,
    /// False if the key means nothing with this configuration.
    pub visible: bool,
}

impl ConfigValue {
    /// A visible key without value and errors.
    pub fn new(name: impl Into<String>) -> Self {
        ConfigValue {
            name: name.into(),
            value: Parsed::Null,
            recommended_values: Vec::new(),
            errors: Vec::new(),
            visible: true,
        }
    }

    /// Adds an error.
    pub fn add_error(&mut self, message: impl ToString) {
        self.errors.push(message.to_string());
    }
}

impl ConfigDef {
    /// Checks every key, each once per path on which it depends on others. Values that are null count as set. The answers are in the order of
    /// definition; dependents that are not defined follow. CLASS values are taken as they are.
    pub fn validate(&self, config: &ConfigInput) -> Vec<ConfigValue> {
        Validation::new(self, config, None).run().into_values().collect()
    }

    /// As [`ConfigDef::validate`]; CLASS values must be known to `classes`, and become full names.
    pub fn validate_with(&self, config: &ConfigInput, classes: &dyn ClassResolver) -> Vec<ConfigValue> {
        Validation::new(self, config, Some(classes)).run().into_values().collect()
    }

    /// As [`ConfigDef::validate_with`], by name, for those who add to the answers.
    pub fn validate_all(
        &self,
        config: &ConfigInput,
        classes: Option<&dyn ClassResolver>,
    ) -> IndexMap<String, ConfigValue> {
        Validation::new(self, config, classes).run()
    }
}

/// One run of validation.
struct Validation<'a> {
    def: &'a ConfigDef,
    config: &'a ConfigInput,
    classes: Option<&'a dyn ClassResolver>,
    parsed: ParsedConfig,
    answers: IndexMap<String, ConfigValue>,
}

impl<'a> Validation<'a> {
    fn new(def: &'a ConfigDef, config: &'a ConfigInput, classes: Option<&'a dyn ClassResolver>) -> Self {
        let answers = def.names().map(|name| (name.to_owned(), ConfigValue::new(name))).collect();
        Validation { def, config, classes, parsed: ParsedConfig::default(), answers }
    }

    fn run(mut self) -> IndexMap<String, ConfigValue> {
        for name in self.def.undefined_dependents() {
            let mut answer = ConfigValue::new(name);
            answer.add_error(format!("{name} is referred in the dependents, but not defined."));
            answer.visible = false;
            self.answers.insert(name.to_owned(), answer);
        }
        // Recommenders look at all values, so they come second.
        for visit in [Self::parse as fn(&mut Self, &ConfigKey), Self::recommend] {
            for key in self.roots() {
                self.walk(key, &mut Vec::new(), visit);
            }
        }
        self.answers
    }

    /// Keys that no other depends on. Keys in a ring have no root and are not visited, as in Kafka.
    fn roots(&self) -> Vec<&'a ConfigKey> {
        let def = self.def;
        let is_dependent = |name: &str| def.keys().any(|key| key.dependents.iter().any(|dependent| dependent == name));
        def.keys().filter(|key| !is_dependent(&key.name)).collect()
    }

    /// Visits a key, then its dependents; `path` keeps rings behind a root from going on for ever.
    fn walk(&mut self, key: &'a ConfigKey, path: &mut Vec<&'a str>, visit: fn(&mut Self, &ConfigKey)) {
        visit(self, key);
        path.push(&key.name);
        for name in &key.dependents {
            if let Some(dependent) = self.def.key(name)
                && !path.contains(&name.as_str())
            {
                self.walk(dependent, path, visit);
            }
        }
        path.pop();
    }

    fn parse(&mut self, key: &ConfigKey) {
        let parsed = match (self.config.get(&key.name), &key.default) {
            (Some(text), _) => parse_type(&key.name, text.as_deref(), key.ty, self.classes),
            (None, DefaultValue::Value(value)) => Ok(value.clone()),
            (None, DefaultValue::Required) => Err(ConfigError::Missing { key: key.name.clone() }),
            (None, DefaultValue::Unparsable(error)) => Err(error.clone()),
        };
        let Some(answer) = self.answers.get_mut(&key.name) else { return };
        let value = parsed.unwrap_or_else(|error| {
            answer.add_error(error);
            Parsed::Null
        });
        // Also after a parse error, on null: hence two messages for one mistake, as in Kafka.
        if let Some(validator) = &key.validator
            && let Err(error) = validator.ensure_valid(&key.name, &value)
        {
            answer.add_error(error);
        }
        answer.value = value.clone();
        self.parsed.insert(key.name.clone(), value);
    }

    fn recommend(&mut self, key: &ConfigKey) {
        let (Some(recommender), Some(answer)) = (&key.recommender, self.answers.get_mut(&key.name)) else { return };
        let offered = recommender.valid_values(&key.name, &self.parsed).and_then(|mut values| {
            // A second visit, on another path, keeps what both offer.
            if !answer.recommended_values.is_empty() {
                values.retain(|value| answer.recommended_values.contains(value));
            }
            answer.recommended_values = values;
            answer.visible = recommender.visible(&key.name, &self.parsed)?;
            Ok(())
        });
        if let Err(error) = offered {
            answer.add_error(error);
        }
    }
}
