//! The tables and checks, compared with those of Kafka's own classes (`tests/data/Golden.java` prints the lists).

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::config::values::READ;
use crate::{Error, Result};

const CLIENTS: [(&str, &[ClientConfigKey]); 3] =
    [("admin", ADMIN_KEYS), ("consumer", CONSUMER_KEYS), ("producer", PRODUCER_KEYS)];

fn rows(golden: &str) -> impl Iterator<Item = Vec<&str>> {
    golden.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect())
}

/// As Java prints it.
fn validator(check: Check) -> String {
    match check {
        Check::Any => String::new(),
        Check::AtLeast(least) => format!("[{least},...]"),
        Check::Range(least, most) => format!("[{least},...,{most}]"),
        Check::RangeOr(least, most, other) => format!("[{least},...,{most}] or {other}"),
        Check::Between(least, most) => format!("[{least:?},...,{most:?}]"),
        Check::Choice(texts) => format!("[{}]", texts.join(", ")),
        Check::ChoiceIgnoringCase(texts) => format!("(case insensitive) [{}]", texts.join(", ")),
        Check::NonEmpty => "non-empty string".to_owned(),
        Check::OffsetReset => "[latest, earliest, none, by_duration:PnDTnHnMn.nS]".to_owned(),
    }
}

#[test]
fn every_property_of_kafka_is_known_with_its_type_default_importance_and_values() {
    let mut java: BTreeMap<&str, Vec<Vec<String>>> = BTreeMap::new();
    for row in rows(include_str!("../../tests/data/configs.tsv")) {
        // Names of classes that Java has loaded already.
        let fields = row[1..].iter().map(|field| field.replace("class ", ""));
        java.entry(row[0]).or_default().push(fields.collect());
    }
    for (client, keys) in CLIENTS {
        let ours = keys.iter().map(|key| {
            let default = match key.default {
                DefaultValue::Required => "(required)",
                DefaultValue::Null => "(null)",
                DefaultValue::Value(text) => text,
            };
            let (kind, importance) = (key.kind.name(), key.importance.name());
            [key.name, kind, default, importance, &validator(key.check)].map(str::to_owned).to_vec()
        });
        assert_eq!(ours.collect::<Vec<_>>(), java[client], "{client}");
    }
}

#[test]
fn every_property_has_one_sentence_and_one_class() {
    let mut known = BTreeSet::new();
    for doc in docs::all() {
        assert!(known.insert(doc.name), "{} is there twice", doc.name);
        assert!(doc.text.ends_with('.') && doc.text.len() > 10, "{}: {}", doc.name, doc.text);
        if let Support::Harmless(why) | Support::Refused { why, .. } = doc.support {
            assert!(why.len() > 20 && !why.ends_with('.'), "{}: {why}", doc.name);
        }
    }
    let wanted: BTreeSet<&str> = CLIENTS.iter().flat_map(|(_, keys)| keys.iter().map(|key| key.name)).collect();
    assert_eq!(known, wanted);
}

fn make(client: &str, properties: &Properties) -> Result<()> {
    match client {
        "admin" => AdminConfig::from_properties(properties).map(drop),
        "consumer" => ConsumerConfig::from_properties(properties).map(drop),
        _ => ProducerConfig::from_properties(properties).map(drop),
    }
}

