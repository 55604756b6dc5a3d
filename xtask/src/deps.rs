//! Which crate may depend on which.
//!
//! Prevents the arrows that make a code base one lump: a runtime that knows a connector, a connector that knows the runtime, an API that knows
//! either. Dev-dependencies may also use the test kit and the probe plug-ins.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::shell;

/// Own crates that a crate may use, by its folder; `connectors/*` stands for every connector but the bundle.
const ARROWS: &[(&str, &[&str])] = &[
    (
        "apps/*",
        &["connectors/bundle", "crates/api", "crates/devbroker", "crates/kafka", "crates/rest", "crates/runtime"],
    ),
    ("benches", &["crates/api", "crates/kafka", "crates/testkit"]),
    ("connectors/bundle", &["connectors/*", "crates/api", "crates/converters", "crates/transforms"]),
    ("connectors/*", &["crates/api"]),
    ("crates/api", &["crates/api-macros"]),
    ("crates/api-macros", &[]),
    ("crates/converters", &["crates/api"]),
    ("crates/devbroker", &["crates/kafka"]),
    ("crates/kafka", &["crates/api"]),
    ("crates/rest", &["crates/api", "crates/runtime"]),
    ("crates/runtime", &["crates/api", "crates/kafka"]),
    ("crates/testkit", &["crates/api", "crates/devbroker", "crates/kafka", "crates/runtime"]),
    ("crates/transforms", &["crates/api"]),
    ("tests/e2e", &["crates/api", "crates/kafka", "crates/testkit"]),
    ("tests/oracle", &["connectors/file", "crates/api", "crates/converters", "crates/runtime", "crates/transforms"]),
    ("tests/parsers", &["crates/api", "crates/converters", "crates/rest", "crates/runtime", "crates/transforms"]),
    ("xtask", &[]),
];

/// What any crate may use in its tests, beyond its arrows. Tests of the lower crates may run on the development broker and use real converters.
const IN_TESTS: &[&str] = &[
    "connectors/file",
    "connectors/probe",
    "crates/api-macros",
    "crates/converters",
    "crates/devbroker",
    "crates/testkit",
    "crates/transforms",
];

/// Reads `cargo metadata` and fails on every arrow that is not permitted.
///
/// # Errors
/// When one is found, a folder has no rule, or cargo fails.
pub fn check() -> Result<()> {
    let text = shell::read(&mut shell::cargo(&["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&text).context("cannot read what cargo metadata printed")?;
    let packages = packages(&metadata)?;
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let from = folder(package)?;
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let Some(to) = dependency["name"].as_str().and_then(|name| packages.get(name)) else { continue };
            let in_tests = dependency["kind"].as_str() == Some("dev");
            if !permitted(&from, to, in_tests)? {
                wrong.push(format!("{from} -> {to}{}", if in_tests { " (tests)" } else { "" }));
            }
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    bail!(
        "dependencies in a direction that is not permitted (xtask/src/deps.rs lists those that are):\n  {}",
        wrong.join("\n  ")
    )
}

fn packages(metadata: &Value) -> Result<BTreeMap<String, String>> {
    let list = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    list.iter()
        .map(|package| Ok((package["name"].as_str().context("a package without name")?.to_owned(), folder(package)?)))
        .collect()
}

/// The folder of a package below the top folder.
fn folder(package: &Value) -> Result<String> {
    let manifest = Path::new(package["manifest_path"].as_str().context("a package without manifest")?);
    let folder = manifest.parent().context("a manifest without folder")?;
    Ok(folder.strip_prefix(shell::root()).unwrap_or(folder).display().to_string())
}

fn permitted(from: &str, to: &str, in_tests: bool) -> Result<bool> {
    let rule = ARROWS.iter().find(|(pattern, _)| fits(pattern, from));
    let (_, arrows) = rule.with_context(|| format!("no rule in xtask/src/deps.rs says what {from} may depend on"))?;
    Ok(arrows.iter().any(|pattern| fits(pattern, to)) || (in_tests && IN_TESTS.contains(&to)))
}

fn fits(pattern: &str, folder: &str) -> bool {
    match pattern.strip_suffix("/*") {
        Some(parent) => {
            folder != "connectors/bundle" && folder.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/'))
        }
        None => pattern == folder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_never_sees_a_connector() {
        assert!(!permitted("crates/runtime", "connectors/file", false).unwrap());
        assert!(!permitted("crates/runtime", "connectors/bundle", false).unwrap());
        assert!(permitted("crates/runtime", "connectors/probe", true).unwrap());
    }

    #[test]
    fn a_program_reaches_connectors_through_the_bundle_only() {
        assert!(permitted("apps/milena", "connectors/bundle", false).unwrap());
        assert!(!permitted("apps/milena", "connectors/file", false).unwrap());
        assert!(permitted("connectors/bundle", "connectors/file", false).unwrap());
    }

    #[test]
    fn a_folder_without_a_rule_is_an_error() {
        assert!(permitted("crates/brand-new", "crates/api", false).is_err());
    }
}
