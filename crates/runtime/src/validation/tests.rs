//! Whole validations with small plug-ins.

use std::sync::Arc;

use milena_api::config::{ConfigInput, ConfigMap};

use super::*;
use crate::config::StandaloneConfig;
use crate::herder::HerderResult;
use crate::plugins::test_plugins::registry;
use crate::stage::Stages;

fn validator(worker: &[(&str, &str)]) -> ConnectorValidator {
    let mut properties = ConfigMap::new();
    let own = [
        ("bootstrap.servers", "a:1"),
        ("key.converter", "Bytes"),
        ("value.converter", "test.BytesConverter"),
        ("header.converter", "Heads"),
        ("offset.storage.file.filename", "/tmp/o"),
    ];
    for (key, value) in own.iter().chain(worker) {
        properties.insert((*key).to_owned(), (*value).to_owned());
    }
    let registry = Arc::new(registry());
    let worker = StandaloneConfig::parse(&properties, &registry).unwrap().worker;
    ConnectorValidator::new(registry, Arc::new(worker))
}

async fn validate(worker: &[(&str, &str)], config: &[(&str, Option<&str>)]) -> HerderResult<ConfigInfos> {
    let config: ConfigInput = config.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect();
    validator(worker).validate(config, &Stages::default()).await
}

fn value<'a>(infos: &'a ConfigInfos, name: &str) -> &'a ConfigValueInfo {
    let found = infos.configs.iter().filter_map(|config| config.value.as_ref()).find(|value| value.name == name);
    found.unwrap_or_else(|| panic!("{name} is not in the answer"))
}

const SOURCE: (&str, Option<&str>) = ("connector.class", Some("TestSource"));
const SINK: (&str, Option<&str>) = ("connector.class", Some("TestSink"));

#[tokio::test]
async fn a_source_without_name_and_required_key_has_two_errors() {
    let infos = validate(&[], &[SOURCE]).await.unwrap();
    assert_eq!((infos.name.as_str(), infos.error_count), ("TestSource", 2));
    assert_eq!(
        value(&infos, "required").errors,
        ["Missing required configuration \"required\" which has no default value."]
    );
    assert_eq!(value(&infos, "key.converter").value.as_deref(), Some("test.BytesConverter"));
    assert_eq!(value(&infos, "key.converter.plugin.version").value.as_deref(), Some("4.3.1"));
    assert_eq!(value(&infos, "connector.plugin.version").recommended_values, ["1.0"]);
    assert_eq!(
        infos.groups,
        [
            "Common",
            "Transforms",
            "Predicates",
            "Error Handling",
            "Topic Creation",
            "Exactly Once Support",
            "offsets.topic"
        ]
    );
}

#[tokio::test]
async fn a_connector_without_usable_class_cannot_be_validated() {
    for (config, message) in [
        (
            &[("a", Some("1")), ("connector.class", None)][..],
            "Connector config {a=1, connector.class=null} contains no connector type",
        ),
        (&[SOURCE, ("connector.plugin.version", Some("[1"))], "Unbounded range: [1"),
        (
            &[("connector.class", Some("TestSnik"))],
            "Failed to find any class that implements Connector and which name matches TestSnik, available connectors are: ",
        ),
    ] {
        let error = validate(&[], config).await.unwrap_err();
        assert_eq!(error.status, 400);
        assert!(error.message.as_deref().unwrap_or_default().starts_with(message), "{error}");
    }
}

#[tokio::test]
async fn a_version_that_is_not_there_is_an_error_of_class_and_version() {
    let infos = validate(&[], &[SOURCE, ("connector.plugin.version", Some("2")), ("x", None)]).await.unwrap();
    let message =
        "Plugin test.TestSourceConnector not found that matches the version range [2,2], available versions: [1.0]";
    assert_eq!(value(&infos, "connector.class").errors, [message]);
    assert_eq!(value(&infos, "connector.plugin.version").errors, [message]);
    assert_eq!(value(&infos, "connector.plugin.version").recommended_values, ["1.0"]);
    assert_eq!(value(&infos, "x").errors, ["Null value can not be supplied as the configuration value."]);
    assert!(!value(&infos, "key.converter.plugin.version").visible);
    assert!(infos.configs.iter().all(|config| config.definition.as_ref().is_none_or(|d| d.name != "required")));
}

