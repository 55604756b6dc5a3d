//! Validators of keys that only a worker has.

use milena_api::config::{ConfigError, Parsed, Validator};

use crate::plugins::VersionRange;

/// A `*.plugin.version`: null, `latest` or a range. The message is Maven's alone.
///
/// Counterpart: `org.apache.kafka.connect.runtime.ConnectorConfig.PluginVersionValidator`.
pub(super) fn version_range() -> Validator {
    Validator::custom("a version or a range of versions", |_, value: &Parsed| {
        VersionRange::required(value.as_str()).map(drop).map_err(|error| ConfigError::other(error.to_string()))
    })
}

/// `listeners`. Counterpart: `RestServerConfig.ListenersValidator`.
pub(super) fn listeners() -> Validator {
    Validator::custom("List of comma-separated URLs, ex: http://localhost:8080,https://localhost:8443.", |_, value| {
        const EXAMPLE: &str = "ex: http://localhost:8080,https://localhost:8443.";
        let Some(items) = value.as_list() else {
            return Err(ConfigError::other(format!(
                "Invalid value type for listeners (expected list of URLs , {EXAMPLE}"
            )));
        };
        if items.is_empty() {
            return Err(ConfigError::other(format!(
                "Invalid value for listeners, at least one URL is expected, {EXAMPLE}"
            )));
        }
        if items.iter().any(|item| item.trim().is_empty()) {
            return Err(ConfigError::other("Empty URL found when parsing listeners list."));
        }
        Ok(())
    })
}

/// `response.http.headers.config`. Counterpart: `RestServerConfig.ResponseHttpHeadersValidator`.
pub(super) fn header_rules() -> Validator {
    Validator::custom("Comma-separated header rules", |_, value| match value.as_str() {
        Some(text) if !text.trim().is_empty() => split_quoted(text).iter().try_for_each(|rule| header_rule(rule)),
        _ => Ok(()),
    })
}

/// Splits at commas that are not in double quotes; the quotes go.
pub fn split_quoted(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => parts.push(String::new()),
            c => {
                if let Some(part) = parts.last_mut() {
                    part.push(c);
                }
            }
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).collect()
}

fn header_rule(rule: &str) -> Result<(), ConfigError> {
    const ACTIONS: [&str; 4] = ["set", "add", "setDate", "addDate"];
    let refuse = |message: String| Err(ConfigError::other(message));
    let Some((action, header)) = rule.trim().split_once(char::is_whitespace) else {
        return refuse(format!(
            "Invalid format of header config '{rule}'. Expected: '[action] [header name]:[header value]'"
        ));
    };
    let action = action.to_lowercase();
    if !ACTIONS.iter().any(|known| known.eq_ignore_ascii_case(&action)) {
        return refuse(format!("Invalid header config action: '{action}'. Expected one of [{}]", ACTIONS.join(", ")));
    }
    let header = header.trim();
    // Java's split leaves empty parts at the end out.
    let parts: Vec<&str> = header.trim_end_matches(':').split(':').collect();
    let [name, _] = parts.as_slice() else {
        return refuse(format!(
            "Invalid format of header name and header value pair '{header}'. Expected: '[header name]:[header value]'"
        ));
    };
    let name = name.trim();
    if name.is_empty() || name.contains(char::is_whitespace) {
        return refuse(format!("Invalid header name '{name}'. The '[header name]' cannot contain whitespace"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(validator: &Validator, value: Parsed) -> Result<(), String> {
        validator.ensure_valid("k", &value).map_err(|error| error.to_string())
    }

    #[test]
    fn header_rules_name_what_is_wrong_with_them() {
        let rules = header_rules();
        for good in ["", "set X-A: b", "SET X-A:b, addDate Expires:31540000000,\"add Cache-Control:no-cache, max-age\""]
        {
            assert_eq!(check(&rules, good.into()), Ok(()), "{good}");
        }
        for (bad, message) in [
            ("set", "Invalid format of header config 'set'. Expected: '[action] [header name]:[header value]'"),
            ("Put a:b", "Invalid header config action: 'put'. Expected one of [set, add, setDate, addDate]"),
            (
                "set a",
                "Invalid format of header name and header value pair 'a'. Expected: '[header name]:[header value]'",
            ),
            ("set a b:c", "Invalid header name 'a b'. The '[header name]' cannot contain whitespace"),
        ] {
            assert_eq!(check(&rules, bad.into()), Err(message.to_owned()));
        }
    }

    #[test]
    fn listeners_need_at_least_one_url() {
        let list = |items: &[&str]| Parsed::List(items.iter().map(|item| (*item).to_owned()).collect());
        assert_eq!(check(&listeners(), list(&["http://:1", "x"])), Ok(()));
        assert!(
            check(&listeners(), list(&[])).unwrap_err().starts_with("Invalid value for listeners, at least one URL")
        );
        assert_eq!(check(&listeners(), list(&["a", " "])).unwrap_err(), "Empty URL found when parsing listeners list.");
    }
}
