//! Java's regular expressions against the answers of `java.util.regex` (Java 17).

#![expect(clippy::expect_used, reason = "helpers of tests: a failure there is a failure of the test")]

use milena_api::config::{compile_java_regex, compile_java_regex_whole};
use serde_json::Value;

/// Patterns that Java takes and this worker refuses, or reads differently, each with the reason.
const KNOWN: &[(&str, &str)] = &[
    (r"\p{InGreek}", "no blocks"),
    (r"\p{block=Cyrillic}", "no blocks"),
    (r"\p{IsLatin}\p{javaLowerCase}\p{Alpha}\P{L}\p{L}\pL\p{InGreek}\p{Sc}\p{Lower}", "no blocks"),
    (r"\p{javaJavaIdentifierStart}", "a method of Character that no connector needs"),
    (r"\N{x}", "no names of characters"),
];

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(|text| text.as_str().expect("a text")).collect()
}

/// What differs for one pattern, if anything.
fn difference(case: &Value, texts: &[&str]) -> Option<String> {
    let pattern = case["pattern"].as_str().expect("a pattern");
    let (found, whole) = match (compile_java_regex(pattern), compile_java_regex_whole(pattern)) {
        (Ok(found), Ok(whole)) => (found, whole),
        (Err(message), _) | (_, Err(message)) => {
            let expected = case["error"].as_str();
            return (expected != Some(&message)).then(|| format!("error {message:?}, Java: {expected:?}"));
        }
    };
    if let Some(error) = case["error"].as_str() {
        return Some(format!("no error, Java: {error:?}"));
    }
    let matches = strings(&case["matches"]);
    for text in texts {
        let matching = whole.is_match(text).expect("a match");
        if matching != matches.contains(text) {
            return Some(format!("matches {text:?}: {matching}"));
        }
        let group = found.find(text).expect("a search").map(|found| found.as_str().to_owned());
        let expected = case["finds"].as_array().expect("a list").iter().find(|pair| pair[0].as_str() == Some(text));
        let expected = expected.map(|pair| pair[1].as_str().expect("a text").to_owned());
        if group != expected {
            return Some(format!("finds {group:?} in {text:?}, Java: {expected:?}"));
        }
    }
    None
}

#[test]
fn patterns_mean_what_they_mean_in_java() {
    let golden: Vec<Value> = include_str!("golden/java_regex.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    let (texts, cases) = golden.split_last().expect("the texts");
    let texts = strings(&texts["texts"]);
    assert!(cases.len() > 800);
    let mut wrong = Vec::new();
    for case in cases {
        let pattern = case["pattern"].as_str().expect("a pattern");
        let known = KNOWN.iter().any(|(known, _)| *known == pattern);
        match difference(case, &texts) {
            Some(difference) if !known => wrong.push(format!("{pattern:?}: {difference}")),
            None if known => wrong.push(format!("{pattern:?} is right now: take it off the list")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
