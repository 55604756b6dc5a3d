//! `#[derive(ConfigDef)]`.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure there is a failure of the test")]

use std::time::Duration;

use milena_api::config::{
    ConfigDef, ConfigError, ConfigMap, FromConfig, Parsed, ParsedConfig, Secret, Type, Validator,
};

/// Every kind of field.
#[derive(ConfigDef, Debug, PartialEq)]
struct Everything {
    /// Where to send
    /// records.
    ///
    /// With a port.
    #[config(name = "http.url", importance = high, group = "Connection", width = long, display = "Address", validate = url)]
    url: String,
    /// How long one request may take.
    #[config(name = "http.timeout.ms", default = 30_000, importance = low, group = "Connection", range = 1..)]
    timeout: Duration,
    /// A short wait.
    #[config(default = 5, type = int)]
    wait_ms: Duration,
    /// On or off.
    #[config(default = true, dependents = ["level"])]
    enabled: bool,
    /// Level.
    #[config(default = 1, range = 1..=9)]
    level: i32,
    /// Small.
    #[config(default = -1)]
    small: i16,
    /// Port.
    #[config(default = 8083)]
    port: u16,
    /// Ratio.
    #[config(default = 0.5, range = 0.0..=1.0)]
    ratio: f64,
    /// Large.
    #[config(default = 9_000_000_000, range = ..=9_000_000_000)]
    large: i64,
    /// Items.
    #[config(default = ["a", "b"], validate = Validator::list_size(3))]
    items: Vec<String>,
    /// Password.
    #[config(group = "Connection")]
    password: Option<Secret>,
    /// Retries, if limited.
    #[config(range = 0..)]
    retries: Option<u32>,
    /// Class.
    #[config(name = "client.class", class, default = DEFAULT_CLASS, recommend = classes)]
    class: Option<String>,
    #[config(flatten)]
    shared: Shared,
}

/// Keys that several structs have.
#[derive(ConfigDef, Debug, PartialEq)]
struct Shared {
    /// Topic.
    #[config(default = "t", validate = Validator::non_empty_string())]
    topic: String,
}

const DEFAULT_CLASS: &str = "org.example.Client";

fn url(name: &str, value: &Parsed) -> Result<(), ConfigError> {
    match value.as_str() {
        Some(text) if text.starts_with("http://") => Ok(()),
        _ => Err(ConfigError::invalid(name, value, "not an address")),
    }
}

fn classes(_: &str, _: &ParsedConfig) -> Result<Vec<Parsed>, ConfigError> {
    Ok(vec![Parsed::Class(DEFAULT_CLASS.to_owned())])
}

