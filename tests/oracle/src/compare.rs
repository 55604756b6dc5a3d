//! Golden files: cases with the answers that Kafka's own classes gave, in the JSON form of the oracle that wrote them.
//!
//! A runner gives [`check_files`] a function from a case to an answer. Cases known to differ are listed, with the reason, in `KNOWN.txt` beside
//! the golden files; the list must name exactly the cases that differ, so that it only shrinks. With the environment variable
//! `MILENA_GOLDEN` set to a file of fresh cases, these are checked instead and all differences are printed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a golden file that cannot be read fails the test")]

mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use milena_api::Error;
use serde_json::{Value as Json, json};
pub use values::{schema, schema_json, text, value, value_json};

/// What our side answers: the JSON of `ok`, or an error with the place where it happened.
pub type Answer = Result<Json, (Error, Option<String>)>;

/// Why a case cannot be put to our side at all.
pub struct Unsupported(pub String);

/// Runs all golden files of `folder`.
pub fn check_files(folder: &Path, mut run: impl FnMut(&Json) -> Result<Answer, Unsupported>) {
    if let Ok(fresh) = std::env::var("MILENA_GOLDEN") {
        let differences = check_file(Path::new(&fresh), &mut run);
        for (line, difference) in &differences {
            println!("line {line}: {difference}\n");
        }
        assert!(differences.is_empty(), "{} of the cases in {fresh} differ", differences.len());
        return;
    }
    let known = known(&folder.join("KNOWN.txt"));
    let mut different: BTreeSet<(String, usize)> = BTreeSet::new();
    let mut report = String::new();
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "jsonl"));
    files.sort();
    assert!(!files.is_empty(), "no golden files in {}", folder.display());
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for (line, difference) in check_file(&path, &mut run) {
            let case = (name.clone(), line);
            if !known.contains_key(&case) {
                report.push_str(&format!("{name} line {line}: {difference}\n\n"));
            }
            different.insert(case);
        }
    }
    assert!(report.is_empty(), "answers differ from Kafka's:\n{report}");
    let fixed: Vec<_> = known.keys().filter(|case| !different.contains(*case)).collect();
    assert!(fixed.is_empty(), "no longer different, take them out of KNOWN.txt: {fixed:?}");
}

/// Lines of `file line reason`.
fn known(path: &Path) -> BTreeMap<(String, usize), String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut parts = line.splitn(3, ' ');
            let file = parts.next().unwrap().to_owned();
            let index = parts.next().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no line number: {line}"));
            ((file, index), parts.next().unwrap_or_else(|| panic!("no reason: {line}")).to_owned())
        })
        .collect()
}

fn check_file(path: &Path, run: &mut impl FnMut(&Json) -> Result<Answer, Unsupported>) -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut differences = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let pair: Json = serde_json::from_str(line).unwrap();
        let expected = &pair["expect"];
        let difference = match run(&pair["case"]) {
            Err(Unsupported(why)) => Some(format!("cannot be run: {why}")),
            Ok(answer) => difference(&answer, expected),
        };
        if let Some(difference) = difference {
            differences.push((index + 1, format!("{difference}\n  case {}", pair["case"])));
        }
    }
    differences
}

fn difference(answer: &Answer, expected: &Json) -> Option<String> {
    match (answer, expected.get("ok"), expected.get("error")) {
        (Ok(ours), Some(theirs), _) => {
            let (ours, theirs) = (normal(ours), normal(theirs));
            (ours != theirs).then(|| format!("ours   {ours}\n  theirs {theirs}"))
        }
        (Ok(ours), None, error) => Some(format!("ours   {ours}\n  theirs {}", error.unwrap_or(&Json::Null))),
        (Err((ours, at)), _, Some(theirs)) => {
            let class = theirs["class"].as_str().unwrap_or_default();
            let same_message = !class.starts_with("org.apache.kafka.")
                || theirs["message"].as_str().map(mask) == ours.message().map(mask);
            let same_place = theirs.get("at").is_none_or(|place| place.as_str() == at.as_deref());
            if class == ours.java_class() && same_message && same_place {
                return None;
            }
            let theirs = format!("{class}: {} at {}", theirs["message"], theirs["at"]);
            Some(format!("ours   {} at {at:?}\n  theirs {theirs}", ours.headline()))
        }
        (Err((ours, _)), ok, None) => {
            Some(format!("ours   {}\n  theirs {}", ours.headline(), ok.unwrap_or(&Json::Null)))
        }
    }
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
                    || matches!(key.as_str(), "text" | "documentation")
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
