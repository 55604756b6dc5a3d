//! `ConfigTransformer`: replaces `${provider:path:key}` and `${provider:key}` in values by what providers give.
//!
//! Counterpart: `org.apache.kafka.common.config.ConfigTransformer`, `org.apache.kafka.connect.runtime.WorkerConfigTransformer`.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use milena_api::config::{ConfigInput, ConfigMap, HIDDEN};
use milena_api::{Error, Result};

use super::providers::{ConfigProvider, new_provider};

/// The providers of a worker. Cheap to clone.
#[derive(Clone, Default)]
pub struct ConfigTransformer {
    providers: Arc<IndexMap<String, Box<dyn ConfigProvider>>>,
}

/// A configuration with its variables replaced. `Debug` leaves the values out.
#[derive(Clone, Default)]
pub struct Transformed {
    /// The values.
    pub config: ConfigInput,
    /// For how long the values of a path hold, in milliseconds; paths whose values hold for ever are left out.
    pub ttls: IndexMap<String, i64>,
    /// Keys whose values had variables that were found: the value as given, and as it is now.
    replaced: IndexMap<String, (String, String)>,
    /// What was put in for variables.
    secrets: Vec<String>,
}

/// A reference in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Variable<'a> {
    provider: &'a str,
    path: &'a str,
    key: &'a str,
}

/// A piece of a value.
enum Piece<'a> {
    Text(&'a str),
    /// With the text that stands for it.
    Variable(Variable<'a>, &'a str),
}

impl ConfigTransformer {
    /// The providers that `config.providers` declares. One without a class is left out.
    ///
    /// # Errors
    /// An unknown class, or parameters that the provider refuses.
    pub fn from_worker(properties: &ConfigMap) -> Result<Self> {
        let mut providers = IndexMap::new();
        let names = properties.get("config.providers").map_or("", String::as_str);
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let Some(class) = properties.get(&format!("config.providers.{name}.class")) else { continue };
            let prefix = format!("config.providers.{name}.param.");
            let params = properties
                .iter()
                .filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?.to_owned(), value.clone())));
            providers.insert(name.to_owned(), new_provider(name, class.trim(), &params.collect())?);
        }
        Ok(ConfigTransformer { providers: Arc::new(providers) })
    }

    /// Replaces variables. What no provider knows stays as it is; what was put in is not looked at again.
    /// Providers may read files: call it where that is allowed.
    ///
    /// # Errors
    /// A provider's.
    pub fn transform(&self, config: &ConfigInput) -> Result<Transformed> {
        let mut wanted: IndexMap<(&str, &str), Vec<&str>> = IndexMap::new();
        for value in config.values().flatten() {
            for piece in pieces(value) {
                if let Piece::Variable(Variable { provider, path, key }, _) = piece
                    && self.providers.contains_key(provider)
                {
                    let keys = wanted.entry((provider, path)).or_default();
                    if !keys.contains(&key) {
                        keys.push(key);
                    }
                }
            }
        }
        let mut result = Transformed::default();
        let mut found: HashMap<Variable<'_>, String> = HashMap::new();
        for ((provider, path), keys) in wanted {
            let Some(source) = self.providers.get(provider) else { continue };
            let mut data = source.get(path, &keys)?;
            if let Some(ttl) = data.ttl_ms.filter(|ttl| *ttl >= 0) {
                result.ttls.insert(path.to_owned(), ttl);
            }
            for key in keys {
                if let Some(value) = data.values.swap_remove(key) {
                    found.insert(Variable { provider, path, key }, value);
                }
            }
        }
        for (key, value) in config {
            let new = value.as_ref().map(|value| replace(value, &found));
            if let (Some(old), Some(new)) = (value, &new)
                && old != new
            {
                result.replaced.insert(key.clone(), (old.clone(), new.clone()));
            }
            result.config.insert(key.clone(), new);
        }
        result.secrets = found.into_values().filter(|value| !value.is_empty()).collect();
        // The longest first, so that no part of it is left when a shorter one is in it.
        result.secrets.sort_by(|left, right| right.len().cmp(&left.len()).then_with(|| left.cmp(right)));
        result.secrets.dedup();
        Ok(result)
    }

    /// As [`ConfigTransformer::transform`] for a configuration without nulls.
    ///
    /// # Errors
    /// A provider's.
    pub fn transform_map(&self, config: &ConfigMap) -> Result<Transformed> {
        self.transform(&config.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect())
    }
}

impl Transformed {
    /// The values without keys that are null.
    pub fn to_map(&self) -> ConfigMap {
        self.config.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?))).collect()
    }

    /// The value of a key as it was given, if a provider has changed it.
    pub fn given(&self, key: &str) -> Option<&str> {
        self.replaced.get(key).map(|(given, _)| given.as_str())
    }

    /// Writes variables back into a task's configuration that a connector made of this one: where the task has the resolved
    /// value under the same key, it gets the value as given. Keeps secrets out of stores.
    pub fn reverse(&self, task_config: &mut ConfigMap) {
        for (key, (given, resolved)) in &self.replaced {
            if let Some(value) = task_config.get_mut(key).filter(|value| *value == resolved) {
                value.clone_from(given);
            }
        }
    }

    /// An error with everything hidden that providers gave, its causes included.
    pub fn mask_error(&self, error: Error) -> Error {
        let trace = error.trace();
        if self.secrets.iter().any(|secret| trace.contains(secret.as_str())) { self.masked(&error) } else { error }
    }

    fn masked(&self, error: &Error) -> Error {
        let masked = Error::new(error.kind(), self.mask(error.message().unwrap_or_default()));
        let masked = masked.with_class(error.java_class().to_owned());
        let masked = if error.message().is_none() { masked.without_message() } else { masked };
        match std::error::Error::source(error) {
            Some(cause) => match cause.downcast_ref::<Error>() {
                Some(cause) => masked.with_source(self.masked(cause)),
                None => masked.with_source(self.mask(&cause.to_string())),
            },
            None => masked,
        }
    }

    /// A text with everything hidden that providers gave.
    pub fn mask(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), HIDDEN))
    }
}

