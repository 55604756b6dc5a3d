//! `RULES.md` and the tests say the same: every rule of the table is a test on the brokers it names, and every test is in the table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Columns of the table, and the kinds of broker of `rule!` that count for each.
const COLUMNS: [(&str, &[&str]); 5] = [
    ("dev", &["dev", "dev_secure"]),
    ("real", &["real", "own"]),
    ("cluster", &["cluster"]),
    ("secure", &["secure"]),
    ("proxy", &["proxy"]),
];

/// Columns with a test, by rule (`area::name`).
type Rules = BTreeMap<String, BTreeSet<&'static str>>;

fn in_table() -> Rules {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/RULES.md");
    let text = std::fs::read_to_string(file).unwrap();
    let mut rules = Rules::new();
    for line in text.lines().filter(|line| line.starts_with("| ") && line.contains('`')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 2 + COLUMNS.len(), "a rule, its test and {} columns: {line}", COLUMNS.len());
        let columns = COLUMNS.iter().zip(&cells[2..]).filter(|(_, cell)| **cell == "x").map(|((name, _), _)| *name);
        for name in cells[1].split(',') {
            let name = name.trim().trim_matches('`').to_owned();
            assert!(rules.insert(name.clone(), columns.clone().collect()).is_none(), "{name} is there twice");
        }
    }
    rules
}

fn in_tests() -> Rules {
    let output = Command::new(std::env::current_exe().unwrap()).args(["--list", "--format", "terse"]).output().unwrap();
    let mut rules = Rules::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let Some((path, kind)) = line.strip_suffix(": test").and_then(|path| path.rsplit_once("::")) else { continue };
        let Some((column, _)) = COLUMNS.iter().find(|(_, kinds)| kinds.contains(&kind)) else { continue };
        let path = path.trim_end_matches("::fault").trim_end_matches("::long");
        rules.entry(path.to_owned()).or_default().insert(*column);
    }
    rules
}

#[test]
fn every_rule_is_tested_where_the_table_says() {
    let (table, tests) = (in_table(), in_tests());
    for (name, columns) in &table {
        assert!(!columns.is_empty(), "{name} is on no broker");
        assert_eq!(Some(columns), tests.get(name), "{name}: RULES.md on the left, tests on the right");
    }
    let missing: Vec<&String> = tests.keys().filter(|name| !table.contains_key(*name)).collect();
    assert!(missing.is_empty(), "not in RULES.md: {missing:?}");
}