fn properties(pairs: &[(&str, &str)]) -> Properties {
    let base = [("bootstrap.servers", "localhost:9092")];
    base.iter().chain(pairs).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn honoured_properties_are_read_and_the_others_are_not() {
    let cases: &[&[(&str, &str)]] = &[
        &[],
        &[("group.id", "g"), ("send.buffer.bytes", "1"), ("receive.buffer.bytes", "1")],
        &[("compression.type", "gzip")],
        &[("compression.type", "lz4")],
        &[("compression.type", "zstd")],
        &[("security.protocol", "SSL")],
        &[("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "PLAIN")],
    ];
    let mut unread = Vec::new();
    for (client, keys) in CLIENTS {
        READ.with_borrow_mut(BTreeSet::clear);
        for case in cases {
            let known = case.iter().filter(|(name, _)| keys.iter().any(|key| key.name == *name));
            // Whether these are enough does not matter, only what is looked at.
            drop(make(client, &properties(&known.copied().collect::<Vec<_>>())));
        }
        let read = READ.with_borrow(Clone::clone);
        for key in keys {
            match key.support() {
                Support::Honoured if !read.contains(key.name) => unread.push((client, key.name)),
                Support::Honoured => {}
                // Looked at only to be refused.
                Support::Refused { .. } => {}
                Support::Harmless(_) => assert!(!read.contains(key.name), "{client}: {} is read", key.name),
            }
        }
    }
    assert_eq!(unread, []);
}

#[test]
fn refused_properties_are_refused_by_name_unless_they_say_what_holds_anyway() {
    for (client, keys) in CLIENTS {
        for key in keys {
            let Support::Refused { unless, .. } = key.support() else { continue };
            let defaults = match key.default {
                DefaultValue::Value(text) => vec![text],
                _ => Vec::new(),
            };
            for fine in unless.iter().chain(&defaults).filter(|_| key.name != "share.acquire.mode") {
                make(client, &properties(&[(key.name, fine)])).unwrap_or_else(|error| panic!("{fine}: {error}"));
            }
            let wrong = match (key.kind, key.check) {
                (Type::Boolean, _) => "true",
                (_, Check::Choice(texts)) => texts.last().copied().unwrap_or_default(),
                _ => "com.example.Custom",
            };
            match make(client, &properties(&[(key.name, wrong)])) {
                Err(Error::Config { key: named, reason, .. }) => {
                    assert_eq!(named, key.name);
                    assert!(reason.len() > 20, "{reason}");
                }
                other => panic!("{client}: {} = {wrong} gave {other:?}", key.name),
            }
        }
    }
}

/// Where our answer is not Java's: client, properties, what ours says (nothing where it takes them), and why.
const DIFFERENT: &[(&str, &str, &str, &str)] = &[
    ("producer", "transaction.two.phase.commit.enable=true", "two-phase commit is not supported", "refused by name"),
    (
        "producer",
        "transaction.two.phase.commit.enable=true;transactional.id=t",
        "two-phase commit is not supported",
        "refused by name",
    ),
    (
        "producer",
        "transaction.two.phase.commit.enable=true;transactional.id=t;transaction.timeout.ms=1000",
        "two-phase commit is not supported",
        "refused by name",
    ),
    ("producer", "partitioner.class=does.not.Exist", "it names Java code", "there is no class path to look at"),
    ("consumer", "partition.assignment.strategy=", "it must name at least one assignor", "Java says so later"),
    ("consumer", "partition.assignment.strategy=range", "range is not supported", "Java gives the name alone"),
    ("consumer", "share.acknowledgement.mode=x", "String must be one of: implicit, explicit", "the usual text"),
    ("consumer", "share.acquire.mode=x", "String must be one of: batch_optimized, record_limit", "the usual text"),
    (
        "admin",
        "bootstrap.controllers=localhost:1",
        "asking controllers directly is not supported",
        "refused by name, with or without servers",
    ),
];

#[test]
fn properties_are_taken_and_refused_as_by_javas_clients_with_their_texts() {
    let mut wrong = Vec::new();
    for row in rows(include_str!("../../tests/data/config_cases.tsv")) {
        let (client, text, java) = (row[0], row[1], row[2]);
        let pairs: Vec<(&str, &str)> = text.split(';').filter_map(|pair| pair.split_once('=')).collect();
        let ours = match make(client, &properties(&pairs)) {
            Ok(()) => "ok".to_owned(),
            Err(error) => error.to_string(),
        };
        let different = DIFFERENT.iter().find(|case| (case.0, case.1) == (client, text));
        let reason = ours
            .split_once(" for configuration ")
            .and_then(|(_, rest)| rest.split_once(": "))
            .map_or(ours.as_str(), |(_, reason)| reason);
        let fine = match different {
            Some((_, _, expected, _)) => ours.contains(expected) && ours != java,
            None => ours == java || (java != "ok" && ours.contains(java)) || java.ends_with(reason),
        };
        if !fine {
            wrong.push(format!("{client} {text}\n  java: {java}\n  ours: {ours}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn clients_without_a_name_are_numbered_as_in_java() {
    let consumer = |pairs: &[(&str, &str)]| {
        ConsumerConfig::from_properties(&properties(pairs)).map(|config| config.client.client_id).unwrap()
    };
    let number = |id: String, prefix: &str| id.strip_prefix(prefix).and_then(|rest| rest.parse::<u32>().ok());
    let (first, second) = (consumer(&[("group.id", "g")]), consumer(&[("group.id", "g")]));
    assert!(number(first, "consumer-g-") < number(second, "consumer-g-"));
    assert!(number(consumer(&[]), "consumer-null-").is_some());
    assert_eq!(consumer(&[("client.id", "mine")]), "mine");
    let producer = ProducerConfig::from_properties(&properties(&[])).unwrap().client.client_id;
    assert!(number(producer, "producer-").is_some());
    let admin = AdminConfig::from_properties(&properties(&[])).unwrap().client.client_id;
    assert!(number(admin, "adminclient-").is_some());
}

#[test]
fn waits_between_connections_do_not_grow_where_only_the_first_is_given() {
    let most = |pairs: &[(&str, &str)]| {
        AdminConfig::from_properties(&properties(pairs)).map(|config| config.client.reconnect_backoff.most).unwrap()
    };
    assert_eq!(most(&[]).as_millis(), 1000);
    assert_eq!(most(&[("reconnect.backoff.ms", "70")]).as_millis(), 70);
    assert_eq!(most(&[("reconnect.backoff.ms", "70"), ("reconnect.backoff.max.ms", "700")]).as_millis(), 700);
}

#[test]
fn an_admin_waits_at_least_as_long_as_for_one_request() {
    let config = AdminConfig::from_properties(&properties(&[("request.timeout.ms", "90000")])).unwrap();
    assert_eq!(config.api_timeout.as_millis(), 90_000);
}
