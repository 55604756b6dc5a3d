//! `cargo xtask bench-clients`: this project's Kafka client beside others, on one real broker.
//!
//! The arms of a workload alternate within each round, on topics of their own. Each program takes the time itself, after a warm-up.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::broker::{self, Broker};
use crate::shell;

const FOLDER: &str = "benches/clients";
const REPORT: &str = "docs/design/kafka-client-figures.md";
/// Between these lines of the report the table stands.
const MARKS: (&str, &str) = ("<!-- figures -->", "<!-- end of figures -->");

/// A client in one manner of use; `None` for the producing workloads takes the workload's.
struct Arm {
    name: &'static str,
    program: &'static str,
    style: Option<&'static str>,
}

/// What is done, on how many partitions, and how.
struct Workload {
    name: &'static str,
    action: &'static str,
    partitions: u32,
    style: &'static str,
}

const CONSUMING: &[Arm] = &[
    Arm { name: "milena", program: "clients-milena", style: None },
    Arm { name: "Java", program: "java", style: None },
    Arm { name: "rdkafka, poll", program: "clients-rdkafka", style: Some("poll") },
    Arm { name: "rdkafka, batches", program: "clients-rdkafka", style: Some("batch") },
    Arm { name: "krafka", program: "clients-krafka", style: None },
];

const PRODUCING: &[Arm] = &[
    Arm { name: "milena", program: "clients-milena", style: None },
    Arm { name: "Java", program: "java", style: None },
    Arm { name: "rdkafka, poll", program: "clients-rdkafka", style: None },
    Arm { name: "krafka", program: "clients-krafka", style: None },
];

const WORKLOADS: &[Workload] = &[
    Workload { name: "consume, 1 partition", action: "consume", partitions: 1, style: "poll" },
    Workload { name: "consume, 4 partitions", action: "consume", partitions: 4, style: "poll" },
    Workload { name: "produce as Connect, 1 partition", action: "produce", partitions: 1, style: "connect" },
    Workload { name: "produce as Connect, 4 partitions", action: "produce", partitions: 4, style: "connect" },
    Workload { name: "produce idempotent, 4 partitions", action: "produce", partitions: 4, style: "idempotent" },
];

struct Options {
    records: u64,
    warm_up: u64,
    rounds: usize,
    /// Only workloads and arms whose names contain these.
    only: String,
    arms: String,
    print_only: bool,
}

/// Seconds and CPU-seconds of one run, per million records.
#[derive(Clone, Copy)]
struct Measured {
    wall: f64,
    cpu: f64,
}

/// Builds all clients, starts a broker, runs the workloads and writes the table into the report.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let options = options(arguments)?;
    let programs = Programs::build()?;
    let broker = Broker::start()?;
    let mut results: BTreeMap<(usize, usize), Vec<Measured>> = BTreeMap::new();
    for (at, workload) in WORKLOADS.iter().enumerate().filter(|(_, workload)| workload.name.contains(&options.only)) {
        let filled = format!("clients-{at}");
        if workload.action == "consume" {
            fill(&programs, &broker, workload, &filled, &options)?;
        }
        for round in 0..options.rounds {
            let arms = arms(workload);
            for turn in 0..arms.len() {
                // Each round begins with another arm.
                let index = (turn + round) % arms.len();
                let Some(arm) = arms.get(index).filter(|arm| arm.name.contains(&options.arms)) else { continue };
                let measured = if workload.action == "consume" {
                    programs.measure(arm, &broker, workload, &filled, &options)
                } else {
                    let topic = format!("clients-{at}-{index}-{round}");
                    programs.topic("create", &broker, workload, &topic)?;
                    let measured = programs.measure(arm, &broker, workload, &topic, &options);
                    programs.topic("delete", &broker, workload, &topic)?;
                    measured
                };
                let measured = measured.with_context(|| format!("{}: {}, round {round}", workload.name, arm.name))?;
                println!(
                    "{}: {}: {:.3} CPU-s, {:.3} s per million",
                    workload.name, arm.name, measured.cpu, measured.wall
                );
                results.entry((at, index)).or_default().push(measured);
            }
        }
        if workload.action == "consume" {
            programs.topic("delete", &broker, workload, &filled)?;
        }
    }
    let table = table(&results, &options)?;
    println!("\n{table}");
    if !options.print_only {
        write(&table)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn arms(workload: &Workload) -> &'static [Arm] {
    if workload.action == "consume" { CONSUMING } else { PRODUCING }
}

fn options(arguments: &[String]) -> Result<Options> {
    let mut options = Options {
        records: 5_000_000,
        warm_up: 1_000_000,
        rounds: 3,
        only: String::new(),
        arms: String::new(),
        print_only: false,
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--records" => options.records = value()?.parse()?,
            "--warm-up" => options.warm_up = value()?.parse()?,
            "--rounds" => options.rounds = value()?.parse()?,
            "--only" => options.only.clone_from(value()?),
            "--arms" => options.arms.clone_from(value()?),
            "--print-only" => options.print_only = true,
            other => {
                bail!("'{other}' is no option; there are --records, --warm-up, --rounds, --only, --arms, --print-only")
            }
        }
    }
    Ok(options)
}