#[tokio::test]
async fn a_sink_reads_either_topics_or_a_pattern_and_never_its_dead_letters() {
    const DLQ: (&str, Option<&str>) = ("errors.deadletterqueue.topic.name", Some(" d "));
    for (config, key, message) in [
        (&[SINK][..], "topics", "Must configure one of topics or topics.regex"),
        (
            &[SINK, ("topics", Some("a")), ("topics.regex", Some("b"))],
            "topics.regex",
            "topics and topics.regex are mutually exclusive options, but both are set.",
        ),
        (
            &[SINK, DLQ, ("topics", Some("a, d"))],
            "topics",
            "The DLQ topic 'd' may not be included in the list of topics ('topics=[a, d]') consumed by the connector",
        ),
        (
            &[SINK, DLQ, ("topics.regex", Some("d|e"))],
            "topics.regex",
            "The DLQ topic 'd' may not be matched by the regex for the topics ('topics.regex=d|e') consumed by the connector",
        ),
    ] {
        let infos = validate(&[], config).await.unwrap();
        assert_eq!(value(&infos, key).errors, [message]);
    }
    let error = validate(&[], &[SINK, DLQ, ("topics.regex", Some("("))]).await.unwrap_err();
    assert_eq!((error.status, error.class.as_str()), (500, "java.util.regex.PatternSyntaxException"));
}

#[tokio::test]
async fn transformations_bring_their_keys_and_broken_ones_only_an_error() {
    let infos = validate(
        &[],
        &[
            SOURCE,
            ("transforms", Some("a,b,c")),
            ("transforms.c.type", Some("Tuoch")),
            ("transforms.a.type", Some("Touch")),
            ("transforms.a.negate", Some("true")),
            ("transforms.b.type", Some("Always")),
        ],
    )
    .await
    .unwrap();
    assert_eq!(
        value(&infos, "transforms.a.type").errors,
        [
            "Config 'transforms.a.negate' was provided but there is no config 'transforms.a.predicate' defining a predicate to be \
          negated."
        ]
    );
    assert_eq!(
        value(&infos, "transforms.a.field").errors,
        ["Missing required configuration \"transforms.a.field\" which has no default value."]
    );
    assert_eq!(
        value(&infos, "transforms.b.type").errors,
        ["Class class test.Always does not implement the Transformation interface"]
    );
    assert_eq!(
        value(&infos, "transforms.c.type").errors,
        [
            "Invalid value Tuoch for configuration transforms.c.type: Class Tuoch could not be found. Did you mean Touch?"
        ]
    );
    assert!(infos.groups.contains(&"Transforms: b".to_owned()));
}

#[tokio::test]
async fn a_converter_of_the_connector_is_validated_and_counts_by_key() {
    let infos = validate(
        &[],
        &[
            SOURCE,
            ("name", Some("n")),
            ("required", Some("r")),
            ("key.converter", Some("Bytes")),
            ("key.converter.size", Some("x")),
            ("value.converter.size", Some("x")),
            ("header.converter", Some("Heads")),
            ("header.converter.plugin.version", Some("9")),
        ],
    )
    .await
    .unwrap();
    assert_eq!(value(&infos, "key.converter.converter.type").value.as_deref(), Some("key"));
    assert_eq!(
        value(&infos, "key.converter.size").errors,
        ["Invalid value x for configuration size: Not a number of type INT"]
    );
    assert_eq!(value(&infos, "header.converter").errors, value(&infos, "header.converter.plugin.version").errors);
    assert_eq!(infos.error_count, 3);
    assert!(infos.configs.iter().flat_map(|config| &config.value).all(|value| value.name != "value.converter.size"));
}

