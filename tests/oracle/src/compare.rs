//! Whether two answers are the same, as far as the order of Java's hash maps, addresses and texts of Java's own exceptions let them be.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::{Answer, validation};

/// Why a case need not come out as in Kafka; docs/compatibility.md has each of these.
pub(crate) fn excuse(pair: &Json) -> Option<&'static str> {
    let half_a_pair = || {
        let text = pair.to_string();
        let encoded = pair["case"]["config"].get("converter.encoding").is_some();
        text.contains("\"utf16\":") || text.contains('\u{fffd}') && !encoded
    };
    let expected = pair["expect"].to_string();
    let excuses = [
        (half_a_pair(), "half a surrogate pair becomes U+FFFD"),
        (
            expected.contains("InsertField$InsertionSpec@*"),
            "Java prints an object's address where Milena prints the field's name",
        ),
        (
            pair["case"]["class"] == "DistributedConfig" && expected.contains("NullPointerException"),
            "a number that is none ends Java's check in a NullPointerException",
        ),
        (
            pair["case"]["class"].as_str().is_some_and(|class| class.ends_with("connector-common"))
                && pair["case"]["config"].get("connector.class").is_none(),
            "without connector.class Java knows no transformations; the herder refuses such a configuration first",
        ),
        (expected.contains("not supported by this JVM"), "Java names the algorithms of its security providers"),
    ];
    excuses.iter().find(|(applies, _)| *applies).map(|(_, reason)| *reason)
}

/// The two answers, if they are not the same.
pub(crate) fn difference(case: &Json, answer: &Answer, expected: &Json) -> Option<String> {
    let of_definitions = matches!(case["op"].as_str(), Some("config_def" | "validate"));
    match (answer, expected.get("ok"), expected.get("error")) {
        (Ok(ours), Some(theirs), _) if of_definitions => {
            let mut found = Vec::new();
            differences("", &unordered(&validation::without_hints(ours)), &unordered(theirs), &mut found);
            (!found.is_empty()).then(|| found.join("\n  "))
        }
        (Ok(ours), Some(theirs), _) => {
            let (ours, theirs) = (normal(ours), normal(theirs));
            (ours != theirs).then(|| format!("ours   {ours}\n  theirs {theirs}"))
        }
        (Err(ours), _, Some(theirs)) => {
            let class = theirs["class"].as_str().unwrap_or_default();
            let message = theirs["message"].as_str();
            let same = |ours: Option<&str>| match of_definitions {
                true => ours.map(validation::comparable) == message.map(validation::comparable),
                false => ours.map(mask) == message.map(mask),
            };
            // Texts of java.* exceptions are Java's.
            let same_message = !class.starts_with("org.apache.kafka.") || same(ours.message.as_deref());
            let same_place = theirs.get("at").is_none_or(|place| place.as_str() == ours.at.as_deref());
            if class == ours.class && same_message && same_place {
                return None;
            }
            Some(format!("ours   {}\n  theirs {class}: {} at {}", ours.headline(), theirs["message"], theirs["at"]))
        }
        (Ok(ours), None, error) => Some(format!("ours   {ours}\n  theirs {}", error.unwrap_or(&Json::Null))),
        (Err(ours), ok, None) => Some(format!("ours   {}\n  theirs {}", ours.headline(), ok.unwrap_or(&Json::Null))),
    }
}

/// Where two answers differ, at most a few places.
fn differences(path: &str, ours: &Json, theirs: &Json, found: &mut Vec<String>) {
    if ours == theirs || found.len() > 5 {
        return;
    }
    match (ours, theirs) {
        (Json::Object(l), Json::Object(r)) => {
            let keys: std::collections::BTreeSet<_> = l.keys().chain(r.keys()).collect();
            for key in keys {
                let at = format!("{path}/{key}");
                differences(&at, l.get(key).unwrap_or(&Json::Null), r.get(key).unwrap_or(&Json::Null), found);
            }
        }
        _ => found.push(format!("{path}: ours {ours}, Kafka's {theirs}")),
    }
}

/// Lists of keys by name, as their order is that of a hash map in places.
fn unordered(json: &Json) -> Json {
    let by_name = |list: &Json| -> Json {
        let mut named: BTreeMap<String, Json> = BTreeMap::new();
        for item in list.as_array().into_iter().flatten() {
            let name = [&item["name"], &item["definition"]["name"], &item["value"]["name"]];
            let name = name.into_iter().find_map(Json::as_str).unwrap_or_default().to_owned();
            let mut name_once = name.clone();
            while named.contains_key(&name_once) {
                name_once.push_str(" again");
            }
            named.insert(name_once, item.clone());
        }
        named.into_iter().collect::<Map<String, Json>>().into()
    };
    if json.is_array() {
        return by_name(json);
    }
    let mut json = json.clone();
    // Groups of converters come in the order of a hash map, too.
    if let Some(groups) = json.get_mut("groups").and_then(Json::as_array_mut) {
        groups.sort_by_key(Json::to_string);
    }
    for list in ["configs", "values"] {
        if json.get(list).is_some() {
            json[list] = by_name(&json[list]);
        }
    }
    json
}

/// A message without what depends on addresses and on the class of a map or of bytes.
fn mask(message: &str) -> String {
    let message = message.replace("java.util.LinkedHashMap", "java.util.HashMap");
    let message = cut(&message, "java.nio.HeapByteBuffer[", |c| c != ']').replace("java.nio.HeapByteBuffer[]", "[B@");
    cut(&message.replace("java.nio.HeapByteBuffer", "[B"), "[B@", |c| c.is_ascii_hexdigit() || c == '*')
}

/// The text without the characters that follow each `mark`.
fn cut(text: &str, mark: &str, drop: impl Fn(char) -> bool + Copy) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(mark).map(|at| at + mark.len()) {
        out.push_str(&rest[..at]);
        rest = rest[at..].trim_start_matches(drop);
    }
    out.push_str(rest);
    out
}

/// A form in which equal answers are equal: map entries sorted, absent and default attributes of schemas left out.
fn normal(json: &Json) -> Json {
    match json {
        Json::Object(all) => {
            let mut out = serde_json::Map::new();
            for (key, value) in all {
                if value.is_null()
                    || value == &Json::Bool(false) && key == "optional"
                    || key == "text" && all.contains_key("bytes")
                {
                    continue;
                }
                let value = match (key.as_str(), value) {
                    ("map", Json::Array(entries)) => {
                        let mut entries: Vec<Json> = entries.iter().map(normal).collect();
                        entries.sort_by_key(Json::to_string);
                        Json::Array(entries)
                    }
                    // Java 17 does not always print the shortest text.
                    ("f32", Json::Number(number)) => json!(number.as_f64().map(|n| n as f32)),
                    ("f64", Json::Number(number)) => json!(number.as_f64()),
                    ("buffer", value) => {
                        out.insert("bytes".to_owned(), value.clone());
                        continue;
                    }
                    (_, value) => normal(value),
                };
                out.insert(key.clone(), value);
            }
            let mut sorted: Vec<_> = out.into_iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(sorted.into_iter().collect())
        }
        Json::Array(all) => Json::Array(all.iter().map(normal).collect()),
        other => other.clone(),
    }
}
