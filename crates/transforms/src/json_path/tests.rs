//! What paths lead to, against the answers of the Java library.
//!
//! `tests/json_path.jsonl` holds a path, a document, and what `com.jayway.jsonpath` 2.9.0 found: a list (of a definite path, with one item), null
//! where a definite path led nowhere, `error` for an exception that names its own classes, or `invalid` for a path that it refuses.

use milena_api::data::Value;
use serde_json::Value as Json;

use super::JsonPath;

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => number.as_i64().map_or_else(|| Value::F64(number.as_f64().unwrap()), Value::I64),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::array(items.iter().map(value).collect()),
        Json::Object(members) => {
            Value::map(members.iter().map(|(name, member)| (Value::from(name.as_str()), value(member))).collect())
        }
    }
}

/// Numbers as doubles, so that 2 and 2.0 are the same.
fn comparable(json: &Json) -> Json {
    match json {
        Json::Number(number) => Json::from(number.as_f64().unwrap()),
        Json::Array(items) => items.iter().map(comparable).collect(),
        Json::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), comparable(member)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::from(*value),
        Value::I32(number) => Json::from(f64::from(*number)),
        Value::I64(number) => Json::from(*number as f64),
        Value::F64(number) => Json::from(*number),
        Value::Array(items) => items.iter().map(json).collect(),
        Value::Map(map) => {
            map.iter().map(|(name, value)| (name.to_string(), json(value))).collect::<serde_json::Map<_, _>>().into()
        }
        other => Json::from(other.as_str().unwrap()),
    }
}

#[test]
fn paths_lead_where_the_java_library_says() {
    let mut wrong = Vec::new();
    for line in include_str!("../../tests/json_path.jsonl").lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let path = case["path"].as_str().unwrap();
        let ours = match JsonPath::parse(path) {
            Err(_) => "invalid".to_owned(),
            Ok(path) => match path.find(&value(&case["of"])) {
                Err(_) => "nothing".to_owned(),
                Ok(found) => json(&Value::array(found)).to_string(),
            },
        };
        let theirs = if case["invalid"] == true {
            "invalid".to_owned()
        } else if !case["error"].is_null() {
            // The library falls over its own classes; anything but a panic will do.
            continue;
        } else if case["found"].is_null() {
            "nothing".to_owned()
        } else {
            comparable(&case["found"]).to_string()
        };
        if ours != theirs {
            wrong.push(format!("{path} of {}\n  ours   {ours}\n  theirs {theirs} {}", case["of"], case["error"]));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn whatever_is_given_as_a_path_is_read_or_refused() {
    let texts = [
        "",
        "$",
        "$[",
        "$[?(",
        "$[?(@",
        "$['",
        "$..",
        "$.a[?((((",
        "$[?(@.a in [",
        "$[?(@.a == {",
        "@@",
        "$[99999999999999]",
    ];
    for text in texts {
        drop(JsonPath::parse(text));
    }
    assert!(JsonPath::parse(&format!("$[?({}1 == 1{})]", "(".repeat(5000), ")".repeat(5000))).is_err());
    assert!(JsonPath::parse(&format!("$[?(@{}", "[?(@".repeat(5000))).is_err());
}

#[test]
fn numbers_are_compared_digit_by_digit() {
    let decimal = |text: &str| {
        Value::map(
            [(Value::from("n"), Value::Decimal(std::sync::Arc::new(text.parse().unwrap())))].into_iter().collect(),
        )
    };
    for (condition, number, expected) in [
        ("@.n > 12345678901234567", "12345678901234567.89", true),
        ("@.n < 12345678901234568", "12345678901234567.89", true),
        ("@.n == 12345678901234567", "12345678901234567.00", true),
        ("@.n == '0.10'", "0.1", true),
        ("@.n == 0.1", "0.1000000000000000000001", false),
    ] {
        let found = JsonPath::parse(&format!("$[?({condition})]")).unwrap().find(&decimal(number)).unwrap();
        assert_eq!(!found.is_empty(), expected, "{condition} of {number}");
    }
}

#[test]
fn what_would_take_for_ever_is_refused_or_an_error() {
    assert!(JsonPath::parse(&format!("${}", "[?(@.a)]".repeat(5000))).is_err());
    let slow = JsonPath::parse(r"$[?(@.a =~ /(x+)*\1y/)]").unwrap();
    let text = Value::map([(Value::from("a"), Value::from("x".repeat(200)))].into_iter().collect());
    assert!(matches!(slow.find(&text), Err(super::NoResult::Undecided(_))));
}
