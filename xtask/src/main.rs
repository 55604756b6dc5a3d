//! The project's own tool: `cargo xtask <command>`. It checks what no compiler checks and runs every test suite, the same way on a laptop and in CI.

mod bench;
mod bench_clients;
mod broker;
mod checks;
mod ci;
mod deps;
mod diff;
mod fuzz;
mod rest;
mod shell;
mod tally;

use std::process::ExitCode;

use anyhow::{Result, bail};

/// A command: its name, its arguments and purpose, and what it runs.
type Command = (&'static str, &'static str, fn(&[String]) -> Result<ExitCode>);

/// All commands, by name.
const COMMANDS: &[Command] = &[
    ("bench", "[--records N] [--rounds N] …: compare the two workers, write docs/benchmarks.md", bench::run),
    (
        "bench-clients",
        "[--records N] [--rounds N] …: this Kafka client beside others, writes docs/design/kafka-client-figures.md",
        bench_clients::run,
    ),
    ("ci", "every check and test that a change has to pass; what .ci/run calls", |_| ci::run(ci::Extent::Change)),
    ("deps", "check that the crates depend on each other in the permitted directions only", |_| {
        deps::check().map(|()| ExitCode::SUCCESS)
    }),
    (
        "diff",
        "[--seed N] [--cases N] [--kind K]: random cases, compared with what Kafka's own classes answer",
        diff::run,
    ),
    ("docs", "write docs/reference, then build the API documentation, where warnings are errors", |_| {
        checks::write_reference(&[])?;
        checks::docs().map(|()| ExitCode::SUCCESS)
    }),
    ("full", "as ci, with release builds and the long tests (millions of lines)", |_| ci::run(ci::Extent::Full)),
    (
        "fuzz",
        "[--runs N] [client] [parsers] [target]…: 10 million inputs, or N, for the client and for each parser (nightly, cargo-fuzz)",
        fuzz::run,
    ),
    ("quick", "the checks that need no build, in a few seconds", |_| ci::quick()),
    (
        "rest",
        "--worker java|milena [--broker real|dev] [filter]: run the REST scenarios of tests/rest against a worker",
        rest::run,
    ),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<ExitCode> {
    let Some((name, rest)) = arguments.split_first() else { bail!("say what to do:\n{}", usage()) };
    match COMMANDS.iter().find(|(command, _, _)| command == name) {
        Some((_, _, run)) => run(rest),
        None => bail!("no command '{name}'; there are:\n{}", usage()),
    }
}

fn usage() -> String {
    COMMANDS.iter().map(|(name, about, _)| format!("  cargo xtask {name:<5} {about}")).collect::<Vec<_>>().join("\n")
}
