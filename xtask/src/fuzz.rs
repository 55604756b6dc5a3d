//! `cargo xtask fuzz`: what a broker sends is untrusted, and so is what stands in files, requests and records. These runs try to make Milena
//! fall over it.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::shell;

/// The targets of the Kafka client, with each one's share of the runs in percent.
const CLIENT: &[(&str, u64)] = &[("answers", 45), ("credentials", 5), ("members", 5), ("records", 45)];
/// The parsers, each of which gets all of the runs.
const PARSERS: &[&str] = &["bodies", "config", "json", "offsets", "paths", "properties", "schema", "values"];
const FOLDER: &str = "fuzz";
const DEFAULT_RUNS: u64 = 10_000_000;

/// Builds the targets, writes first inputs, and runs all of them, or those that are named: targets, `client`, `parsers`.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let (mut runs, mut wanted, mut arguments) = (DEFAULT_RUNS, Vec::new(), arguments.iter());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--runs" => {
                let number = arguments.next().context("--runs needs a number")?;
                runs = number.parse().with_context(|| format!("--runs {number}"))?;
            }
            "client" => wanted.extend(CLIENT),
            "parsers" => wanted.extend(PARSERS.iter().map(|name| (*name, 100))),
            other => match CLIENT.iter().map(|(name, _)| name).chain(PARSERS).find(|name| **name == other) {
                Some(name) => wanted.push((*name, 100)),
                None => bail!(
                    "no target '{other}'; there are: client ({}), parsers ({})",
                    CLIENT.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
                    PARSERS.join(", ")
                ),
            },
        }
    }
    if wanted.is_empty() {
        wanted.extend(CLIENT);
        wanted.extend(PARSERS.iter().map(|name| (*name, 100)));
    }
    if !shell::is_installed("cargo-fuzz", "--version") {
        bail!("cargo-fuzz is missing; install it: cargo install cargo-fuzz --locked, and a nightly toolchain");
    }
    shell::run(&mut fuzz(&["build", "--fuzz-dir", FOLDER]))?;
    shell::run(&mut fuzz(&["run", "--fuzz-dir", FOLDER, "seeds", &format!("{FOLDER}/corpus")]))?;
    for (target, share) in wanted {
        let share = runs * share / 100;
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