/// Writes what the consuming arms read, all of them the same.
fn fill(programs: &Programs, broker: &Broker, workload: &Workload, topic: &str, options: &Options) -> Result<()> {
    programs.topic("create", broker, workload, topic)?;
    let total = options.warm_up + options.records;
    let mut command = programs.command("clients-milena")?;
    command.args(["produce", broker.bootstrap(), topic, &workload.partitions.to_string(), "0", &total.to_string()]);
    shell::read(command.arg("connect")).map(drop)
}

/// The programs, built.
struct Programs {
    folder: PathBuf,
    classes: PathBuf,
    class_path: String,
}

impl Programs {
    fn build() -> Result<Self> {
        let folder = shell::target_dir()?.join("clients");
        let manifest = format!("{FOLDER}/Cargo.toml");
        let mut cargo = shell::cargo(&["build", "--release", "--locked", "--manifest-path", &manifest, "--target-dir"]);
        shell::run(cargo.arg(&folder))?;
        let class_path = shell::read(&mut shell::program(&broker::script(), &["classpath"]))?.trim().to_owned();
        let classes = folder.join("classes");
        let mut javac = shell::program("javac", &["-cp", &class_path, "-d"]);
        shell::run(javac.arg(&classes).arg(format!("{FOLDER}/java/JavaClient.java")))?;
        Ok(Self { folder: folder.join("release"), classes, class_path })
    }

    fn command(&self, program: &str) -> Result<Command> {
        if program == "java" {
            // The heap that Connect's own scripts give.
            let mut java = shell::program("java", &["-Xms256m", "-Xmx2g", "-cp"]);
            java.arg(format!("{}:{}", self.classes.display(), self.class_path)).arg("JavaClient");
            return Ok(java);
        }
        let program = self.folder.join(program);
        Ok(shell::program(program.to_str().context("a path that is no text")?, &[]))
    }

    /// `create` or `delete`.
    fn topic(&self, action: &str, broker: &Broker, workload: &Workload, topic: &str) -> Result<()> {
        let mut command = self.command("clients-milena")?;
        let partitions = workload.partitions.to_string();
        shell::run(command.args([action, broker.bootstrap(), topic, &partitions, "0", "0", "-"]))
    }

    fn measure(
        &self,
        arm: &Arm,
        broker: &Broker,
        workload: &Workload,
        topic: &str,
        options: &Options,
    ) -> Result<Measured> {
        let mut command = self.command(arm.program)?;
        command.args([workload.action, broker.bootstrap(), topic, &workload.partitions.to_string()]);
        command.args([options.warm_up.to_string(), options.records.to_string()]);
        command.arg(arm.style.unwrap_or(workload.style)).stderr(Stdio::null());
        let output = command.output().with_context(|| format!("cannot start {}", shell::shown(&command)))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.strip_prefix("measured "));
        let Some(line) = line.filter(|_| output.status.success()) else {
            bail!("{} ended with {} and printed: {text}", shell::shown(&command), output.status);
        };
        let figures = line.split(' ').map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        let [records, wall, cpu] = figures[..] else { bail!("not three figures: {line}") };
        let millions = records / 1e6;
        Ok(Measured { wall: wall / millions, cpu: cpu / millions })
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn table(results: &BTreeMap<(usize, usize), Vec<Measured>>, options: &Options) -> Result<String> {
    let mut text = String::new();
    writeln!(
        text,
        "{} records of 100 B per run after a warm-up of {}, {} rounds, median; in brackets the least and the greatest.\n",
        options.records, options.warm_up, options.rounds
    )?;
    writeln!(text, "| workload | client | CPU-s per million | times milena's | s per million |")?;
    writeln!(text, "|---|---|---|---|---|")?;
    for ((at, index), runs) in results {
        let Some(workload) = WORKLOADS.get(*at) else { continue };
        let Some(arm) = arms(workload).get(*index) else { continue };
        let cpu = |runs: &[Measured]| median(runs.iter().map(|run| run.cpu).collect());
        let ours = results.get(&(*at, 0)).map_or(f64::NAN, |runs| cpu(runs));
        let least = runs.iter().map(|run| run.cpu).fold(f64::INFINITY, f64::min);
        let greatest = runs.iter().map(|run| run.cpu).fold(0.0, f64::max);
        let wall = median(runs.iter().map(|run| run.wall).collect());
        let cpu = cpu(runs);
        writeln!(
            text,
            "| {} | {} | {cpu:.3} ({least:.3}–{greatest:.3}) | {:.1} | {wall:.2} |",
            workload.name,
            arm.name,
            cpu / ours
        )?;
    }
    Ok(text)
}

/// Puts the table between the marks of the report.
fn write(table: &str) -> Result<()> {
    let path = shell::root().join(REPORT);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {REPORT}"))?;
    let parts = text.split_once(MARKS.0).and_then(|(before, rest)| Some((before, rest.split_once(MARKS.1)?.1)));
    let (before, after) = parts.with_context(|| format!("{REPORT} has no place for the figures ({})", MARKS.0))?;
    std::fs::write(&path, format!("{before}{}\n{table}{}{after}", MARKS.0, MARKS.1))?;
    Ok(())
}
