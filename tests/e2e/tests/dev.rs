//! `milena dev`: what a new user runs first. It needs no Kafka and no Java.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use milena_testkit::worker::{self, Kind};
use milena_testkit::{http, port};
use serde_json::Value;

/// A running `milena dev`; killed on drop.
struct Dev {
    child: Child,
    url: String,
    output: std::path::PathBuf,
}

impl Dev {
    fn start(dir: &Path, arguments: &[&str]) -> Result<Self> {
        let rest = port::free()?;
        let output = dir.join("stdout.txt");
        let file = std::fs::File::options().append(true).create(true).open(&output)?;
        let mut command = Command::new(worker::program(Kind::Milena)?);
        command
            .args(["dev", "--broker-port", "0", "--rest-port", &rest.to_string(), "--dir"])
            .arg(dir.join("kept"))
            .args(arguments);
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().context("cannot start milena dev")?;
        Ok(Self { child, url: format!("http://127.0.0.1:{rest}"), output })
    }

    fn printed(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// Asks `path` until the answer is wanted.
    async fn until(&mut self, path: &str, wanted: impl Fn(&Value) -> bool) -> Result<()> {
        let begun = Instant::now();
        loop {
            if let Ok(answer) = http::get(&format!("{}{path}", self.url)).await
                && answer.json().is_ok_and(|body| wanted(&body))
            {
                return Ok(());
            }
            ensure!(self.child.try_wait()?.is_none(), "milena dev ended:\n{}", self.printed());
            ensure!(
                begun.elapsed() < Duration::from_secs(30),
                "not what was wanted of {path} in 30 s:\n{}",
                self.printed()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends what Ctrl-C sends and waits for the end.
    async fn interrupt(mut self) -> Result<ExitStatus> {
        worker::interrupt(self.child.id())?;
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(
                begun.elapsed() < Duration::from_secs(10),
                "Ctrl-C did not end milena dev in 10 s:\n{}",
                self.printed()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) && self.child.kill().is_ok() {
            // Waiting only takes the dead process out of the table.
            self.child.wait().map(drop).unwrap_or_default();
        }
    }
}

fn running(status: &Value) -> bool {
    status["connector"]["state"] == "RUNNING" && status["tasks"][0]["state"] == "RUNNING"
}

#[tokio::test]
async fn one_command_is_a_running_pipeline_and_ctrl_c_ends_it() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut dev = Dev::start(dir.path(), &["--rate", "500"])?;
    dev.until("/connectors/sample-source/status", running).await?;
    dev.until("/connectors/sample-sink/status", running).await?;
    dev.until("/connectors/sample-sink/offsets", |body| {
        body["offsets"][0]["offset"]["kafka_offset"].as_u64() > Some(100)
    })
    .await?;
    let lines = std::fs::read_to_string(dir.path().join("kept/sample.txt"))?.lines().count();
    ensure!(lines > 100, "only {lines} lines in the output file");
    let printed = dev.printed();
    ensure!(printed.contains(&dev.url), "the REST URL is not printed: {printed}");
    ensure!(printed.matches("curl").count() >= 3, "no three commands to try: {printed}");
    let status = dev.interrupt().await?;
    ensure!(status.success(), "Ctrl-C ended in {status}:\n{printed}");
    Ok(())
}

#[tokio::test]
async fn with_a_folder_topics_and_offsets_are_kept() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let log = dir.path().join("app.log");
    let arguments = ["--tail", &log.display().to_string()];
    let output = dir.path().join("kept/sample.txt");
    let mut text = String::new();
    for turn in 0..3 {
        text.push_str(&format!("turn {turn}\n"));
        std::fs::write(&log, &text)?;
        let mut dev = Dev::start(dir.path(), &arguments)?;
        let position = text.len() as u64;
        dev.until("/connectors/sample-source/offsets", |body| body["offsets"][0]["offset"]["position"] == position)
            .await?;
        dev.until("/connectors/sample-sink/offsets", |body| body["offsets"][0]["offset"]["kafka_offset"] == turn + 1)
            .await?;
        ensure!(dev.interrupt().await?.success(), "turn {turn} ended badly");
    }
    let have = std::fs::read_to_string(&output)?;
    ensure!(have == text, "expected {text:?}, got {have:?}");
    Ok(())
}
