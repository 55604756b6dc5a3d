//! The workbench of one test.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use milena_testkit::kafka::Broker;
use milena_testkit::worker::{Kind, Process, Standalone};
use serde_json::Value;
use tempfile::TempDir;

/// Time for anything ordinary on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A broker, a folder of the test's own, and a word that makes its topic and connector names unlike those of any other test.
#[derive(Debug)]
pub struct Bench {
    broker: Broker,
    dir: TempDir,
    id: String,
}

impl Bench {
    /// Finds or starts the broker and makes the folder.
    ///
    /// # Errors
    /// When either fails.
    pub fn new() -> Result<Self> {
        let dir =
            tempfile::Builder::new().prefix("milena-e2e-").tempdir().context("cannot make a folder for the test")?;
        let id =
            dir.path().extension().or_else(|| dir.path().file_name()).map(|name| name.to_string_lossy().into_owned());
        Ok(Self { broker: Broker::find_or_start()?, id: id.unwrap_or_default(), dir })
    }

    /// `bootstrap.servers` of the broker.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        self.broker.bootstrap()
    }

    /// A name that no other test uses.
    #[must_use]
    pub fn name(&self, word: &str) -> String {
        format!("{word}-{}", self.id)
    }

    /// A path in the test's folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a connector file in properties format and returns its path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn connector_file(&self, file: &str, properties: &[(&str, &str)]) -> Result<PathBuf> {
        let mut text = String::new();
        for (key, value) in properties {
            writeln!(text, "{key}={value}")?;
        }
        let path = self.path(file);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// The connector file of a file source from `in` to the test's topic.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn file_source(&self, input: &Path) -> Result<PathBuf> {
        let (name, topic, input) = (self.name("source"), self.name("lines"), input.display().to_string());
        let properties =
            [("name", name.as_str()), ("connector.class", "FileStreamSource"), ("topic", &topic), ("file", &input)];
        self.connector_file("source.properties", &properties)
    }

    /// The connector file of a file sink from the test's topic to `out`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn file_sink(&self, output: &Path) -> Result<PathBuf> {
        let (name, topic, output) = (self.name("sink"), self.name("lines"), output.display().to_string());
        let properties =
            [("name", name.as_str()), ("connector.class", "FileStreamSink"), ("topics", &topic), ("file", &output)];
        self.connector_file("sink.properties", &properties)
    }

    /// A worker with the test's offsets file, which outlives the process.
    #[must_use]
    pub fn worker(&self, kind: Kind) -> Standalone {
        let offsets = self.path("connect.offsets").display().to_string();
        let settings = [
            ("offset.storage.file.filename", offsets.as_str()),
            // Finds a topic that the source creates while the sink already waits for it.
            ("consumer.metadata.max.age.ms", "1000"),
            // A killed worker's sink holds its partitions until its session ends: six seconds is the least that brokers allow.
            ("consumer.session.timeout.ms", "6000"),
            ("consumer.heartbeat.interval.ms", "2000"),
        ];
        settings
            .into_iter()
            .fold(Standalone::new(kind, self.bootstrap()), |worker, (key, value)| worker.with(key, value))
    }
}

/// Waits until a status has what `wanted` asks of it, and returns it.
///
/// # Errors
/// When that takes longer than a minute or the worker ends.
pub async fn status_where(
    worker: &mut Process,
    connector: &str,
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Result<Value> {
    let url = format!("{}/connectors/{connector}/status", worker.url());
    let mut last = Value::Null;
    let cell = std::cell::RefCell::new(&mut last);
    worker
        .wait_until(what, PATIENCE, || async {
            let answer = milena_testkit::http::get(&url).await?;
            let status = answer.json().unwrap_or(Value::Null);
            let fits = answer.status == 200 && wanted(&status);
            **cell.borrow_mut() = status;
            Ok(fits)
        })
        .await?;
    Ok(last)
}

/// Waits until the first task of a connector is FAILED and returns its trace.
///
/// # Errors
/// As [`status_where`].
pub async fn failed_task_trace(worker: &mut Process, connector: &str) -> Result<String> {
    let what = format!("a failed task of {connector}");
    let status = status_where(worker, connector, &what, |status| status["tasks"][0]["state"] == "FAILED").await?;
    Ok(status["tasks"][0]["trace"].as_str().unwrap_or_default().to_owned())
}

/// Waits until a file holds exactly this text.
///
/// # Errors
/// When that takes longer than a minute or the worker ends.
pub async fn file_holds(worker: &mut Process, path: &Path, text: &str) -> Result<()> {
    let what = format!("{} with {} bytes", path.display(), text.len());
    worker
        .wait_until(&what, PATIENCE, || async { Ok(tokio::fs::read_to_string(path).await.unwrap_or_default() == text) })
        .await
}

/// Waits until a source has stored this position for its only partition.
///
/// # Errors
/// When that takes longer than a minute or the worker ends.
pub async fn position_is(worker: &mut Process, connector: &str, position: u64) -> Result<()> {
    let url = format!("{}/connectors/{connector}/offsets", worker.url());
    let what = format!("position {position} of {connector}");
    worker
        .wait_until(&what, PATIENCE, || async {
            let offsets = milena_testkit::http::get(&url).await?.json()?;
            Ok(offsets["offsets"][0]["offset"]["position"] == position)
        })
        .await
}
