//! Cleans up when a test process has ended, also when it was killed: what statics hold is never dropped.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// Looks whether the process lives, once a second, then runs its arguments as a command.
const SCRIPT: &str = r#"while kill -0 "$1" 2> /dev/null; do sleep 1; done; shift; exec "$@""#;

/// Runs `command` once this process is gone.
pub(crate) fn after_this_process(command: &Command) -> Result<()> {
    let mut guard = Command::new("setsid");
    guard.args(["sh", "-c", SCRIPT, "reaper"]).arg(std::process::id().to_string());
    guard.arg(command.get_program()).args(command.get_args());
    guard.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    guard.spawn().context("cannot start the process that cleans up")?;
    Ok(())
}
