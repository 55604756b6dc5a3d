//! `cargo xtask bench`: the workloads of `benches/` on both workers, with release builds of everything.

use std::process::ExitCode;

use anyhow::Result;

use crate::shell;

/// Builds `milena` for release and hands the arguments on to the runner, which starts its own broker and writes `docs/benchmarks.md`.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    shell::run(&mut shell::cargo(&["build", "--release", "--package", "milena"]))?;
    let program = shell::target_dir()?.join("release").join("milena");
    let mut runner = shell::cargo(&["run", "--release", "--quiet", "--package", "milena-bench", "--"]);
    shell::run(runner.args(arguments).env(shell::MILENA_BIN, program))?;
    Ok(ExitCode::SUCCESS)
}
