//! Runs the same workloads on Kafka's Java worker and on Milena, on one real broker, and writes `docs/benchmarks.md`.
//!
//! Arms alternate; a same-arm control shows the noise. CPU is counted from the connector's creation to the last record at its
//! destination (committed offsets, end offsets, bytes in the file), the worker's own start left out.

mod arm;
mod report;
mod workload;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use milena_testkit::kafka::RealKafka;
use milena_testkit::reference::project_root;
use milena_testkit::worker::Kind;

use crate::arm::{Java, Measured};
use crate::workload::{Setup, Workload};

/// Compares the two workers.
#[derive(Parser)]
struct Options {
    /// Records per run.
    #[arg(long, default_value_t = 5_000_000)]
    records: u64,
    /// Runs of each arm per workload.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only workloads whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Leave the Java worker out.
    #[arg(long)]
    milena_only: bool,
    /// Write the report here instead of docs/benchmarks.md.
    #[arg(long)]
    write: Option<PathBuf>,
    /// Print the report only: for runs that are no comparison.
    #[arg(long)]
    print_only: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let kafka = RealKafka::start(&["log.retention.bytes=-1", "num.partitions=4"]).context("starting the broker")?;
    let java = if options.milena_only { None } else { Some(Java::compile().context("compiling the Java connectors")?) };
    let setup = Setup::new(kafka.bootstrap(), options.records)?;
    let mut results = Vec::new();
    for workload in Workload::ALL.into_iter().filter(|w| w.name().contains(&options.only)) {
        setup.prepare(workload).await.with_context(|| format!("preparing {}", workload.name()))?;
        let mut measured: Vec<Measured> = Vec::new();
        for round in 0..options.rounds {
            // The arms alternate, and so does which of them goes first.
            let mut order = vec![Kind::Milena];
            if java.is_some() {
                order.insert(round % 2, Kind::Java);
            }
            for kind in order {
                let run = arm::run(&setup, workload, kind, java.as_ref(), round)
                    .await
                    .with_context(|| format!("{} on {kind:?}, round {round}", workload.name()))?;
                println!("{}", report::line(workload, &run));
                measured.push(run);
            }
        }
        results.push((workload, measured));
    }
    let start = arm::start_up(&setup, java.as_ref()).await.context("measuring the start")?;
    let text = report::markdown(&options_text(&options), &results, &start);
    println!("\n{text}");
    if !options.print_only {
        let path = options.write.unwrap_or_else(|| project_root().join("docs/benchmarks.md"));
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn options_text(options: &Options) -> String {
    format!("{} records per run, {} runs per arm", options.records, options.rounds)
}
