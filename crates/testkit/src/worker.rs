//! A Connect worker as a process of its own: Milena's, or Kafka's Java worker, started the same way from the same properties.

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indexmap::IndexMap;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::http::{self, Response};
use crate::{kafka, port, reference};

/// Time for a worker to answer on REST; a Java worker on a busy two-core machine has been seen to need 40 s.
const START_LIMIT: Duration = Duration::from_secs(120);
/// Pause between two looks at something that cannot call back.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Whose worker is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Kafka's own, in a JVM.
    Java,
    /// This project's.
    Milena,
}

impl std::str::FromStr for Kind {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "java" => Ok(Self::Java),
            "milena" => Ok(Self::Milena),
            other => bail!("unknown worker '{other}': say java or milena"),
        }
    }
}

/// What a standalone worker is started with.
#[derive(Debug, Clone)]
pub struct Standalone {
    kind: Kind,
    properties: IndexMap<String, String>,
    files: Vec<PathBuf>,
    java_heap: String,
}

impl Standalone {
    /// A worker on `bootstrap` with String converters and a commit every 200 ms; REST port, offsets file and log are chosen at start.
    #[must_use]
    pub fn new(kind: Kind, bootstrap: &str) -> Self {
        let properties = [
            ("bootstrap.servers", bootstrap),
            ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
            ("value.converter", "org.apache.kafka.connect.storage.StringConverter"),
            ("offset.flush.interval.ms", "200"),
        ];
        let properties = properties.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Self { kind, properties, files: Vec::new(), java_heap: "512m".to_owned() }
    }

    /// Sets a worker property, replacing the default of the same key.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.properties.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds a connector file to the command line.
    #[must_use]
    pub fn with_connector_file(mut self, path: &Path) -> Self {
        self.files.push(path.to_path_buf());
        self
    }

    /// Largest heap of a Java worker (`512m` unless told); Milena takes no notice.
    #[must_use]
    pub fn with_java_heap(mut self, heap: &str) -> Self {
        heap.clone_into(&mut self.java_heap);
        self
    }

    /// Starts the process without waiting for it.
    ///
    /// # Errors
    /// When the program is not there or a file cannot be written.
    pub fn spawn(self) -> Result<Process> {
        let dir = tempfile::Builder::new()
            .prefix("milena-worker-")
            .tempdir()
            .context("cannot make a folder for the worker")?;
        let listener = match self.properties.get("listeners") {
            Some(text) => text.split(',').next().unwrap_or(text).trim().to_owned(),
            None => format!("http://127.0.0.1:{}", port::free()?),
        };
        let mut properties = self.properties;
        properties.entry("listeners".to_owned()).or_insert_with(|| listener.clone());
        let offsets = dir.path().join("connect.offsets").display().to_string();
        properties.entry("offset.storage.file.filename".to_owned()).or_insert(offsets);
        let mut text = String::new();
        for (key, value) in &properties {
            writeln!(text, "{key}={}", value.replace('\\', "\\\\"))?;
        }
        let file = dir.path().join("worker.properties");
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        let log = dir.path().join("worker.log");
        let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;

        let program = program(self.kind)?;
        let mut command = Command::new(&program);
        command.arg("connect-standalone").arg(&file).args(&self.files).env("CONNECT_HEAP", &self.java_heap);
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Process { kind: self.kind, child, dir, log, url: listener.to_ascii_lowercase(), started: Instant::now() })
    }

    /// Starts the process and waits until it has created its connector files and answers `GET /health` with 200.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn), and when the process ends or stays silent; the text holds the end of its log.
    pub async fn start(self) -> Result<Process> {
        let mut worker = self.spawn()?;
        worker.wait_until_ready().await?;
        Ok(worker)
    }
}

/// The program of a kind of worker: `reference/kafka`, or the `milena` that `MILENA_BIN` names or that was built beside the running test.
///
/// # Errors
/// When no `milena` is found; the text says how to build one.
pub fn program(kind: Kind) -> Result<PathBuf> {
    if kind == Kind::Java {
        return Ok(reference::script());
    }
    if let Some(path) = std::env::var_os("MILENA_BIN") {
        return Ok(PathBuf::from(path));
    }
    let own = std::env::current_exe().context("cannot find the folder of the running program")?;
    own.ancestors()
        .skip(1)
        .take(2)
        .map(|dir| dir.join("milena"))
        .find(|path| path.is_file())
        .context("no milena program to test: build it (cargo build -p milena) or set MILENA_BIN to its path")
}

/// A running worker; killed on drop.
#[derive(Debug)]
pub struct Process {
    kind: Kind,
    child: Child,
    dir: TempDir,
    log: PathBuf,
    url: String,
    started: Instant,
}

