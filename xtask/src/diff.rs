//! `cargo xtask diff`: random cases, put to Kafka's own classes and to Milena's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::shell;
use crate::tally::Tally;

/// What the oracle can make up; assignments of a group's work are compared once there is a group.
const KINDS: &[&str] = &[
    "config_parse",
    "convert",
    "converters",
    "from_connect_json",
    "headers",
    "parse_string",
    "schema_project",
    "to_connect_json",
    "transform",
    "validate",
];
const DEFAULT_CASES: u32 = 2_000;

/// What to compare.
struct Plan {
    seed: u32,
    cases: u32,
    kinds: Vec<&'static str>,
}

impl Plan {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut flags: BTreeMap<&str, &str> = BTreeMap::new();
        for pair in arguments.chunks(2) {
            let [name, value] = pair else { bail!("{} needs a value", pair[0]) };
            if !["--seed", "--cases", "--kind"].contains(&name.as_str()) {
                bail!("no option '{name}'; there are: --seed N, --cases N, --kind K");
            }
            flags.insert(name, value);
        }
        let number = |name: &str| -> Result<Option<u32>> {
            let value = flags.get(name).map(|value| value.parse().with_context(|| format!("{name} {value}")));
            value.transpose()
        };
        let kinds = match flags.get("--kind") {
            None => KINDS.to_vec(),
            Some(name) => match KINDS.iter().find(|kind| *kind == name) {
                Some(kind) => vec![*kind],
                None => bail!("no kind '{name}'; there are: {}", KINDS.join(", ")),
            },
        };
        let seed = number("--seed")?.unwrap_or_else(seed_of_commit);
        Ok(Self { seed, cases: number("--cases")?.unwrap_or(DEFAULT_CASES), kinds })
    }
}

/// Every commit has cases of its own, and the same ones each time; sources without a history have those of seed 1.
fn seed_of_commit() -> u32 {
    let mut command = shell::program("git", &["rev-parse", "HEAD"]);
    let commit = command.stderr(Stdio::null()).output().map(|output| output.stdout).unwrap_or_default();
    let head = commit.get(..7).map(String::from_utf8_lossy).unwrap_or_default();
    u32::from_str_radix(&head, 16).unwrap_or(1)
}

/// Runs it with the arguments of the command line.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let found = compare(&Plan::parse(arguments)?)?;
    Ok(if found.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Fresh cases of the commit, each kind as a test. A difference that chance has found says nothing about the change that it was found at, so
/// that only `strict` runs fail of it; the others say how to find it again.
pub fn check(strict: bool) -> Tally {
    match Plan::parse(&[]).and_then(|plan| compare(&plan)) {
        Ok(tally) if strict => tally,
        Ok(tally) => Tally { failed: 0, ..tally },
        Err(error) => {
            println!("the comparison with Kafka's classes was not made: {error:#}");
            Tally::one_failed()
        }
    }
}

fn compare(plan: &Plan) -> Result<Tally> {
    let Plan { seed, cases, kinds } = plan;
    println!("--- differences to Kafka: seed {seed}, {cases} cases per kind");
    shell::run(&mut shell::cargo(&["build", "--quiet", "--package", "milena-oracle", "--bin", "diff"]))?;
    let ours = shell::target_dir()?.join("debug/diff");
    let mut tally = Tally::default();
    for kind in kinds {
        println!("{kind}");
        let (seed, cases) = (seed.to_string(), cases.to_string());
        let mut generated = start(oracle(&["--gen", &seed, &cases, kind]), None)?;
        let mut answered = start(oracle(&["--pair"]), Some(&mut generated))?;
        let pairs = answered.stdout.take().context("the oracle has no output")?;
        let mut judge = Command::new(&ours);
        let found = judged(judge.stdin(pairs));
        for (mut child, what) in [(generated, "making up cases"), (answered, "asking Kafka's classes")] {
            let status = child.wait()?;
            if !status.success() {
                bail!("{what} of kind {kind} ended with {status}");
            }
        }
        let found = found?;
        if found.cases != plan.cases {
            bail!("{} of {} cases of kind {kind} came through", found.cases, plan.cases);
        }
        match found.different {
            0 => tally.passed += 1,
            _ => {
                tally.failed += 1;
                println!("again: cargo xtask diff --seed {seed} --cases {cases} --kind {kind}\n");
            }
        }
    }
    println!("{} kinds without a difference, {} with", tally.passed, tally.failed);
    Ok(tally)
}

/// What the last line of the comparing program says.
struct Found {
    cases: u32,
    different: u32,
}

/// Runs the comparing program and shows what it prints.
fn judged(command: &mut Command) -> Result<Found> {
    let output = command.stderr(Stdio::inherit()).output().context("cannot start the comparing program")?;
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    let last = text.lines().last().unwrap_or_default();
    let count = |name: &str| {
        let value = last.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        value.and_then(|value| value.parse().ok()).with_context(|| format!("no {name} in '{last}', {}", output.status))
    };
    Ok(Found { cases: count("cases")?, different: count("different")? })
}

fn oracle(arguments: &[&str]) -> Command {
    let script: PathBuf = shell::root().join("reference/oracle/oracle");
    shell::program(&script.display().to_string(), arguments)
}

/// Starts a program whose output is read, and which reads the output of `before`.
fn start(mut command: Command, before: Option<&mut Child>) -> Result<Child> {
    if let Some(output) = before.and_then(|before| before.stdout.take()) {
        command.stdin(output);
    }
    let shown = shell::shown(&command);
    command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {shown}"))
}
