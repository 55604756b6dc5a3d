//! The real Kafka broker as a test fixture.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, kill_process};
use tempfile::TempDir;

use crate::{port, reaper, reference};

pub use rustix::process::Signal;

/// Names a broker that tests may share instead of starting their own: `host:port[,host:port…]`.
pub const SHARED_BOOTSTRAP: &str = "MILENA_TEST_BOOTSTRAP";

/// A real broker of this test process only, with its own port and data folder; stopped and wiped on drop.
///
/// Its methods block for as long as the script works (seconds): call them from a test's own thread or through `spawn_blocking`.
#[derive(Debug)]
pub struct RealKafka {
    port: u16,
    nodes: u16,
    dir: TempDir,
    settings: Vec<String>,
    bootstrap: String,
}

impl RealKafka {
    /// Starts one broker on a free port and waits until it answers; `settings` are `key=value` lines added to its server.properties.
    ///
    /// # Errors
    /// When Java or Maven are missing or the broker does not start; the text holds the end of its log.
    pub fn start(settings: &[&str]) -> Result<Self> {
        Self::start_nodes(1, settings)
    }

    /// Starts a cluster of `nodes` brokers; with three and more, internal topics have three replicas.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_nodes(nodes: u16, settings: &[&str]) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("milena-kafka-")
            .tempdir()
            .context("cannot make a folder for the broker")?;
        let offsets: Vec<u16> = (0..nodes).flat_map(|node| [node, 10_000 + node]).collect();
        let port = port::free_with(&offsets)?;
        let settings = settings.iter().map(|line| (*line).to_owned()).collect();
        let mut broker = Self { port, nodes, dir, settings, bootstrap: String::new() };
        broker.restart()?;
        Ok(broker)
    }

    /// What clients put in `bootstrap.servers`.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Starts again whatever is down after [`stop`](Self::stop) or [`kill`](Self::kill), with its data and on the same ports.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn restart(&mut self) -> Result<()> {
        let mut command = self.command("up");
        command.arg("--port").arg(self.port.to_string()).arg("--nodes").arg(self.nodes.to_string());
        for line in &self.settings {
            command.arg("--set").arg(line);
        }
        self.bootstrap = run(&mut command)?.lines().last().unwrap_or_default().trim().to_owned();
        if self.bootstrap.is_empty() {
            bail!("the broker on port {} started but printed no address", self.port);
        }
        Ok(())
    }

    /// Stops the broker in good order and keeps its data.
    ///
    /// # Errors
    /// When the script fails.
    pub fn stop(&self) -> Result<()> {
        run(&mut self.command("down")).map(drop)
    }

    /// Kills the broker, or the first of them, without warning (SIGKILL).
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&self) -> Result<()> {
        self.signal(1, Signal::KILL)
    }

    /// Freezes the broker, or the first of them (SIGSTOP): connections stay open and nothing answers.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause(&self) -> Result<()> {
        self.signal(1, Signal::STOP)
    }

    /// Lets a frozen broker, or the first of them, go on (SIGCONT).
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&self) -> Result<()> {
        self.signal(1, Signal::CONT)
    }

    /// How many brokers there are; their node ids count from 1.
    #[must_use]
    pub fn nodes(&self) -> u16 {
        self.nodes
    }

    /// Sends a signal to one node (from 1): SIGKILL, SIGSTOP or SIGCONT.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&self, node: u16, signal: Signal) -> Result<()> {
        let home = if node == 1 { self.dir.path().to_owned() } else { self.dir.path().join(format!("node{node}")) };
        let file = home.join("pid");
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("no broker process: cannot read {}", file.display()))?;
        let pid =
            text.trim().parse().ok().and_then(Pid::from_raw).with_context(|| format!("not a process id: {text}"))?;
        kill_process(pid, signal).with_context(|| format!("cannot send {signal:?} to broker process {text}"))?;
        if signal == Signal::STOP {
            // The process is stopped thread by thread; until the last one is, it may still answer.
            while !is_stopped(pid) {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
        if signal == Signal::KILL {
            // Gone only when it no longer exists: a restart must not take it for alive.
            while rustix::process::test_kill_process(pid).is_ok() && !is_zombie(pid) {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            std::fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
        Ok(())
    }

    /// Has the broker wiped when this process has ended, however it ends: for brokers in statics, which are never dropped.
    ///
    /// # Errors
    /// When the guarding process cannot be started.
    pub fn wipe_at_exit(&self) -> Result<()> {
        reaper::after_this_process(&self.command("wipe"))
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(reference::script());
        command.arg(verb).arg("--dir").arg(self.dir.path());
        command
    }
}

/// A process that has ended and that nobody has asked about yet.
fn is_zombie(pid: Pid) -> bool {
    state(format!("/proc/{}/stat", pid.as_raw_nonzero())).is_none_or(|state| state == 'Z')
}

/// Whether all threads of a process are stopped, or it is gone.
fn is_stopped(pid: Pid) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())).into_iter().flatten().flatten();
    threads
        .into_iter()
        .all(|thread| state(thread.path().join("stat")).is_none_or(|state| matches!(state, 'T' | 't' | 'Z')))
}

/// The letter of a process or thread in `/proc/…/stat`; the name before it may have brackets of its own.
fn state(stat: impl AsRef<Path>) -> Option<char> {
    std::fs::read_to_string(stat).ok()?.rsplit(')').next()?.trim_start().chars().next()
}

impl Drop for RealKafka {
    fn drop(&mut self) {
        if let Err(error) = run(&mut self.command("wipe")) {
            eprintln!("the broker of this test was not wiped: {error:#}");
        }
    }
}

/// The broker that a test process uses: the shared one that [`SHARED_BOOTSTRAP`] names, else one of its own.
#[derive(Debug)]
pub enum Broker {
    /// Started by somebody else, who also stops it. Topics and groups on it need names of their own.
    Shared(String),
    /// Started for this process.
    Own(RealKafka),
}

impl Broker {
    /// Finds or starts the broker.
    ///
    /// # Errors
    /// As [`RealKafka::start`].
    pub fn find_or_start() -> Result<Self> {
        match std::env::var(SHARED_BOOTSTRAP) {
            Ok(bootstrap) if !bootstrap.trim().is_empty() => Ok(Self::Shared(bootstrap)),
            _ => Ok(Self::Own(RealKafka::start(&[])?)),
        }
    }

    /// What clients put in `bootstrap.servers`.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        match self {
            Self::Shared(bootstrap) => bootstrap,
            Self::Own(broker) => broker.bootstrap(),
        }
    }
}

pub(crate) fn run(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    // The broker inherits stderr: a pipe there would stay open, and be waited for, as long as the broker runs.
    let errors = tempfile::NamedTempFile::new().context("cannot make a file for the script's messages")?;
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors.reopen()?)
        .output()
        .with_context(|| format!("cannot start {shown}"))?;
    if !output.status.success() {
        let text = std::fs::read_to_string(errors.path()).unwrap_or_default();
        bail!("{shown} ended with {}: {}", output.status, text.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The last lines of a log file, for error texts.
#[must_use]
pub fn log_tail(path: &Path, lines: usize) -> String {
    let text = std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