impl Process {
    /// Whose worker this is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// `http://host:port` of the first listener, without a final slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `host:port` of the first listener, which is also the worker id in statuses.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.url.split_once("://").map_or(&self.url, |(_, rest)| rest)
    }

    /// The worker's own folder: properties, log and, unless told otherwise, the offsets file.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Everything the worker has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Time since the process was started.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Waits until `GET /` answers 200.
    ///
    /// # Errors
    /// When the process ends or stays silent for two minutes; the text holds the end of its log.
    pub async fn wait_until_rest_answers(&mut self) -> Result<()> {
        self.wait_for_200("/").await
    }

    /// Waits until `GET /health` answers 200: the connector files of the command line have been created.
    ///
    /// # Errors
    /// As [`wait_until_rest_answers`](Self::wait_until_rest_answers).
    pub async fn wait_until_ready(&mut self) -> Result<()> {
        self.wait_for_200("/health").await
    }

    async fn wait_for_200(&mut self, path: &str) -> Result<()> {
        let url = format!("{}{path}", self.url);
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the worker ended ({status}) before it answered:\n{}", kafka::log_tail(&self.log, 25));
            }
            if http::get(&url).await.is_ok_and(|response| response.status == 200) {
                return Ok(());
            }
            if self.age() > START_LIMIT {
                bail!("no 200 from {url} in {} s:\n{}", START_LIMIT.as_secs(), kafka::log_tail(&self.log, 25));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// A request to a path of this worker.
    ///
    /// # Errors
    /// As [`http::get`].
    pub async fn get(&self, path: &str) -> Result<Response> {
        http::get(&format!("{}{path}", self.url)).await
    }

    /// A request with a JSON body to a path of this worker.
    ///
    /// # Errors
    /// As [`http::send_json`].
    pub async fn send(&self, method: &str, path: &str, body: &serde_json::Value) -> Result<Response> {
        http::send_json(method, &format!("{}{path}", self.url), body).await
    }

    /// Creates or replaces a connector.
    ///
    /// # Errors
    /// When the answer is not 200 or 201; the text holds the worker's message.
    pub async fn put_connector(&self, name: &str, config: &serde_json::Value) -> Result<()> {
        let response = self.send("PUT", &format!("/connectors/{name}/config"), config).await?;
        if !matches!(response.status, 200 | 201) {
            bail!("connector {name} was refused with {}: {}", response.status, response.text());
        }
        Ok(())
    }

    /// Waits until a question about the worker is answered with yes, and fails early when the process ends.
    ///
    /// # Errors
    /// When the limit passes or the process ends; the text names `what` and holds the end of the log.
    pub async fn wait_until<F>(&mut self, what: &str, limit: Duration, mut question: impl FnMut() -> F) -> Result<()>
    where
        F: Future<Output = Result<bool>>,
    {
        let begun = Instant::now();
        loop {
            if question().await? {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the worker ended ({status}) while {what} was awaited:\n{}", kafka::log_tail(&self.log, 25));
            }
            if begun.elapsed() > limit {
                bail!("{what}: not within {} s:\n{}", limit.as_secs(), kafka::log_tail(&self.log, 25));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory now, in bytes.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn resident_bytes(&self) -> Result<u64> {
        self.status_kib("VmRSS:")
    }

    /// Largest resident memory so far, in bytes.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn peak_resident_bytes(&self) -> Result<u64> {
        self.status_kib("VmHWM:")
    }

    fn status_kib(&self, field: &str) -> Result<u64> {
        let path = format!("/proc/{}/status", self.id());
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let line =
            text.lines().find(|line| line.starts_with(field)).with_context(|| format!("no {field} in {path}"))?;
        let kib: u64 = line.split_whitespace().nth(1).context("a memory line without a number")?.parse()?;
        Ok(kib * 1024)
    }

    /// User and system CPU time of all threads since the start.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn cpu_time(&self) -> Result<Duration> {
        let path = format!("/proc/{}/stat", self.id());
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        // The program's name, in brackets, may hold blanks: count fields behind it.
        let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u64 =
            fields.get(11).context("no utime")?.parse::<u64>()? + fields.get(12).context("no stime")?.parse::<u64>()?;
        Ok(Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second()))
    }

    /// Asks the worker to stop (SIGTERM) and waits for its end.
    ///
    /// # Errors
    /// When it still runs after `limit`.
    pub async fn stop(&mut self, limit: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait_for_exit(limit).await
    }

    /// Kills the worker without warning (SIGKILL) and waits for its end.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.child.kill().context("cannot kill the worker")?;
        self.child.wait().context("cannot wait for the killed worker")
    }

    /// Waits for the process to end by itself.
    ///
    /// # Errors
    /// When it still runs after `limit`.
    pub async fn wait_for_exit(&mut self, limit: Duration) -> Result<ExitStatus> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if begun.elapsed() > limit {
                bail!("the worker still runs after {} s:\n{}", limit.as_secs(), kafka::log_tail(&self.log, 25));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Sends a signal to the worker.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).with_context(|| format!("cannot send {signal:?} to worker process {}", self.id()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let ended = self.child.try_wait().is_ok_and(|status| status.is_some());
        if !ended && let Err(error) = self.kill() {
            eprintln!("a worker of this test may still run: {error:#}");
        }
    }
}

/// Sends a process of this test what Ctrl-C sends (SIGINT).
///
/// # Errors
/// When the process is gone.
pub fn interrupt(id: u32) -> Result<()> {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw).context("not a process id")?;
    kill_process(pid, Signal::INT).with_context(|| format!("cannot interrupt process {id}"))
}