#[tokio::test]
async fn overrides_are_judged_by_the_policy_and_listed_by_client() {
    let config = [
        SOURCE,
        ("name", Some("n")),
        ("required", Some("r")),
        ("producer.override.acks", Some("1")),
        ("producer.override.own.key", Some("v")),
        ("consumer.override.group.id", Some("g")),
    ];
    let infos = validate(&[("connector.client.config.override.policy", "None")], &config).await.unwrap();
    assert_eq!(
        value(&infos, "producer.override.acks").errors,
        ["The 'None' policy does not allow 'acks' to be overridden in the connector configuration."]
    );
    assert_eq!(infos.error_count, 2);
    let own = infos.configs.iter().find(|c| c.value.as_ref().is_some_and(|v| v.name == "producer.override.own.key"));
    assert!(own.is_some_and(|config| config.definition.is_none()));
    assert!(infos.configs.iter().flat_map(|config| &config.value).all(|value| !value.name.starts_with("consumer.")));

    let error = validate(&[], &[SOURCE, ("producer.override.linger.ms", Some("x"))]).await.unwrap_err();
    assert_eq!(error.class, "org.apache.kafka.common.config.ConfigException");
    assert_eq!(
        error.message.as_deref(),
        Some("Invalid value x for configuration linger.ms: Not a number of type LONG")
    );
}

#[tokio::test]
async fn values_from_config_providers_are_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("n"), "5up3rs3cr3t").unwrap();
    let reference = format!("${{d:{}:n}}", dir.path().display());
    let worker = [("config.providers", "d"), ("config.providers.d.class", "Directory")];
    let infos = validate(
        &worker,
        &[SOURCE, ("name", Some("n")), ("required", Some(&reference)), ("tasks.max", Some(&reference))],
    )
    .await
    .unwrap();
    assert_eq!(value(&infos, "required").value.as_deref(), Some(reference.as_str()));
    assert_eq!(
        value(&infos, "tasks.max").errors,
        [
            "Invalid value for configuration 'tasks.max': the value resolved from the config provider reference failed validation"
        ]
    );
    assert_eq!(infos.error_count, 1);
    assert!(!format!("{infos:?}").contains("5up3rs3cr3t"));

    let error = validate(&worker, &[("connector.class", Some(&reference))]).await.unwrap_err();
    assert!(!format!("{error:?}").contains("5up3rs3cr3t"), "{error:?}");
}

#[test]
fn definitions_of_a_connector_are_its_own_then_the_common_ones() {
    let validator = validator(&[]);
    let infos = validator.plugin_config("TestSource", None).unwrap();
    assert_eq!(infos[0].name, "required");
    let of = |name: &str| infos.iter().find(|info| info.name == name).unwrap();
    assert_eq!(of("connector.plugin.version").default_value.as_deref(), Some("1.0"));
    assert_eq!(of("key.converter").default_value, None);
    assert_eq!(validator.plugin_config("Touch", Some("latest")).unwrap().len(), 2);

    let refusal = |name: &str, version: Option<&str>| {
        let error = validator.plugin_config(name, version).unwrap_err();
        (error.status, error.message.unwrap_or_default())
    };
    assert_eq!(refusal("Nonesuch", None), (404, "Unknown plugin Nonesuch.".to_owned()));
    assert_eq!(refusal("TestSurce", None), (404, "Unknown plugin TestSurce. Did you mean TestSource?".to_owned()));
    assert_eq!(refusal("TestSource", Some("[1")), (400, "Invalid version specification: [1".to_owned()));
    assert_eq!(
        refusal("TestSource", Some("")),
        (
            400,
            "Plugin test.TestSourceConnector not found that matches the version range [,], available versions: [1.0]"
                .to_owned()
        )
    );
    assert_eq!(
        refusal("FileConfigProvider", None),
        (
            400,
            "Invalid plugin class FileConfigProvider. Valid types are sink, source, converter, header_converter, \
             transformation, predicate."
                .to_owned()
        )
    );
}