impl fmt::Debug for Transformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transformed").field("replaced", &self.replaced.keys()).finish_non_exhaustive()
    }
}

fn replace(value: &str, found: &HashMap<Variable<'_>, String>) -> String {
    let mut result = String::with_capacity(value.len());
    for piece in pieces(value) {
        result.push_str(match piece {
            Piece::Text(text) => text,
            Piece::Variable(variable, text) => found.get(&variable).map_or(text, String::as_str),
        });
    }
    result
}

/// Splits a value: a variable goes from `${` to the next `}` and has a colon; the first one ends the provider, the second the path.
fn pieces(value: &str) -> Vec<Piece<'_>> {
    let mut result = Vec::new();
    let (mut start, mut from) = (0, 0);
    while let Some(open) = value[from..].find("${").map(|at| from + at) {
        let Some(close) = value[open..].find('}').map(|at| open + at) else { break };
        let Some((provider, rest)) = value[open + 2..close].split_once(':') else {
            from = open + 2;
            continue;
        };
        let (path, key) = rest.split_once(':').unwrap_or(("", rest));
        result.push(Piece::Text(&value[start..open]));
        result.push(Piece::Variable(Variable { provider, path, key }, &value[open..=close]));
        (start, from) = (close + 1, close + 1);
    }
    result.push(Piece::Text(&value[start..]));
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::providers::ConfigData;

    struct Fixed(Option<i64>);

    impl ConfigProvider for Fixed {
        fn get(&self, path: &str, keys: &[&str]) -> Result<ConfigData> {
            let known = keys.iter().filter(|key| key.starts_with('k'));
            Ok(ConfigData {
                values: known.map(|key| ((*key).to_owned(), format!("<{path}|{key}>"))).collect(),
                ttl_ms: self.0,
            })
        }
    }

    fn transformer(ttl: Option<i64>) -> ConfigTransformer {
        let mut providers: IndexMap<String, Box<dyn ConfigProvider>> = IndexMap::new();
        providers.insert("p".to_owned(), Box::new(Fixed(ttl)));
        ConfigTransformer { providers: Arc::new(providers) }
    }

    fn resolve(value: &str) -> String {
        let config = ConfigInput::from_iter([("a".to_owned(), Some(value.to_owned()))]);
        transformer(None).transform(&config).unwrap().config["a"].clone().unwrap()
    }

    #[test]
    fn variables_are_replaced_wherever_they_stand() {
        for (value, resolved) in [
            ("${p:k}", "<|k>"),
            ("${p:dir/f:k1}", "<dir/f|k1>"),
            ("x${p:k}y${p:/a:k:2}z", "x<|k>y</a|k:2>z"),
            ("${p:gone}", "${p:gone}"),
            ("${q:k}", "${q:k}"),
            ("${k}${p:k", "${k}${p:k"),
            ("${k} ${p:k}", "${k} <|k>"),
            ("${${p:k}", "${${p:k}"),
            ("$p:k", "$p:k"),
            ("", ""),
        ] {
            assert_eq!(resolve(value), resolved, "{value}");
        }
    }

    #[test]
    fn nulls_stay_and_ttls_are_told_by_path() {
        let config = ConfigInput::from_iter([("a".to_owned(), None), ("b".to_owned(), Some("${p:x:k}".to_owned()))]);
        let done = transformer(Some(0)).transform(&config).unwrap();
        assert_eq!(done.config["a"], None);
        assert_eq!(done.ttls.get("x"), Some(&0));
        assert!(transformer(Some(-1)).transform(&config).unwrap().ttls.is_empty());
    }

    #[test]
    fn resolved_values_can_be_hidden_and_written_back() {
        let config =
            ConfigMap::from_iter([("url".to_owned(), "u:${p:k}".to_owned()), ("b".to_owned(), "1".to_owned())]);
        let done = transformer(None).transform_map(&config).unwrap();
        assert_eq!(done.to_map()["url"], "u:<|k>");
        assert_eq!(done.given("url"), Some("u:${p:k}"));
        assert_eq!(done.given("b"), None);
        assert_eq!(done.mask("cannot connect to u:<|k>"), "cannot connect to u:[hidden]");
        let mut task =
            ConfigMap::from_iter([("url".to_owned(), "u:<|k>".to_owned()), ("b".to_owned(), "2".to_owned())]);
        done.reverse(&mut task);
        assert_eq!(task["url"], "u:${p:k}");
        assert_eq!(task["b"], "2");
        task.insert("url".to_owned(), "changed".to_owned());
        done.reverse(&mut task);
        assert_eq!(task["url"], "changed");
    }
}
