//! `cargo xtask fuzz`: what a broker sends is untrusted, and these runs try to make the client fall over it.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::shell;

/// The targets, with each one's share of the runs in percent.
const TARGETS: &[(&str, u64)] = &[("answers", 45), ("credentials", 5), ("members", 5), ("records", 45)];
const FOLDER: &str = "crates/kafka/fuzz";
const DEFAULT_RUNS: u64 = 10_000_000;

/// Builds the targets, writes first inputs, and runs all of them, or those that are named.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let (mut runs, mut only, mut arguments) = (DEFAULT_RUNS, Vec::new(), arguments.iter());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--runs" => {
                let number = arguments.next().context("--runs needs a number")?;
                runs = number.parse().with_context(|| format!("--runs {number}"))?;
            }
            name if TARGETS.iter().any(|(target, _)| *target == name) => only.push(name),
            other => {
                let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
                bail!("no target '{other}'; there are: {}", names.join(", "));
            }
        }
    }
    if !shell::is_installed("cargo-fuzz", "--version") {
        bail!("cargo-fuzz is missing; install it: cargo install cargo-fuzz --locked, and a nightly toolchain");
    }
    shell::run(&mut fuzz(&["build", "--fuzz-dir", FOLDER]))?;
    shell::run(&mut fuzz(&["run", "--fuzz-dir", FOLDER, "seeds", &format!("{FOLDER}/corpus")]))?;
    for (target, share) in TARGETS.iter().filter(|(target, _)| only.is_empty() || only.contains(target)) {
        let share = if only.is_empty() { runs * share / 100 } else { runs };
        println!("--- {target}: {share} runs");
        let limit = format!("-runs={share}");
        // What C libraries take is seen by the sanitizer only: a window of zstd has 128 MiB.
        let options =
            ["run", "--fuzz-dir", FOLDER, target, "--", &limit, "-malloc_limit_mb=192", "-print_final_stats=1"];
        shell::run(&mut fuzz(&options))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// cargo-fuzz wants a nightly compiler; everything else is built with the one of `rust-toolchain.toml`.
fn fuzz(arguments: &[&str]) -> Command {
    let mut command = shell::program("cargo", &["+nightly", "fuzz"]);
    command.args(arguments);
    command
}
