//! The one real broker that all suites of a run share.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::shell;

/// Set for every suite, so that none starts a broker of its own.
pub const BOOTSTRAP: &str = "MILENA_TEST_BOOTSTRAP";

/// A real broker, wiped on drop.
pub struct Broker {
    dir: PathBuf,
    bootstrap: String,
}

impl Broker {
    /// Starts one on a free port and waits until it answers. Fetches Kafka's jars first, once per machine.
    ///
    /// # Errors
    /// When Java or Maven are missing or it does not start.
    pub fn start() -> Result<Self> {
        let dir = std::env::temp_dir().join(format!("milena-xtask-kafka-{}", std::process::id()));
        let port = free_port()?;
        let mut command = shell::program(&script(), &["up", "--port", &port.to_string(), "--dir"]);
        let mut broker = Self { dir, bootstrap: String::new() };
        let printed = shell::read(command.arg(&broker.dir))?;
        broker.bootstrap = printed.lines().last().unwrap_or_default().trim().to_owned();
        if broker.bootstrap.is_empty() {
            bail!("the broker on port {port} started but printed no address");
        }
        println!("--- a real broker runs on {}", broker.bootstrap);
        Ok(broker)
    }

    /// What clients put in `bootstrap.servers`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Err(error) = shell::run(shell::program(&script(), &["wipe", "--dir"]).arg(&self.dir)) {
            eprintln!("the broker in {} was not wiped: {error:#}", self.dir.display());
        }
    }
}

/// The script that starts brokers and Java workers.
pub fn script() -> String {
    shell::root().join("reference/kafka").display().to_string()
}

/// A port whose twin, 10000 above it, is free as well: the broker's controller takes that one. Both lie below the range of outgoing connections.
fn free_port() -> Result<u16> {
    let first = 11_000 + u16::try_from(std::process::id() % 9_000).unwrap_or(0);
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    (first..first + 900).find(|port| free(*port) && free(port + 10_000)).context("no free port for the broker")
}
