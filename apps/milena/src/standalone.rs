//! `milena connect-standalone`.
//!
//! Counterpart: `org.apache.kafka.connect.cli.ConnectStandalone`, with its exit codes: 2 the worker cannot start, 3 a connector file
//! could not be created.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use milena_api::config::ConfigMap;
use milena_runtime::logging::{self, JavaLevel};
use milena_runtime::plugins::PluginRegistry;
use milena_runtime::properties::{Encoding, read_properties};

use crate::process::Runtimes;
use crate::signals;
use crate::worker::StandaloneWorker;

const START_FAILED: u8 = 2;
const CONNECTOR_FAILED: u8 = 3;

/// Runs a standalone worker until a signal.
pub fn main(worker: &Path, connectors: &[PathBuf]) -> ExitCode {
    let loggers = logging::install(JavaLevel::Info);
    let started = properties(worker).and_then(|properties| Ok((properties, Runtimes::new()?)));
    let (properties, runtimes) = match started {
        Ok(started) => started,
        Err(error) => return failed("Stopping due to error", &error, START_FAILED),
    };
    let spawner = runtimes.spawner();
    runtimes.run(async move {
        let worker = match StandaloneWorker::start(&properties, loggers, spawner).await {
            Ok(worker) => worker,
            Err(error) => return failed("Stopping due to error", &error, START_FAILED),
        };
        let code = tokio::select! {
            code = serve(&worker, connectors) => code,
            signal = signals::stop_requested() => stopped(signal),
        };
        worker.stop().await;
        code
    })
}

/// Gets everything going, then waits for ever.
async fn serve(worker: &StandaloneWorker, connectors: &[PathBuf]) -> ExitCode {
    if let Err(error) = worker.reach_kafka().await {
        return failed("Stopping due to error", &error, START_FAILED);
    }
    for file in connectors {
        if let Err(error) = worker.create_from_file(file).await {
            let what = format!("Failed to create connector for {}", file.display());
            return failed(&what, &error, CONNECTOR_FAILED);
        }
    }
    worker.set_ready();
    std::future::pending().await
}

fn properties(file: &Path) -> Result<ConfigMap> {
    if file.as_os_str().is_empty() {
        return Ok(ConfigMap::new());
    }
    read_properties(file, Encoding::Latin1).context("the worker's properties cannot be read")
}

/// Says why the process ends.
pub fn failed(what: &str, error: &anyhow::Error, code: u8) -> ExitCode {
    tracing::error!(target: "org.apache.kafka.connect.cli.ConnectStandalone", "{what}: {error:#}");
    ExitCode::from(code)
}

/// The end by a signal.
pub fn stopped(signal: std::io::Result<&'static str>) -> ExitCode {
    match signal {
        Ok(signal) => {
            tracing::info!(target: "org.apache.kafka.connect.runtime.Connect", "Kafka Connect stopping ({signal})");
            ExitCode::SUCCESS
        }
        Err(error) => failed("cannot wait for signals", &error.into(), START_FAILED),
    }
}

/// Prints all plug-ins.
pub fn list_plugins() -> ExitCode {
    use std::io::Write;
    let registry = PluginRegistry::new(milena_bundle::plugins());
    let mut out = std::io::stdout().lock();
    for plugin in registry.listed() {
        if writeln!(out, "{}\t{}\t{}", plugin.kind.name(), plugin.class, plugin.version).is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}
