//! One run of one worker.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use milena_testkit::reference;
use milena_testkit::worker::{Kind, Process, Standalone};
use tempfile::TempDir;

use crate::workload::{Destination, Setup, Workload};

/// Figures of one run.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Whose worker.
    pub kind: Kind,
    /// Records.
    pub records: u64,
    /// CPU time from the connector's creation to the last record.
    pub cpu: Duration,
    /// Wall time of the same.
    pub wall: Duration,
    /// Largest resident memory of the process, bytes.
    pub peak: u64,
}

impl Measured {
    /// CPU-seconds per million records.
    pub fn cpu_per_million(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.records as f64
    }

    /// Records per second.
    pub fn rate(&self) -> f64 {
        self.records as f64 / self.wall.as_secs_f64()
    }
}

/// Figures of a start without connectors.
#[derive(Clone, Debug)]
pub struct Started {
    /// Whose worker.
    pub kind: Kind,
    /// Until REST answers.
    pub until_rest: Duration,
    /// Resident memory when idle, bytes.
    pub idle: u64,
}

/// The compiled Java connectors.
pub struct Java {
    classes: TempDir,
}

impl Java {
    /// Compiles the connectors of `benches/java` against the reference's jars.
    pub fn compile() -> Result<Self> {
        let classes = TempDir::new()?;
        let path = Command::new(reference::script()).arg("classpath").output()?;
        let path = String::from_utf8(path.stdout)?.trim().to_owned();
        let sources = reference::project_root().join("benches/java/milena");
        let output = Command::new("javac")
            .args(["-cp", &path, "-d"])
            .arg(classes.path().join("bench"))
            .args(["NullSinkConnector.java", "GeneratorSourceConnector.java"].map(|name| sources.join(name)))
            .output()
            .context("running javac")?;
        if !output.status.success() {
            bail!("javac failed:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(Java { classes })
    }

    fn plugin_path(&self) -> Result<String> {
        let jars = Command::new(reference::script()).arg("classpath").output()?;
        let jars = String::from_utf8(jars.stdout)?;
        let folder = jars.trim().trim_end_matches("/*").rsplit(':').next().unwrap_or_default().to_owned();
        let file = std::fs::read_dir(&folder)
            .with_context(|| format!("listing {folder}"))?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .find(|path: &PathBuf| {
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("connect-file-"))
            })
            .context("the reference's jars hold no connect-file")?;
        Ok(format!("{},{}", file.display(), self.classes.path().display()))
    }
}

async fn start(kind: Kind, setup: &Setup, java: Option<&Java>) -> Result<Process> {
    let mut worker =
        Standalone::new(kind, &setup.bootstrap).with("offset.flush.interval.ms", "1000").with_java_heap("2g");
    if let (Kind::Java, Some(java)) = (kind, java) {
        worker = worker.with("plugin.path", &java.plugin_path()?);
    }
    worker.start().await
}

/// Runs a workload once.
pub async fn run(setup: &Setup, workload: Workload, kind: Kind, java: Option<&Java>, round: usize) -> Result<Measured> {
    let mut worker = start(kind, setup, java).await?;
    let run = format!("{:?}-{kind:?}-{round}", workload).to_lowercase();
    let (config, destination) = setup.connector(workload, &run).await?;
    let (cpu, began) = (worker.cpu_time()?, Instant::now());
    worker.put_connector(&run, &config).await?;
    setup.wait_for(&destination).await?;
    let measured = Measured {
        kind,
        records: setup.records,
        cpu: worker.cpu_time()?.saturating_sub(cpu),
        wall: began.elapsed(),
        peak: worker.peak_resident_bytes()?,
    };
    worker.stop(Duration::from_secs(60)).await?;
    if let Destination::File { file, .. } = &destination {
        remove(file);
    }
    Ok(measured)
}

/// Measures starts without connectors.
pub async fn start_up(setup: &Setup, java: Option<&Java>) -> Result<Vec<Started>> {
    let mut started = Vec::new();
    for _ in 0..3 {
        for kind in [Kind::Milena, Kind::Java] {
            if kind == Kind::Java && java.is_none() {
                continue;
            }
            let began = Instant::now();
            let mut worker = start(kind, setup, java).await?;
            let until_rest = began.elapsed();
            worker.wait_until_ready().await?;
            started.push(Started { kind, until_rest, idle: worker.resident_bytes()? });
            worker.stop(Duration::from_secs(30)).await?;
        }
    }
    Ok(started)
}

fn remove(file: &Path) {
    if let Err(error) = std::fs::remove_file(file) {
        eprintln!("could not remove {}: {error}", file.display());
    }
}
