//! A TCP proxy that delays, cuts and throttles on command.

use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::kafka::run;
use crate::{port, reference};

/// A proxy process of this test only, with one proxied address; wiped on drop. What the faults are called: the head of
/// `reference/servers/toxiproxy`. Building the program needs Go, once per machine.
#[derive(Debug)]
pub struct Toxiproxy {
    dir: TempDir,
    listen: u16,
}

const NAME: &str = "kafka";

impl Toxiproxy {
    /// Starts it between `listen` and `upstream` on this machine, blocking.
    ///
    /// # Errors
    /// When it cannot be built or started, or a port is taken.
    pub fn start(listen: u16, upstream: u16) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("milena-toxiproxy-")
            .tempdir()
            .context("cannot make a folder for toxiproxy")?;
        let proxy = Self { dir, listen };
        run(proxy.command("up").args(["--port", &port::free()?.to_string()]))?;
        let (listen, upstream) = (format!("127.0.0.1:{listen}"), format!("127.0.0.1:{upstream}"));
        run(proxy.command("proxy").args([NAME, &listen, &upstream]))?;
        Ok(proxy)
    }

    /// The proxied address.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.listen)
    }

    /// Adds a fault, for example `["latency", "latency=500"]` or `["timeout", "timeout=0", "stream=upstream"]`.
    ///
    /// # Errors
    /// When the proxy refuses it.
    pub fn toxic(&self, fault: &[&str]) -> Result<()> {
        run(self.command("toxic").arg(NAME).args(fault)).map(drop)
    }

    /// Removes all faults.
    ///
    /// # Errors
    /// When the proxy does not answer.
    pub fn clear(&self) -> Result<()> {
        run(self.command("clear").arg(NAME)).map(drop)
    }

    /// Cuts all connections and refuses new ones.
    ///
    /// # Errors
    /// When the proxy does not answer.
    pub fn cut(&self) -> Result<()> {
        run(self.command("cut").arg(NAME)).map(drop)
    }

    /// Takes connections again after [`cut`](Self::cut).
    ///
    /// # Errors
    /// When the proxy does not answer.
    pub fn mend(&self) -> Result<()> {
        run(self.command("mend").arg(NAME)).map(drop)
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(reference::server_script("toxiproxy"));
        command.arg(verb).arg("--dir").arg(self.dir.path());
        command
    }
}

impl Drop for Toxiproxy {
    fn drop(&mut self) {
        if let Err(error) = run(&mut self.command("wipe")) {
            eprintln!("toxiproxy was not wiped: {error:#}");
        }
    }
}
