//! The real broker with TLS, SASL and ACLs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::kafka::run;
use crate::{port, reaper, reference};

/// A secured broker of this test process only; wiped on drop. Users, listeners and stores: the head of `reference/servers/kafka-secure`.
#[derive(Debug)]
pub struct SecureKafka {
    port: u16,
    dir: TempDir,
}

impl SecureKafka {
    /// Starts it on free ports and waits until it answers; `settings` are `key=value` lines added to its server.properties. Takes 10 to 20
    /// seconds, and blocks.
    ///
    /// # Errors
    /// When Java, keytool or openssl are missing or the broker does not start.
    pub fn start(settings: &[&str]) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("milena-kafka-secure-")
            .tempdir()
            .context("cannot make a folder for the secured broker")?;
        let port = port::free_with(&[0, 1, 2, 3, 10_000])?;
        let broker = Self { port, dir };
        run(broker.command("up").args(["--port", &port.to_string()]).args(settings))?;
        Ok(broker)
    }

    /// The listener for SASL_SSL; the next ports are SSL with client certificates, SASL_PLAINTEXT, and SSL without.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Client properties that the script wrote, by name, for example `scram512-alice`.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn client(&self, name: &str) -> Result<Vec<(String, String)>> {
        let file = self.dir.path().join("clients").join(format!("{name}.properties"));
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let lines = text.lines().filter(|line| !line.is_empty());
        lines
            .map(|line| match line.split_once('=') {
                Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
                None => bail!("{} has a line without =: {line}", file.display()),
            })
            .collect()
    }

    /// The folder with certificates and stores; all passwords are `milena`.
    #[must_use]
    pub fn tls_dir(&self) -> PathBuf {
        self.dir.path().join("tls")
    }

    /// The broker's own folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// `kafka-acls` as the superuser, for example `--add --allow-principal User:bob --operation Read --topic t`.
    ///
    /// # Errors
    /// When the tool fails.
    pub fn acl(&self, arguments: &[&str]) -> Result<String> {
        run(self.command("acl").args(arguments))
    }

    /// Has the broker wiped when this process has ended, however it ends.
    ///
    /// # Errors
    /// When the guarding process cannot be started.
    pub fn wipe_at_exit(&self) -> Result<()> {
        reaper::after_this_process(&self.command("wipe"))
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(reference::server_script("kafka-secure"));
        command.arg(verb).arg("--dir").arg(self.dir.path());
        command
    }
}

impl Drop for SecureKafka {
    fn drop(&mut self) {
        if let Err(error) = run(&mut self.command("wipe")) {
            eprintln!("the secured broker of this test was not wiped: {error:#}");
        }
    }
}
