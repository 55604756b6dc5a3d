//! `OverridePolicy`: which settings of Kafka clients a connector may override.
//!
//! Counterpart: `org.apache.kafka.connect.connector.policy`.

use milena_api::config::{ConfigDef, ConfigKey, ConfigMap, DistinctList, Type};
use milena_api::{Error, Result};

use crate::plugins::nearest;

/// `connector.client.config.override.policy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverridePolicy {
    /// Everything may be overridden.
    All,
    /// Nothing may.
    None,
    /// Only the security settings of a principal may. Deprecated.
    Principal,
    /// Only these keys may.
    Allowlist(Vec<String>),
}

const PACKAGE: &str = "org.apache.kafka.connect.connector.policy.";
const SUFFIX: &str = "ConnectorClientConfigOverridePolicy";
const NAMES: [&str; 4] = ["All", "None", "Allowlist", "Principal"];
const PRINCIPAL: [&str; 3] = ["sasl.jaas.config", "sasl.mechanism", "security.protocol"];
const ALLOWLIST_KEY: &str = "connector.client.config.override.allowlist";

impl OverridePolicy {
    /// The policy of this class or alias, with the settings of the worker.
    ///
    /// # Errors
    /// No such policy, or a list with empty items.
    pub fn of(class: &str, worker: &ConfigMap) -> Result<Self> {
        let simple = class.strip_prefix(PACKAGE).unwrap_or(class);
        let full = simple.len() < class.len();
        let name = simple.strip_suffix(SUFFIX).or((!full).then_some(simple));
        match name {
            Some("All") => Ok(OverridePolicy::All),
            Some("None") => Ok(OverridePolicy::None),
            Some("Principal") => {
                tracing::warn!(
                    "the policy Principal is deprecated: use Allowlist with {ALLOWLIST_KEY}={}",
                    PRINCIPAL.join(",")
                );
                Ok(OverridePolicy::Principal)
            }
            Some("Allowlist") => {
                let key =
                    ConfigKey::new(ALLOWLIST_KEY, Type::List).default("").validator(DistinctList::any().or_empty());
                let parsed = ConfigDef::new().define(key)?.parse(worker)?;
                Ok(OverridePolicy::Allowlist(parsed.list(ALLOWLIST_KEY)?.to_vec()))
            }
            _ => {
                let names: Vec<String> = NAMES.iter().map(|name| format!("{PACKAGE}{name}{SUFFIX}")).collect();
                let near = nearest(class, names.iter().map(String::as_str).chain(NAMES));
                let hint = match near.as_slice() {
                    [] => format!(". This worker has: {}", NAMES.join(", ")),
                    near => format!(". Did you mean {}?", near.join(" or ")),
                };
                Err(Error::fatal(format!(
                    "Failed to find any class that implements interface \
                     org.apache.kafka.connect.connector.policy.ConnectorClientConfigOverridePolicy and which name matches \
                     {class}{hint}"
                )))
            }
        }
    }

    /// Why a key (without its prefix) may not be overridden; `None` if it may.
    pub fn refusal(&self, key: &str) -> Option<String> {
        let (name, allowed) = match self {
            OverridePolicy::All => return None,
            OverridePolicy::None => ("None", false),
            OverridePolicy::Principal => ("Principal", PRINCIPAL.contains(&key)),
            OverridePolicy::Allowlist(keys) => ("Allowlist", keys.iter().any(|allowed| allowed == key)),
        };
        (!allowed).then(|| {
            format!("The '{name}' policy does not allow '{key}' to be overridden in the connector configuration.")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(class: &str) -> OverridePolicy {
        let worker = ConfigMap::from_iter([(ALLOWLIST_KEY.to_owned(), "acks, linger.ms".to_owned())]);
        OverridePolicy::of(class, &worker).unwrap()
    }

    #[test]
    fn a_policy_goes_by_its_class_or_alias() {
        for class in ["None", &format!("None{SUFFIX}"), &format!("{PACKAGE}None{SUFFIX}")] {
            assert_eq!(policy(class), OverridePolicy::None);
        }
        let error = OverridePolicy::of("Nune", &ConfigMap::new()).unwrap_err().to_string();
        assert!(error.ends_with("and which name matches Nune. Did you mean None?"), "{error}");
    }

    #[test]
    fn a_policy_allows_what_it_says() {
        assert_eq!(policy("All").refusal("acks"), None);
        assert_eq!(policy("Principal").refusal("sasl.mechanism"), None);
        assert_eq!(policy("Allowlist").refusal("linger.ms"), None);
        for name in ["None", "Principal"] {
            let message =
                format!("The '{name}' policy does not allow 'acks' to be overridden in the connector configuration.");
            assert_eq!(policy(name).refusal("acks"), Some(message));
        }
        assert!(policy("Allowlist").refusal("retries").is_some());
    }
}
