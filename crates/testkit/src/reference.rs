//! Where the project's copy of the reference (Apache Kafka as published) lives and how its tools are run.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

/// The top folder of the checkout this crate was built from.
#[must_use]
pub fn project_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The script that starts real brokers, Java workers and Kafka's command-line tools; `MILENA_REFERENCE` names another one.
#[must_use]
pub fn script() -> PathBuf {
    std::env::var_os("MILENA_REFERENCE").map_or_else(|| project_root().join("reference/kafka"), PathBuf::from)
}

/// A script of `reference/servers`, which start other servers.
#[must_use]
pub fn server_script(name: &str) -> PathBuf {
    project_root().join("reference/servers").join(name)
}

/// Whether Java is there to run the reference; Maven is needed as well unless the jars have been fetched before.
#[must_use]
pub fn java_is_installed() -> bool {
    std::process::Command::new("java")
        .arg("-version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a class of Kafka's jars to its end, for example `org.apache.kafka.tools.TopicCommand`, and returns what it printed.
///
/// # Errors
/// When it cannot be started or exits with another status than 0; the text then holds what it wrote to stderr.
pub async fn run_tool(arguments: &[impl AsRef<str>], stdin: Option<&[u8]>) -> Result<String> {
    use tokio::io::AsyncWriteExt;
    let shown = arguments.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" ");
    let mut command = Command::new(script());
    command.arg("run").args(arguments.iter().map(AsRef::as_ref)).kill_on_drop(true);
    command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {} run {shown}", script().display()))?;
    if let (Some(mut pipe), Some(bytes)) = (child.stdin.take(), stdin) {
        pipe.write_all(bytes).await.with_context(|| format!("cannot write to {shown}"))?;
    }
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        bail!("{shown} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
