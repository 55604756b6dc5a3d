//! Rules of the properties of clients.

use milena_kafka::Error;
use milena_kafka::admin::Admin;
use milena_kafka::config::{
    AdminConfig, Check, ClientConfigKey, ConsumerConfig, DefaultValue, ProducerConfig, Properties, Support, Type,
};
use milena_kafka::consumer::{Consumer, Polled, StartOffset, Subscription};
use milena_kafka::producer::Producer;

use crate::support::{Harness, PATIENCE, at, next, produce, read, rule, unique};

const CLIENTS: [&str; 3] = ["admin", "consumer", "producer"];

fn keys(client: &str) -> &'static [ClientConfigKey] {
    match client {
        "admin" => AdminConfig::keys(),
        "consumer" => ConsumerConfig::keys(),
        _ => ProducerConfig::keys(),
    }
}

fn check(client: &str, properties: &Properties) -> Result<(), Error> {
    match client {
        "admin" => AdminConfig::from_properties(properties).map(drop),
        "consumer" => ConsumerConfig::from_properties(properties).map(drop),
        _ => ProducerConfig::from_properties(properties).map(drop),
    }
}

rule!(clients_work_with_every_default_written_out: dev, real);
async fn clients_work_with_every_default_written_out(on: Harness) {
    let written_out = |client: &str| {
        let mut all = Properties::new();
        for key in keys(client) {
            // The default of share.acquire.mode is none of its allowed values, in Java neither.
            if let DefaultValue::Value(text) = key.default
                && !text.is_empty()
                && !key.name.starts_with("share.")
            {
                all.insert(key.name.to_owned(), text.to_owned());
            }
        }
        all.extend(on.properties(&[]));
        all
    };
    let topic = on.topic(1, &[]).await;
    let admin = Admin::new(AdminConfig::from_properties(&written_out("admin")).unwrap()).unwrap();
    assert!(admin.list_topics().await.unwrap().iter().any(|name| **name == *topic));
    let config = ProducerConfig::from_properties(&written_out("producer")).unwrap();
    let (producer, mut completions) = Producer::new(config).unwrap();
    produce(&producer, &mut completions, &topic, 0, 0..100).await;
    producer.close(PATIENCE).await.unwrap();
    let mut properties = written_out("consumer");
    properties.insert("group.id".to_owned(), unique("group"));
    let mut consumer = Consumer::new(ConsumerConfig::from_properties(&properties).unwrap()).unwrap();
    consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    assert_eq!(read(&mut consumer, 100).await.len(), 100);
    consumer.close(PATIENCE).await;
}

rule!(names_types_and_defaults_are_those_of_java: dev);
async fn names_types_and_defaults_are_those_of_java(on: Harness) {
    let mut compared = 0;
    for line in include_str!("../data/configs.tsv").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let key = keys(fields[0]).iter().find(|key| key.name == fields[1]).unwrap_or_else(|| panic!("{line}"));
        let default = match key.default {
            DefaultValue::Required => "(required)",
            DefaultValue::Null => "(null)",
            DefaultValue::Value(text) => text,
        };
        let java = fields[3].replace("class ", "");
        assert_eq!((key.kind.name(), default), (fields[2], java.as_str()), "{line}");
        compared += 1;
    }
    assert_eq!(compared, CLIENTS.iter().map(|client| keys(client).len()).sum::<usize>());
    // With nothing but an address, all three can be made.
    check("producer", &on.properties(&[])).unwrap();
    check("consumer", &on.properties(&[])).unwrap();
    check("admin", &on.properties(&[])).unwrap();
}

rule!(every_property_is_honoured_harmless_or_refused_by_name: dev);
async fn every_property_is_honoured_harmless_or_refused_by_name(on: Harness) {
    for client in CLIENTS {
        for key in keys(client) {
            let Support::Refused { why, .. } = key.support() else { continue };
            let wrong = match (key.kind, key.check) {
                (Type::Boolean, _) => "true",
                (_, Check::Choice(texts)) => texts.last().copied().unwrap_or_default(),
                _ => "com.example.Custom",
            };
            match check(client, &on.properties(&[(key.name, wrong)])) {
                Err(Error::Config { key: named, reason, .. }) => {
                    assert_eq!((named.as_str(), reason.as_str()), (key.name, why), "{client}");
                }
                other => panic!("{client}: {} = {wrong} gave {other:?}", key.name),
            }
        }
    }
}

rule!(unknown_properties_are_taken: dev);
async fn unknown_properties_are_taken(on: Harness) {
    let admin = on.admin(&[("no.such.property", "1"), ("metrics.context.connect.group.id", "g")]);
    admin.describe_cluster().await.unwrap();
}

rule!(clients_without_a_name_are_numbered: dev, real);
async fn clients_without_a_name_are_numbered(on: Harness) {
    let (topic, group) = (on.topic(1, &[]).await, unique("group"));
    let mut consumer = on.consumer(&[("group.id", &group), ("client.id", "")]);
    consumer.subscribe(Subscription::Topics(vec![topic]));
    while !matches!(next(&mut consumer).await, Polled::Assigned(_)) {}
    let described = on.admin(&[]).describe_group(&group).await.unwrap();
    let name = &described.members[0].client_id;
    let number = name.strip_prefix(&format!("consumer-{group}-")).unwrap_or_else(|| panic!("{name}"));
    assert!(number.parse::<u32>().is_ok(), "{name}");
    consumer.close(PATIENCE).await;
}
