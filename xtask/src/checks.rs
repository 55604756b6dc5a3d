//! Checks of the whole source tree, each a few seconds at most. The doc comment of each names the defect it prevents.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::shell;

/// No Rust file has more lines than this.
const MOST_LINES: usize = 1_000;

/// Text that only exists on some developer's machine. Written in two halves, so that this file passes its own check.
const MACHINE_PATHS: &[&str] =
    &[concat!("/work", "/"), concat!("../", "shared"), concat!("/home", "/"), concat!("/root", "/")];

/// Prevents files that nobody can hold in mind any more: they grow past a thousand lines unless something says stop.
pub fn file_lengths() -> Result<()> {
    let mut long = Vec::new();
    for (path, text) in tracked_texts()? {
        let lines = text.lines().count();
        if path.ends_with(".rs") && lines > MOST_LINES {
            long.push(format!("{path}: {lines} lines"));
        }
    }
    report(&long, "Rust files over 1,000 lines; split them by state, phase or call")
}

/// Prevents a build or test that works on one machine only, because it names a folder of that machine.
pub fn machine_paths() -> Result<()> {
    let mut found = Vec::new();
    for (path, text) in tracked_texts()? {
        for (index, line) in text.lines().enumerate() {
            if MACHINE_PATHS.iter().any(|machine| line.contains(machine)) {
                found.push(format!("{path}:{}: {}", index + 1, line.trim()));
            }
        }
    }
    report(&found, "lines name a path of one machine; use a path inside the project, a setting or a temporary folder")
}

/// Prevents reviews about white space.
pub fn format() -> Result<()> {
    shell::run(&mut shell::cargo(&["fmt", "--all", "--check"]))
}

/// Prevents what the workspace's lints know to be wrong: panics in the worker, locks held across awaits, results that nobody looks at.
pub fn clippy() -> Result<()> {
    shell::run(&mut shell::cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

/// Prevents documentation with broken links and with items that nobody documented.
pub fn docs() -> Result<()> {
    shell::run(shell::cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings"))
}

/// Prevents reference pages that tell of settings as they once were.
pub fn reference() -> Result<()> {
    write_reference(&["--check"])
}

/// Runs the program that writes `docs/reference`, with these arguments.
pub fn write_reference(arguments: &[&str]) -> Result<()> {
    let mut command = shell::cargo(&["run", "--quiet", "--package", "milena", "--example", "reference", "--"]);
    shell::run(command.args(arguments))
}

fn report(found: &[String], what: &str) -> Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    bail!("{} {what}:\n  {}", found.len(), found.join("\n  "))
}

/// Every text file that git tracks or would track, with its path below the top folder.
fn tracked_texts() -> Result<Vec<(String, String)>> {
    let root = shell::root();
    let list = shell::read(&mut shell::program("git", &["ls-files", "--cached", "--others", "--exclude-standard"]))?;
    let mut texts = Vec::new();
    for path in list.lines() {
        let full = root.join(path);
        // A file that was deleted and not yet committed is still listed.
        if is_text(&full) && full.is_file() {
            let bytes = std::fs::read(&full).with_context(|| format!("cannot read {path}"))?;
            texts.push((path.to_owned(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    Ok(texts)
}

fn is_text(path: &Path) -> bool {
    let known = ["java", "json", "md", "properties", "rs", "sh", "svg", "toml", "txt", "xml", "yaml", "yml"];
    path.extension().is_none_or(|extension| known.iter().any(|text| extension == *text))
}