fn map(entries: &[(&str, &str)]) -> ConfigMap {
    entries.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn refused(entries: &[(&str, &str)]) -> String {
    Everything::from_config(&map(&[&[("http.url", "http://h")], entries].concat())).unwrap_err().to_string()
}

#[test]
fn defaults_fill_what_is_not_set() {
    let config = Everything::from_config(&map(&[("http.url", "http://h")])).unwrap();
    assert_eq!(
        config,
        Everything {
            url: "http://h".to_owned(),
            timeout: Duration::from_secs(30),
            wait_ms: Duration::from_millis(5),
            enabled: true,
            level: 1,
            small: -1,
            port: 8083,
            ratio: 0.5,
            large: 9_000_000_000,
            items: vec!["a".to_owned(), "b".to_owned()],
            password: None,
            retries: None,
            class: Some(DEFAULT_CLASS.to_owned()),
            shared: Shared { topic: "t".to_owned() },
        }
    );
}

#[test]
fn values_become_fields() {
    let config = Everything::from_config(&map(&[
        ("http.url", "http://h"),
        ("http.timeout.ms", "1"),
        ("password", "hunter2"),
        ("retries", "4294967295"),
        ("items", "x,y,z"),
        ("topic", "u"),
    ]))
    .unwrap();
    assert_eq!(config.timeout, Duration::from_millis(1));
    assert_eq!(config.password.as_ref().map(Secret::reveal), Some("hunter2"));
    assert_eq!(config.retries, Some(u32::MAX));
    assert_eq!(config.items, ["x", "y", "z"]);
    assert_eq!(config.shared.topic, "u");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn bounds_and_checks_are_kept() {
    assert_eq!(
        refused(&[("http.timeout.ms", "0")]),
        "Invalid value 0 for configuration http.timeout.ms: Value must be at least 1"
    );
    assert_eq!(refused(&[("wait.ms", "-1")]), "Invalid value -1 for configuration wait.ms: Value must be at least 0");
    assert_eq!(refused(&[("level", "10")]), "Invalid value 10 for configuration level: Value must be no more than 9");
    assert_eq!(
        refused(&[("port", "65536")]),
        "Invalid value 65536 for configuration port: Value must be no more than 65535"
    );
    assert_eq!(
        refused(&[("ratio", "1.1")]),
        "Invalid value 1.1 for configuration ratio: Value must be no more than 1.0"
    );
    assert_eq!(
        refused(&[("large", "9000000001")]),
        "Invalid value 9000000001 for configuration large: Value must be no more than 9000000000"
    );
    assert_eq!(refused(&[("retries", "-1")]), "Invalid value -1 for configuration retries: Value must be at least 0");
    assert_eq!(
        refused(&[("items", "1,2,3,4")]),
        "Invalid value [1, 2, 3, 4] for configuration items: exceeds maximum list size of [3]."
    );
    assert_eq!(refused(&[("topic", "")]), "Invalid value  for configuration topic: String must be non-empty");
    assert_eq!(
        Everything::from_config(&map(&[])).unwrap_err().to_string(),
        "Missing required configuration \"http.url\" which has no default value."
    );
    assert_eq!(
        Everything::from_config(&map(&[("http.url", "x")])).unwrap_err().to_string(),
        "Invalid value x for configuration http.url: not an address"
    );
}

#[test]
fn the_definition_has_what_the_attributes_say() {
    let def = Everything::config_def().unwrap();
    let url = def.key("http.url").unwrap().info();
    assert_eq!(url.documentation, "Where to send records.\n\nWith a port.");
    assert_eq!(
        (url.ty, url.importance, url.width, url.display_name.as_str(), url.required),
        ("STRING", "HIGH", "LONG", "Address", true)
    );
    assert_eq!((url.group.as_deref(), url.order_in_group), (Some("Connection"), 1));
    assert_eq!(def.key("http.timeout.ms").unwrap().info().order_in_group, 2);
    assert_eq!(def.key("password").unwrap().info().order_in_group, 3);
    assert_eq!(def.key("http.timeout.ms").unwrap().info().default_value.as_deref(), Some("30000"));
    let types: Vec<Type> = def.keys().map(milena_api::config::ConfigKey::ty).collect();
    use Type::{Boolean, Class, Double, Int, List, Long, Password, Short, String};
    assert_eq!(types, [String, Long, Int, Boolean, Int, Short, Int, Double, Long, List, Password, Long, Class, String]);
    assert_eq!(def.key("items").unwrap().info().default_value.as_deref(), Some("a,b"));
    assert_eq!(def.key("enabled").unwrap().info().dependents, ["level"]);
    assert!(!def.key("retries").unwrap().is_required());
}

#[test]
fn validation_reports_every_key() {
    let input = [("level", "x"), ("topic", "")].map(|(key, value)| (key.to_owned(), Some(value.to_owned())));
    let values = Everything::validate(&input.into_iter().collect()).unwrap();
    let count: usize = values.iter().map(|value| value.errors.len()).sum();
    // The address twice: missing, and no address; the level twice: no number, and null; the topic once.
    assert_eq!(count, 5);
    let class = values.iter().find(|value| value.name == "client.class").unwrap();
    assert_eq!(class.recommended_values, [Parsed::Class(DEFAULT_CLASS.to_owned())]);
}
