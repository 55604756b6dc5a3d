//! Parsing against the answers of Kafka's own classes.

#![expect(clippy::expect_used, reason = "helpers of tests: a failure there is a failure of the test")]

use milena_api::config::{Parsed, Type, parse_type};
use serde_json::{Value, json};

fn ty(name: &str) -> Type {
    let all = [
        Type::Boolean,
        Type::String,
        Type::Int,
        Type::Short,
        Type::Long,
        Type::Double,
        Type::List,
        Type::Class,
        Type::Password,
    ];
    all.into_iter().find(|ty| ty.name() == name).expect("a type of the golden file")
}

/// What the oracle's class path holds, of the names that its cases use.
fn known_class(name: &str) -> Option<String> {
    let known = [
        "java.lang.String",
        "org.apache.kafka.connect.transforms.Cast",
        "org.apache.kafka.connect.transforms.Cast$Value",
        "org.apache.kafka.connect.json.JsonConverter",
    ];
    known.contains(&name).then(|| name.to_owned())
}

fn double(value: f64) -> Value {
    if value.is_nan() {
        json!("NaN")
    } else if value.is_infinite() {
        json!(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        json!(value)
    }
}

fn answer(case: &Value) -> Value {
    let name = case["name"].as_str().unwrap_or("k");
    let parsed = parse_type(name, case["text"].as_str(), ty(case["type"].as_str().expect("type")), Some(&known_class));
    match parsed {
        Err(error) => json!({ "error": {
            "class": "org.apache.kafka.common.config.ConfigException",
            "message": error.to_string(),
            "causes": [],
        }}),
        Ok(parsed) => {
            let value = match &parsed {
                Parsed::Null => Value::Null,
                Parsed::Boolean(value) => json!({ "bool": value }),
                Parsed::String(text) => json!({ "str": text }),
                Parsed::Int(n) => json!({ "i32": n }),
                Parsed::Short(n) => json!({ "i16": n }),
                Parsed::Long(n) => json!({ "i64": n.to_string() }),
                Parsed::Double(n) => json!({ "f64": double(*n) }),
                Parsed::List(items) => json!(items),
                Parsed::Class(name) => json!(name),
                Parsed::Password(secret) => json!(secret.reveal()),
            };
            json!({ "ok": { "value": value, "text": parsed.text() } })
        }
    }
}

fn check(golden: &str) {
    let mut wrong = Vec::new();
    for line in golden.lines() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let answer = answer(&line["case"]);
        if answer != line["expect"] {
            wrong.push(format!("{}\n  expected {}\n  got      {answer}", line["case"], line["expect"]));
        }
    }
    assert!(golden.lines().count() > 10);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn values_are_parsed_as_kafka_parses_them() {
    check(include_str!("golden/config_parse.jsonl"));
}

#[test]
fn the_known_traps_are_parsed_as_kafka_parses_them() {
    check(include_str!("golden/config_parse_edge.jsonl"));
}

/// Answers of another seed, made by the oracle.
#[test]
#[ignore = "needs a file of answers, named by MILENA_CONFIG_PARSE_GOLDEN"]
fn fresh_answers_of_the_oracle_hold() {
    let file = std::env::var("MILENA_CONFIG_PARSE_GOLDEN").expect("the name of the file of answers");
    check(&std::fs::read_to_string(file).expect("the file of answers"));
}
