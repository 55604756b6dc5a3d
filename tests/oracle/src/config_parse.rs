//! Texts of configurations, parsed by type.

use milena_api::config::{Parsed, Type, parse_type};
use serde_json::{Value, json};

use crate::{Answer, Thrown};

fn ty(name: &str) -> Type {
    Type::ALL.into_iter().find(|ty| ty.name() == name).unwrap_or_else(|| panic!("no type {name}"))
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

pub(crate) fn answer(case: &Value) -> Answer {
    let name = case["name"].as_str().unwrap_or("k");
    let parsed = parse_type(name, case["text"].as_str(), ty(case["type"].as_str().unwrap()), Some(&known_class));
    match parsed {
        Err(error) => Err(Thrown {
            class: "org.apache.kafka.common.config.ConfigException".to_owned(),
            message: Some(error.to_string()),
            at: None,
        }),
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
            Ok(json!({ "value": value, "text": parsed.text() }))
        }
    }
}
