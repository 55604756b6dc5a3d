//! The command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::transform::TryOptions;

/// What is to be done.
pub enum Command {
    /// Run a standalone worker.
    Standalone {
        /// Worker properties.
        worker: PathBuf,
        /// Connector files.
        connectors: Vec<PathBuf>,
    },
    /// Run broker, worker and a sample pipeline.
    Dev(DevOptions),
    /// Run the development broker alone.
    Broker(BrokerOptions),
    /// List plug-ins.
    PluginsList,
    /// Send records through transformations.
    TransformTry(TryOptions),
}

/// Kafka Connect, rebuilt in Rust: one binary in place of a Kafka Connect worker.
#[derive(Parser)]
#[command(name = "milena", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run a standalone worker, as connect-standalone.sh does.
    ConnectStandalone {
        /// Worker properties file, e.g. config/connect-standalone.properties.
        worker: PathBuf,
        /// Connector files, properties or JSON; created one by one.
        connectors: Vec<PathBuf>,
    },
    /// Run a distributed worker (not there yet: arrives with a later release).
    ConnectDistributed {
        /// Worker properties file.
        worker: PathBuf,
    },
    /// Try it out: a broker, a worker and a sample pipeline in one process.
    Dev(DevOptions),
    /// Run the development broker alone.
    Broker(BrokerOptions),
    /// Look at plug-ins.
    Plugins {
        #[command(subcommand)]
        verb: PluginsVerb,
    },
    /// Try transformations out.
    Transform {
        #[command(subcommand)]
        verb: TransformVerb,
    },
}

#[derive(Subcommand)]
enum PluginsVerb {
    /// List all plug-ins with their kinds and versions.
    List,
}

#[derive(Subcommand)]
enum TransformVerb {
    /// Show what a connector's transformations make of records: before, after each step, and in the end.
    Try(TryOptions),
}

/// Options of `milena dev`.
#[derive(clap::Args, Clone, Debug)]
pub struct DevOptions {
    /// Keep topics and offsets in this folder; without it they are gone at the end.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Port of the broker; 0 takes any that is free.
    #[arg(long, default_value_t = 9092, value_name = "PORT")]
    pub broker_port: u16,
    /// Port of the REST API; 0 takes any that is free.
    #[arg(long, default_value_t = 8083, value_name = "PORT")]
    pub rest_port: u16,
    /// Tail this file instead of generating sample orders.
    #[arg(long, value_name = "FILE")]
    pub tail: Option<PathBuf>,
    /// Records per second of the sample generator.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub rate: u64,
    /// Do not start a sample pipeline.
    #[arg(long)]
    pub empty: bool,
    /// Show the worker's log.
    #[arg(long, short)]
    pub verbose: bool,
}

/// Options of `milena broker`.
#[derive(clap::Args, Clone, Debug)]
pub struct BrokerOptions {
    /// Keep topics and offsets in this folder.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Port to listen on; 0 takes any that is free. Further nodes take the ports after it.
    #[arg(long, default_value_t = 9092, value_name = "PORT")]
    pub port: u16,
    /// Partitions of topics that are created when first used.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub partitions: i32,
    /// Nodes to simulate in this process.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub nodes: u16,
    /// Rack of each node, separated by commas; consumers are then sent to a replica in their own rack.
    #[arg(long, value_delimiter = ',', value_name = "RACKS")]
    pub racks: Vec<String>,
    /// Port of a further, encrypted listener: SSL, or SASL_SSL with --users. 0 takes any that is free.
    #[arg(long, value_name = "PORT")]
    pub tls_port: Option<u16>,
    /// The broker's certificate and those above it, PEM; without it the broker makes one, and says where its authority's certificate is.
    #[arg(long, value_name = "FILE", requires_all = ["tls_key", "tls_port"])]
    pub tls_certificate: Option<PathBuf>,
    /// The private key of that certificate, PEM, not encrypted.
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,
    /// Port of a further listener where clients authenticate: SASL_PLAINTEXT. 0 takes any that is free.
    #[arg(long, value_name = "PORT", requires = "users")]
    pub sasl_port: Option<u16>,
    /// File with a line NAME=PASSWORD for each user; they log in by PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
    #[arg(long, value_name = "FILE")]
    pub users: Option<PathBuf>,
}

/// Understands the command line; started under the name of one of Kafka's scripts it takes that script's arguments.
///
/// # Errors
/// What was wrong is printed; the status is 1 as from Kafka's scripts.
pub fn parse(args: impl Iterator<Item = OsString>) -> Result<Command, ExitCode> {
    let mut args: Vec<OsString> = args.collect();
    let name = args.first().map(|arg| Path::new(arg).file_name().unwrap_or_default().to_string_lossy().into_owned());
    if let Some(name) = name {
        let script = name.strip_suffix(".sh").unwrap_or(&name);
        if script == "connect-standalone" || script == "connect-distributed" {
            if args.len() < 2 || args[1] == "--help" {
                eprintln!("{}", script_usage(script));
                return Err(ExitCode::from(1));
            }
            args.insert(1, OsString::from(script));
        }
    }
    let cli = Cli::try_parse_from(args).map_err(|error| {
        // Printing fails only where there is nobody to read it.
        _ = error.print();
        if error.use_stderr() { ExitCode::from(1) } else { ExitCode::SUCCESS }
    })?;
    match cli.command {
        Verb::ConnectStandalone { worker, connectors } => Ok(Command::Standalone { worker, connectors }),
        Verb::ConnectDistributed { .. } => {
            eprintln!(
                "milena connect-distributed is not there yet: it arrives with a later release; until then use connect-standalone, \
                 or keep this worker on Java"
            );
            Err(ExitCode::from(2))
        }
        Verb::Dev(options) => Ok(Command::Dev(options)),
        Verb::Broker(options) => Ok(Command::Broker(options)),
        Verb::Plugins { verb: PluginsVerb::List } => Ok(Command::PluginsList),
        Verb::Transform { verb: TransformVerb::Try(options) } => Ok(Command::TransformTry(options)),
    }
}

fn script_usage(script: &str) -> String {
    match script {
        "connect-distributed" => "USAGE: connect-distributed.sh connect-distributed.properties".to_owned(),
        _ => "USAGE: connect-standalone.sh connect-standalone.properties [connector1.properties connector2.json ...]"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Command, ExitCode> {
        parse(args.iter().map(OsString::from))
    }

    #[test]
    fn a_script_name_is_the_verb() {
        let command = parsed(&["/opt/kafka/bin/connect-standalone.sh", "w.properties", "a.json"]);
        let Ok(Command::Standalone { worker, connectors }) = command else { panic!("not understood") };
        assert_eq!((worker, connectors), (PathBuf::from("w.properties"), vec![PathBuf::from("a.json")]));
        assert!(parsed(&["connect-standalone"]).is_err());
    }

    #[test]
    fn dev_has_kafkas_ports_by_default() {
        let Ok(Command::Dev(options)) = parsed(&["milena", "dev"]) else { panic!("not understood") };
        assert_eq!((options.broker_port, options.rest_port), (9092, 8083));
    }
}
