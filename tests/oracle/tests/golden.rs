//! All golden files, against Milena.
//!
//! Cases known to differ are listed, with the reason, in `golden/KNOWN.txt`; the list must name exactly the cases that differ, so that it only
//! shrinks.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a golden file that cannot be read fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use milena_oracle::{Milena, Verdict};
use serde_json::Value as Json;

/// Lines of `file line reason`.
fn known(path: &Path) -> BTreeMap<(String, usize), String> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let entry = |line: &str| {
        let mut parts = line.splitn(3, ' ');
        let file = parts.next()?.to_owned();
        let index = parts.next()?.parse().ok()?;
        Some(((file, index), parts.next()?.to_owned()))
    };
    lines.map(|line| entry(line).unwrap_or_else(|| panic!("not 'file line reason': {line}"))).collect()
}

#[test]
fn answers_are_those_of_kafka() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let known = known(&folder.join("KNOWN.txt"));
    let milena = Milena::default();
    let mut different: BTreeSet<(String, usize)> = BTreeSet::new();
    let mut report = String::new();
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    assert!(files.len() > 10, "golden files are missing");
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for (line, text) in (1..).zip(std::fs::read_to_string(&path).unwrap().lines()) {
            let pair: Json = serde_json::from_str(text).unwrap();
            let found = match milena.check(&pair) {
                Verdict::Same => continue,
                Verdict::Excused(reason) => reason.to_owned(),
                Verdict::Different(found) => found,
            };
            let case = (name.clone(), line);
            if !known.contains_key(&case) {
                report.push_str(&format!("{name} line {line}: {found}\n  case {}\n\n", pair["case"]));
            }
            different.insert(case);
        }
    }
    assert!(report.is_empty(), "answers differ from Kafka's:\n{report}");
    let same: Vec<_> = known.keys().filter(|case| !different.contains(*case)).collect();
    assert!(same.is_empty(), "no longer different, take them out of KNOWN.txt: {same:?}");
}
