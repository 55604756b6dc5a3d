//! Lines of a file through a topic into a file, with and without accidents.

use std::io::{BufReader, Read};
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use milena_e2e::{Bench, Ledger, numbered_lines};
use milena_testkit::worker::{Kind, Process};

#[tokio::test]
async fn a_file_comes_out_byte_for_byte() -> Result<()> {
    copy(200_000).await
}

#[tokio::test]
#[ignore = "five million lines: minutes, and gigabytes on disk; cargo xtask full"]
async fn five_million_lines_come_out_byte_for_byte() -> Result<()> {
    copy(5_000_000).await
}

#[tokio::test]
async fn no_line_is_missing_after_five_kills() -> Result<()> {
    copy_with_kills(300_000).await
}

#[tokio::test]
#[ignore = "five million lines: minutes, and gigabytes on disk; cargo xtask full"]
async fn no_line_of_five_million_is_missing_after_five_kills() -> Result<()> {
    copy_with_kills(5_000_000).await
}

async fn copy(lines: u32) -> Result<()> {
    let bench = Bench::new()?;
    let (input, output) = (bench.path("in.txt"), bench.path("out.txt"));
    numbered_lines(&input, 0..lines)?;
    let size = std::fs::metadata(&input)?.len();
    let source = bench.file_source(&input)?;
    let sink = bench.file_sink(&output)?;
    let mut worker = bench.worker(Kind::Milena).with_connector_file(&source).with_connector_file(&sink).start().await?;
    worker
        .wait_until("the whole output", Duration::from_secs(300), || async {
            Ok(std::fs::metadata(&output).is_ok_and(|metadata| metadata.len() >= size))
        })
        .await?;
    ensure!(
        worker.stop(Duration::from_secs(20)).await?.success(),
        "SIGTERM did not end in exit code 0:\n{}",
        worker.log()
    );
    same_bytes(&input, &output)
}

fn same_bytes(left: &Path, right: &Path) -> Result<()> {
    let mut files = [BufReader::new(std::fs::File::open(left)?), BufReader::new(std::fs::File::open(right)?)];
    let mut buffers = [vec![0; 1 << 16], vec![0; 1 << 16]];
    let mut at = 0;
    loop {
        let read = fill(&mut files[0], &mut buffers[0])?;
        let other = fill(&mut files[1], &mut buffers[1])?;
        ensure!(buffers[0][..read] == buffers[1][..other], "the files differ within 64 KiB behind byte {at}");
        if read == 0 {
            return Ok(());
        }
        at += read;
    }
}

fn fill(file: &mut impl Read, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    loop {
        match file.read(&mut buffer[filled..])? {
            0 => return Ok(filled),
            read => filled += read,
        }
    }
}

/// Six parts of the file are written, each while the worker is down; five times it is killed when a quarter of the new part has come out.
async fn copy_with_kills(lines: u32) -> Result<()> {
    const KILLS: u32 = 5;
    let bench = Bench::new()?;
    let (input, output) = (bench.path("in.txt"), bench.path("out.txt"));
    let source = bench.file_source(&input)?;
    let sink = bench.file_sink(&output)?;
    let start = || bench.worker(Kind::Milena).with_connector_file(&source).with_connector_file(&sink).start();
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let part = lines / (KILLS + 1);
    for kill in 0..KILLS {
        let written = length(&input);
        numbered_lines(&input, kill * part..(kill + 1) * part)?;
        // By length, which costs nothing to ask: counting lines takes longer than the worker needs for all of them.
        let enough = length(&output) + (length(&input) - written) / 4;
        let mut worker = start().await?;
        let quarter = || async { Ok(length(&output) >= enough) };
        worker.wait_until("a quarter of the part", Duration::from_secs(300), quarter).await?;
        worker.kill()?;
    }
    numbered_lines(&input, KILLS * part..lines)?;
    let mut worker = start().await?;
    let mut ledger = Ledger::new(lines);
    come_out(&mut worker, &mut ledger, &output, lines).await?;
    ensure!(ledger.is_complete(), "lines are missing: {:?}", ledger.missing());
    ensure!(ledger.wrong == 0, "{} lines came out broken", ledger.wrong);
    ensure!(ledger.torn <= u64::from(KILLS), "{} torn lines after {KILLS} kills", ledger.torn);
    println!("{lines} lines, {KILLS} kills: {} repeats, {} torn lines", ledger.repeats, ledger.torn);
    Ok(())
}

async fn come_out(worker: &mut Process, ledger: &mut Ledger, output: &Path, distinct: u32) -> Result<()> {
    let ledger = std::cell::RefCell::new(ledger);
    worker
        .wait_until(&format!("{distinct} lines in the output"), Duration::from_secs(300), || async {
            let mut ledger = ledger.borrow_mut();
            ledger.read(output)?;
            Ok(ledger.distinct >= distinct)
        })
        .await
}
