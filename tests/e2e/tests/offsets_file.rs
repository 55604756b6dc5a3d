//! The offsets file of a standalone worker is the same file for a Java worker and for Milena.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

use anyhow::{Result, ensure};
use milena_e2e::{Bench, file_holds, position_is};
use milena_testkit::worker::Kind;

#[tokio::test]
async fn java_and_milena_continue_each_others_offsets() -> Result<()> {
    let bench = Bench::new()?;
    let (input, output) = (bench.path("in.txt"), bench.path("out.txt"));
    let source = bench.file_source(&input)?;
    let sink = bench.file_sink(&output)?;
    let mut text = String::new();
    for (turn, kind) in [Kind::Java, Kind::Milena, Kind::Java, Kind::Milena].into_iter().enumerate() {
        let lines = format!("turn {turn} of {kind:?}\nsecond line of turn {turn}\n");
        OpenOptions::new().append(true).create(true).open(&input)?.write_all(lines.as_bytes())?;
        text.push_str(&lines);
        let mut worker = bench.worker(kind).with_connector_file(&source).with_connector_file(&sink).start().await?;
        // A worker that did not find the other's offsets would read from the start: the output would hold lines twice.
        file_holds(&mut worker, &output, &text).await?;
        position_is(&mut worker, &bench.name("source"), text.len() as u64).await?;
        let status = worker.stop(Duration::from_secs(30)).await?;
        // A JVM that ends by SIGTERM reports 143.
        ensure!(kind == Kind::Java || status.success(), "SIGTERM ended in {status}:\n{}", worker.log());
    }
    Ok(())
}
