//! Counting tests over suites, by the summary lines that they print.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::shell;

/// How many tests passed and failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
}

impl Tally {
    /// One thing that failed outside any suite.
    pub const fn one_failed() -> Self {
        Self { passed: 0, failed: 1 }
    }

    pub const fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Runs a suite, shows its output as it comes, and counts what its summary lines say: `test result: ok. 3 passed; 1 failed; …` of the test
/// harness, or `…: 3 passed, 1 failed`. A suite that does not succeed without saying that a test failed counts as one failure.
///
/// # Errors
/// When it cannot be started.
pub fn run(command: &mut Command) -> Result<Tally> {
    run_naming_failures(command).map(|(tally, _)| tally)
}

/// As [`run`], and the names of the tests that failed.
///
/// # Errors
/// When it cannot be started.
pub fn run_naming_failures(command: &mut Command) -> Result<(Tally, Vec<String>)> {
    let shown = shell::shown(command);
    println!("--- {shown}");
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {shown}"))?;
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.with_context(|| format!("cannot read the output of {shown}"))?;
            println!("{line}");
            tally.add(summary(&line));
            failures.extend(failure(&line).map(str::to_owned));
        }
    }
    if !child.wait()?.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok((tally, failures))
}

/// The name in `test NAME ... FAILED`.
fn failure(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

/// The counts in a summary line; none in any other line.
fn summary(line: &str) -> Tally {
    let Some((_, counts)) = line.split_once(": ") else { return Tally::default() };
    if !counts.contains(" passed") || !counts.contains(" failed") {
        return Tally::default();
    }
    let count = |what: &str| {
        let words: Vec<&str> = counts.split([' ', ';', ',', '.']).filter(|word| !word.is_empty()).collect();
        words.windows(2).find(|pair| pair[1] == what).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
    };
    Tally { passed: count("passed"), failed: count("failed") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_the_test_harness_and_of_the_scenario_runner_are_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(summary(line), Tally { passed: 12, failed: 3 });
        assert_eq!(summary("rest scenarios against Java: 184 passed, 0 failed"), Tally { passed: 184, failed: 0 });
    }

    #[test]
    fn tests_that_failed_are_named() {
        assert_eq!(failure("test groups::a_rule::real ... FAILED"), Some("groups::a_rule::real"));
        assert_eq!(failure("test groups::a_rule::real ... ok"), None);
        assert_eq!(failure("test result: FAILED. 1 passed; 1 failed;"), None);
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(summary("test a_test_that_passed: ok"), Tally::default());
        assert_eq!(summary("ok     root/0001-worker-version (3 ms)"), Tally::default());
    }
}
