//! `cargo xtask ci`: everything that a change has to pass, cheapest first.

use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Result, bail};

use crate::broker::{self, Broker};
use crate::tally::{self, Tally};
use crate::{checks, deps, diff, rest, shell};

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What every change has to pass: half an hour on two cores from a clean clone.
    Change,
    /// With the tests that are marked as long, on release builds.
    Full,
}

/// Whether the suites that start `milena` as a worker run. One line to switch them off while the worker cannot start.
const MILENA_IS_A_WORKER: bool = true;

/// Set where rules of the Kafka client may kill brokers, which takes long: not where somebody just runs the tests.
const FAULTS: &str = "MILENA_FAULTS";

/// A check's name and what it runs.
type Check = (&'static str, fn() -> Result<()>);

/// Checks of the source tree that need no build, cheapest first.
const QUICK: &[Check] = &[
    ("no machine paths", checks::machine_paths),
    ("file lengths", checks::file_lengths),
    ("formatting", checks::format),
    ("dependency arrows", deps::check),
];

/// Checks that compile.
const COMPILING: &[Check] =
    &[("clippy", checks::clippy), ("documentation", checks::docs), ("reference pages", checks::reference)];

/// Runs the checks that need no build, all of them, so that one run tells everything.
pub fn quick() -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for (name, check) in QUICK {
        if let Err(error) = check() {
            println!("check failed: {name}: {error:#}");
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// Runs all of it and ends with the line `N passed, N failed`.
pub fn run(extent: Extent) -> Result<ExitCode> {
    let begun = Instant::now();
    let mut total = Tally::default();
    for (name, check) in QUICK.iter().chain(COMPILING) {
        println!("--- check: {name}");
        if let Err(error) = check() {
            println!("check failed: {name}: {error:#}");
            total.add(Tally::one_failed());
            return Ok(finish(total, begun));
        }
    }
    total.add(suites(extent)?);
    Ok(finish(total, begun))
}

fn finish(total: Tally, begun: Instant) -> ExitCode {
    println!("--- {} s", begun.elapsed().as_secs());
    println!("{} passed, {} failed", total.passed, total.failed);
    if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The suites: own tests of all crates, then black-box tests, then REST scenarios. One that fails does not keep the next from running.
fn suites(extent: Extent) -> Result<Tally> {
    let broker = if java()? { Some(Broker::start()?) } else { None };
    let mut total = Tally::default();
    let run = |command: &mut Command| {
        // A test's error text says what happened; the frames of the test harness below it say nothing.
        command.env("RUST_LIB_BACKTRACE", "0");
        if let Some(broker) = &broker {
            command.env(broker::BOOTSTRAP, broker.bootstrap());
        }
        tally::run(command)
    };
    total.add(own_tests(extent, broker.as_ref())?);
    if broker.is_some() {
        total.add(diff::check(extent == Extent::Full));
    }
    if extent == Extent::Full && broker.is_some() {
        for command in &mut conformance() {
            total.add(run(command)?);
        }
    }
    if MILENA_IS_A_WORKER {
        total.add(milena(extent, broker.is_some(), &run)?);
    } else {
        println!("left out: end-to-end tests and REST scenarios of milena (MILENA_IS_A_WORKER in xtask/src/ci.rs)");
    }
    if broker.is_some() {
        total.add(run(rest::scenarios().args(["--worker", "java"]))?);
    }
    if broker.is_some() && extent == Extent::Full {
        // Kafka's own clients judge the development broker.
        total.add(run(rest::scenarios().args(["--worker", "java", "--broker", "dev"]))?);
    }
    Ok(total)
}

/// Own tests of all crates. In CI a few that failed get a second chance on the then quieter machine, and are named as unsteady: each is a bug to be
/// mended, but no reason to doubt a change. The full tier knows no second chances.
fn own_tests(extent: Extent, broker: Option<&Broker>) -> Result<Tally> {
    const FEW: usize = 3;
    let command = || {
        let mut command = shell::cargo(&["test", "--workspace", "--exclude", "milena-e2e", "--no-fail-fast"]);
        command.env("RUST_LIB_BACKTRACE", "0").env(FAULTS, "1");
        if let Some(broker) = broker {
            command.env(broker::BOOTSTRAP, broker.bootstrap());
        }
        command
    };
    if extent == Extent::Full {
        return tally::run(&mut command());
    }
    let (mut tally, failures) = tally::run_naming_failures(&mut command())?;
    let few = !failures.is_empty() && failures.len() <= FEW && tally.failed == failures.len() as u64;
    if few {
        let again = tally::run(command().args(["--", "--exact"]).args(&failures))?;
        if again.failed == 0 && again.passed >= tally.failed {
            println!("unsteady, passed the second time only: {}", failures.join(", "));
            tally = Tally { passed: tally.passed + tally.failed, failed: 0 };
        }
    }
    Ok(tally)
}

/// The rules of the Kafka client that only the full tier runs: the long ones, and those about faults twenty times in a row.
fn conformance() -> [Command; 2] {
    let rules = ["test", "--release", "--package", "milena-kafka", "--test", "conformance", "--"];
    let mut long = shell::cargo(&rules);
    long.args(["--ignored", "--test-threads", "1"]).env(FAULTS, "1");
    let mut faults = shell::cargo(&rules);
    faults.arg("::fault::").env(FAULTS, "1").env("MILENA_REPEAT", "20");
    [long, faults]
}

/// Black-box tests of the program, one at a time because each wants the machine for itself; then the REST scenarios. Without a real broker, the
/// scenarios run on the development broker, and of the tests those that need neither.
fn milena(extent: Extent, real_broker: bool, run: &impl Fn(&mut Command) -> Result<Tally>) -> Result<Tally> {
    let full = extent == Extent::Full;
    let profile: &[&str] = if full { &["--release"] } else { &[] };
    if let Err(error) = shell::run(shell::cargo(&["build", "--package", "milena"]).args(profile)) {
        println!("milena was not built: {error:#}");
        return Ok(Tally::one_failed());
    }
    let program = shell::target_dir()?.join(if full { "release" } else { "debug" }).join("milena");
    let mut tests = shell::cargo(&["test", "--package", "milena-e2e", "--no-fail-fast"]);
    tests.args(profile).env(shell::MILENA_BIN, &program);
    if !real_broker {
        tests.args(["--lib", "--test", "dev"]);
    }
    tests.args(["--", "--test-threads", "1"]);
    if full && real_broker {
        tests.arg("--include-ignored");
    }
    let mut total = run(&mut tests)?;
    let mut scenarios = rest::scenarios();
    scenarios.args(["--worker", "milena"]).env(shell::MILENA_BIN, &program);
    if !real_broker {
        scenarios.args(["--broker", "dev"]);
    }
    total.add(run(&mut scenarios)?);
    Ok(total)
}

/// Whether the tests that need the real Kafka can run. In CI they have to: what is missing is installed, or the run fails.
fn java() -> Result<bool> {
    let installed = || shell::is_installed("java", "-version") && shell::is_installed("mvn", "-version");
    if installed() {
        return Ok(true);
    }
    if std::env::var("CI").is_ok_and(|value| value == "true") {
        shell::run(&mut shell::program("apt-get", &["update", "-qq"]))?;
        let install = ["install", "-y", "-qq", "--no-install-recommends", "openjdk-17-jdk-headless", "maven"];
        shell::run(shell::program("apt-get", &install).env("DEBIAN_FRONTEND", "noninteractive"))?;
        if !installed() {
            bail!("java and mvn are needed in CI and could not be installed");
        }
        return Ok(true);
    }
    println!(
        "left out, because java or mvn is missing: tests on the real Kafka, end-to-end tests, REST scenarios of both workers"
    );
    println!("to run them, install a JDK 17 and Maven (Debian: apt-get install openjdk-17-jdk-headless maven)");
    Ok(false)
}
