//! `ResponseHeaders`: the headers of `response.http.headers.config`, which every response of the main listeners gets.
//!
//! Counterpart: org.eclipse.jetty.ee10.servlets.HeaderFilter and the validator of RestServerConfig.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};

use crate::error::{Error, Result};

const KEY: &str = "response.http.headers.config";

/// Headers that every response gets. What an endpoint sets itself wins.
#[derive(Debug, Default)]
pub struct ResponseHeaders(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    name: HeaderName,
    value: Content,
    add: bool,
}

#[derive(Debug)]
enum Content {
    Fixed(HeaderValue),
    /// This long after the response.
    Date(SignedDuration),
}

impl ResponseHeaders {
    /// Parses `action name:value, …`; an entry with commas stands in double quotes.
    ///
    /// # Errors
    /// The text of Kafka Connect's validator.
    pub fn parse(config: &str) -> Result<Self> {
        let rules = split(config).iter().map(|entry| Rule::parse(entry)).collect::<Result<_, String>>();
        rules.map(ResponseHeaders).map_err(|reason| Error::Config { key: KEY, reason })
    }

    /// Adds the headers.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for rule in &self.0 {
            let value = match &rule.value {
                Content::Fixed(value) => value.clone(),
                Content::Date(after) => match date(*after) {
                    Some(date) => date,
                    None => continue,
                },
            };
            if rule.add {
                headers.append(&rule.name, value);
            } else {
                headers.insert(&rule.name, value);
            }
        }
    }
}

fn date(after: SignedDuration) -> Option<HeaderValue> {
    let at = Timestamp::now().checked_add(after).ok()?;
    HeaderValue::from_str(&at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
}

impl Rule {
    fn parse(entry: &str) -> Result<Self, String> {
        let (action, header) = entry.split_once(char::is_whitespace).ok_or_else(|| {
            format!("Invalid format of header config '{entry}'. Expected: '[action] [header name]:[header value]'")
        })?;
        let (add, is_date) = match action.to_ascii_lowercase().as_str() {
            "set" => (false, false),
            "add" => (true, false),
            "setdate" => (false, true),
            "adddate" => (true, true),
            _ => {
                return Err(format!(
                    "Invalid header config action: '{action}'. Expected one of [set, add, setDate, addDate]"
                ));
            }
        };
        let header = header.trim();
        let pair = header.trim_end_matches(':').split_once(':').filter(|(_, value)| !value.contains(':'));
        let (name, value) = pair.ok_or_else(|| {
            format!(
                "Invalid format of header name and header value pair '{header}'. Expected: '[header name]:[header value]'"
            )
        })?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(format!("Invalid header name '{name}'. The '[header name]' cannot contain whitespace"));
        }
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("Invalid header name '{name}'."))?;
        let value = if is_date {
            let millis = value.parse().map_err(|_| format!("'{value}' of '{name}' is no number of milliseconds."))?;
            Content::Date(SignedDuration::from_millis(millis))
        } else {
            let value = HeaderValue::from_str(value).map_err(|_| format!("Invalid value of header '{name}'."))?;
            Content::Fixed(value)
        };
        Ok(Rule { name: parsed, value, add })
    }
}

/// Splits at commas outside double quotes and drops the quotes.
fn split(config: &str) -> Vec<String> {
    let mut entries = vec![String::new()];
    let mut quoted = false;
    for c in config.chars() {
        match (c, entries.last_mut()) {
            ('"', _) => quoted = !quoted,
            (',', _) if !quoted => entries.push(String::new()),
            (c, Some(entry)) => entry.push(c),
            _ => {}
        }
    }
    entries.iter().map(|entry| entry.trim().to_owned()).filter(|entry| !entry.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_replaces_and_add_appends() {
        let config = r#"add X-A: 1, add X-A:2, "set Cache-Control: no-cache, no-store", SET X-B:1, set X-B:2, setDate Expires: 60000"#;
        let mut headers = HeaderMap::new();
        ResponseHeaders::parse(config).unwrap().apply(&mut headers);
        assert_eq!(headers.get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(headers["cache-control"], "no-cache, no-store");
        assert_eq!(headers.get_all("x-b").iter().collect::<Vec<_>>(), ["2"]);
        assert!(headers["expires"].to_str().unwrap().ends_with(" GMT"));
    }

    #[test]
    fn wrong_entries_are_named() {
        for (config, text) in [
            ("X-A:1", "Invalid format of header config 'X-A:1'. Expected: '[action] [header name]:[header value]'"),
            ("put X-A:1", "Invalid header config action: 'put'. Expected one of [set, add, setDate, addDate]"),
            (
                "set X-A",
                "Invalid format of header name and header value pair 'X-A'. Expected: '[header name]:[header value]'",
            ),
            (
                "set X-A:b:c",
                "Invalid format of header name and header value pair 'X-A:b:c'. Expected: '[header name]:[header value]'",
            ),
            ("set X A:b", "Invalid header name 'X A'. The '[header name]' cannot contain whitespace"),
        ] {
            let error = ResponseHeaders::parse(config).unwrap_err().to_string();
            assert_eq!(error, format!("invalid value for `{KEY}`: {text}"));
        }
        assert!(ResponseHeaders::parse(" ").unwrap().0.is_empty());
    }
}
