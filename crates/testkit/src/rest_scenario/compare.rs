//! Comparison of an expected value with what came: objects by subset, everything else exactly, operators where that is too strict.
//!
//! An object all of whose keys begin with `_` holds operators, and all of them have to hold:
//! `_exact` (the very value), `_regex` (somewhere in the text), `_contains` (every item fits some item), `_set` (the items in any order),
//! `_len` (number of items, fields or characters), `_absent_keys` (none of these fields), `_not` (the inner one does not fit). The string `_any` fits everything that is there.

use fancy_regex::Regex;
use serde_json::Value;

/// The differences, one line each: path, what was expected, what came. None when it fits.
pub(super) fn differences(expected: &Value, actual: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("$", expected, actual, &mut found);
    found
}

fn fits(expected: &Value, actual: &Value) -> bool {
    differences(expected, actual).is_empty()
}

fn compare(path: &str, expected: &Value, actual: &Value, found: &mut Vec<String>) {
    match expected {
        Value::String(text) if text == "_any" => {}
        Value::Object(fields) if !fields.is_empty() && fields.keys().all(|key| key.starts_with('_')) => {
            for (operator, operand) in fields {
                operate(path, operator, operand, actual, found);
            }
        }
        Value::Object(fields) => match actual {
            Value::Object(have) => {
                for (key, value) in fields {
                    match have.get(key) {
                        Some(there) => compare(&format!("{path}.{key}"), value, there, found),
                        None => found.push(format!("{path}.{key}: expected {value}, field is missing")),
                    }
                }
                if fields.is_empty() && !have.is_empty() {
                    found.push(format!("{path}: expected an empty object, got {actual}"));
                }
            }
            other => found.push(format!("{path}: expected an object, got {other}")),
        },
        Value::Array(items) => match actual {
            Value::Array(have) if have.len() == items.len() => {
                for (index, (item, there)) in items.iter().zip(have).enumerate() {
                    compare(&format!("{path}[{index}]"), item, there, found);
                }
            }
            Value::Array(have) => {
                found.push(format!("{path}: expected {} items, got {}: {actual}", items.len(), have.len()));
            }
            other => found.push(format!("{path}: expected an array, got {other}")),
        },
        scalar if scalar == actual => {}
        scalar => found.push(format!("{path}: expected {scalar}\n{:indent$}got {actual}", "", indent = path.len() + 7)),
    }
}

fn operate(path: &str, operator: &str, operand: &Value, actual: &Value, found: &mut Vec<String>) {
    match operator {
        "_exact" if operand == actual => {}
        "_regex" if regex_fits(operand, actual) => {}
        "_len" if operand.as_u64() == length(actual) => {}
        "_not" if !fits(operand, actual) => {}
        "_contains" | "_set" => {
            let (Value::Array(wanted), Value::Array(have)) = (operand, actual) else {
                found.push(format!("{path}: {operator} needs an array, got {actual}"));
                return;
            };
            for item in wanted {
                if !have.iter().any(|there| fits(item, there)) {
                    found.push(format!("{path}: no item fits {item} in {}", shorten(actual)));
                }
            }
            if operator == "_set" && wanted.len() != have.len() {
                found.push(format!("{path}: expected {} items, got {}: {}", wanted.len(), have.len(), shorten(actual)));
            }
        }
        "_absent_keys" => {
            for key in operand.as_array().into_iter().flatten().filter_map(Value::as_str) {
                if let Some(value) = actual.get(key) {
                    found.push(format!("{path}.{key}: expected no such field, got {value}"));
                }
            }
        }
        "_exact" | "_regex" | "_len" | "_not" => {
            found.push(format!(
                "{path}: expected {operator} {operand}\n{:indent$}got {}",
                "",
                shorten(actual),
                indent = path.len() + 7
            ));
        }
        other => found.push(format!("{path}: unknown operator {other} in the scenario")),
    }
}

fn regex_fits(pattern: &Value, actual: &Value) -> bool {
    let text = match actual {
        Value::String(text) => text.clone(),
        Value::Null => return false,
        other => other.to_string(),
    };
    pattern
        .as_str()
        .and_then(|pattern| Regex::new(pattern).ok())
        .is_some_and(|regex| regex.is_match(&text).unwrap_or(false))
}

fn length(value: &Value) -> Option<u64> {
    let length = match value {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        Value::String(text) => text.chars().count(),
        _ => return None,
    };
    u64::try_from(length).ok()
}

/// Long values cut, so that a report stays readable.
fn shorten(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 1_500 { text } else { text.chars().take(1_500).chain("…".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_fits_when_its_fields_are_there_whatever_else_is() {
        assert!(fits(&json!({"a": {"b": 1}}), &json!({"a": {"b": 1, "c": 2}, "d": 3})));
        assert!(!fits(&json!({"a": {"b": 2}}), &json!({"a": {"b": 1}})));
        assert!(!fits(&json!({"e": null}), &json!({"d": 3})));
    }

    #[test]
    fn an_empty_object_fits_only_an_empty_object() {
        assert!(fits(&json!({}), &json!({})));
        assert!(!fits(&json!({}), &json!({"a": 1})));
    }

    #[test]
    fn arrays_are_compared_item_by_item_unless_an_operator_loosens_it() {
        assert!(fits(&json!([1, 2]), &json!([1, 2])));
        assert!(!fits(&json!([2, 1]), &json!([1, 2])));
        assert!(fits(&json!({"_set": [2, 1]}), &json!([1, 2])));
        assert!(!fits(&json!({"_set": [2]}), &json!([1, 2])));
        assert!(fits(&json!({"_contains": [2]}), &json!([1, 2])));
        assert!(!fits(&json!({"_contains": [3]}), &json!([1, 2])));
    }

    #[test]
    fn operators_hold_all_or_the_value_does_not_fit() {
        assert!(fits(&json!({"_regex": "^ab+$"}), &json!("abb")));
        assert!(!fits(&json!({"_regex": "^ab+$", "_len": 2}), &json!("abb")));
        assert!(fits(&json!({"_not": "_any"}), &json!(1)) == fits(&json!(2), &json!(1)));
        assert!(!fits(&json!({"_exact": {"a": 1}}), &json!({"a": 1, "b": 2})));
        assert!(!fits(&json!({"_absent_keys": ["b"]}), &json!({"a": 1, "b": 2})));
        assert!(!fits(&json!({"_typo": 1}), &json!(1)));
    }
}
