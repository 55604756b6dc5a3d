//! What is wrong on the command line or around the process is said clearly, with the exit code that Kafka's scripts have.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use milena_e2e::Bench;
use milena_testkit::kafka::RealKafka;
use milena_testkit::worker::{self, Kind, Standalone};

/// Runs `milena connect-standalone` to its end; its exit code and everything that it printed.
async fn run(arguments: &[&Path]) -> Result<(Option<i32>, String)> {
    let mut command = tokio::process::Command::new(worker::program(Kind::Milena)?);
    command.arg("connect-standalone").args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output =
        tokio::time::timeout(Duration::from_secs(30), command.output()).await.context("still running after 30 s")??;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok((output.status.code(), text))
}

fn worker_file(bench: &Bench, listener: &str) -> Result<PathBuf> {
    let offsets = bench.path("connect.offsets").display().to_string();
    bench.connector_file(
        "worker.properties",
        &[
            ("bootstrap.servers", bench.bootstrap()),
            ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
            ("value.converter", "org.apache.kafka.connect.storage.StringConverter"),
            ("offset.storage.file.filename", &offsets),
            ("listeners", listener),
        ],
    )
}

#[tokio::test]
async fn without_arguments_the_usage_is_printed() -> Result<()> {
    let (code, text) = run(&[]).await?;
    ensure!(code == Some(1) && text.contains("connect-standalone"), "{code:?}: {text}");
    Ok(())
}

#[tokio::test]
async fn a_missing_worker_file_is_named() -> Result<()> {
    let (code, text) = run(&[Path::new("/no/such/worker.properties")]).await?;
    ensure!(code == Some(2) && text.contains("/no/such/worker.properties"), "{code:?}: {text}");
    Ok(())
}

#[tokio::test]
async fn a_malformed_worker_file_is_named_with_the_line() -> Result<()> {
    let bench = Bench::new()?;
    let file = bench.path("worker.properties");
    std::fs::write(&file, "bootstrap.servers=localhost:9092\n# fine\nkey.converter=\\u12G4\n")?;
    let (code, text) = run(&[&file]).await?;
    ensure!(code == Some(2), "{code:?}: {text}");
    ensure!(text.contains("worker.properties") && text.contains("line 3"), "neither file nor line: {text}");
    Ok(())
}

#[tokio::test]
async fn a_missing_setting_is_named() -> Result<()> {
    let bench = Bench::new()?;
    let file = bench.connector_file("worker.properties", &[("bootstrap.servers", bench.bootstrap())])?;
    let (code, text) = run(&[&file]).await?;
    ensure!(code == Some(2) && text.contains("Missing required configuration"), "{code:?}: {text}");
    Ok(())
}

#[tokio::test]
async fn a_port_in_use_is_named() -> Result<()> {
    let bench = Bench::new()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port();
    let file = worker_file(&bench, &format!("http://127.0.0.1:{port}"))?;
    let (code, text) = run(&[&file]).await?;
    ensure!(code == Some(2) && text.contains(&port.to_string()), "{code:?}: {text}");
    Ok(())
}

#[tokio::test]
async fn an_unknown_class_in_a_connector_file_ends_the_worker_and_names_its_neighbours() -> Result<()> {
    let bench = Bench::new()?;
    let file = worker_file(&bench, "http://127.0.0.1:0")?;
    let connector = bench.connector_file(
        "typo.properties",
        &[("name", "typo"), ("connector.class", "FileStreamSorce"), ("topic", "t")],
    )?;
    let (code, text) = run(&[&file, &connector]).await?;
    ensure!(code == Some(3), "{code:?}: {text}");
    ensure!(text.contains("typo.properties") && text.contains("FileStreamSorce"), "neither file nor class: {text}");
    ensure!(text.contains("FileStreamSource"), "the nearest name is not told: {text}");
    Ok(())
}

#[tokio::test]
async fn a_missing_connector_file_is_named() -> Result<()> {
    let bench = Bench::new()?;
    let file = worker_file(&bench, "http://127.0.0.1:0")?;
    let (code, text) = run(&[&file, Path::new("/no/such/connector.properties")]).await?;
    ensure!(code == Some(3) && text.contains("/no/such/connector.properties"), "{code:?}: {text}");
    Ok(())
}

#[tokio::test]
async fn a_connector_file_without_a_name_is_refused() -> Result<()> {
    let bench = Bench::new()?;
    let file = worker_file(&bench, "http://127.0.0.1:0")?;
    let connector =
        bench.connector_file("nameless.properties", &[("connector.class", "FileStreamSink"), ("topics", "t")])?;
    let (code, text) = run(&[&file, &connector]).await?;
    ensure!(code == Some(3), "{code:?}: {text}");
    ensure!(
        text.contains("nameless.properties") && text.contains("is missing the mandatory 'name' configuration"),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn two_connector_files_with_one_name_are_refused() -> Result<()> {
    let bench = Bench::new()?;
    let file = worker_file(&bench, "http://127.0.0.1:0")?;
    let name = bench.name("twin");
    let topic = bench.name("lines");
    let output = bench.path("out.txt").display().to_string();
    let properties =
        [("name", name.as_str()), ("connector.class", "FileStreamSink"), ("topics", &topic), ("file", &output)];
    let first = bench.connector_file("first.properties", &properties)?;
    let second = bench.connector_file("second.properties", &properties)?;
    let (code, text) = run(&[&file, &first, &second]).await?;
    ensure!(code == Some(3), "{code:?}: {text}");
    ensure!(text.contains("second.properties") && text.contains(&format!("Connector {name} already exists")), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_worker_waits_for_an_unreachable_broker_and_says_so() -> Result<()> {
    let mut broker = RealKafka::start(&[])?;
    broker.stop()?;
    let address = broker.bootstrap().to_owned();
    let mut worker = Standalone::new(Kind::Milena, &address).spawn()?;
    let url = format!("{}/health", worker.url());
    worker
        .wait_until("a health answer that tells of the wait", Duration::from_secs(30), || async {
            Ok(milena_testkit::http::get(&url)
                .await
                .is_ok_and(|answer| matches!(answer.status, 500 | 503) && answer.text().contains("status")))
        })
        .await?;
    let log = worker.log();
    ensure!(log.contains(&address), "the log does not name the broker {address}:\n{log}");
    broker.restart()?;
    worker.wait_until_ready().await
}
