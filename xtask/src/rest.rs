//! `cargo xtask rest`: the REST scenarios against one worker, with a fresh `milena` where that is the one.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::{shell, tally};

/// Builds what is needed, runs the scenarios and hands on whether all passed.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let java = arguments.windows(2).any(|pair| pair == ["--worker", "java"]);
    if !java {
        shell::run(&mut shell::cargo(&["build", "--quiet", "--package", "milena"]))?;
    }
    let tally = tally::run(scenarios().args(arguments))?;
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The runner, without arguments; it lies in the same folder as `milena`, where it looks for it.
pub fn scenarios() -> Command {
    shell::cargo(&["run", "--quiet", "--package", "milena-testkit", "--bin", "rest-scenarios", "--"])
}
