//! What goes wrong with files and records while a worker runs: the task fails with the reason in its trace, or waits, and nothing is lost.

use std::time::Duration;

use anyhow::{Result, ensure};
use milena_e2e::{Bench, failed_task_trace, file_holds, position_is, status_where};
use milena_testkit::worker::{Kind, Process};
use serde_json::{Value, json};

async fn source(bench: &Bench, worker: &Process, input: &str) -> Result<String> {
    let name = bench.name("source");
    worker
        .put_connector(
            &name,
            &json!({"connector.class": "FileStreamSource", "topic": bench.name("lines"), "file": input}),
        )
        .await?;
    Ok(name)
}

async fn sink(bench: &Bench, worker: &Process, output: &str, more: Value) -> Result<String> {
    let name = bench.name("sink");
    let mut config = json!({"connector.class": "FileStreamSink", "topics": bench.name("lines"), "file": output});
    for (key, value) in more.as_object().into_iter().flatten() {
        config[key] = value.clone();
    }
    worker.put_connector(&name, &config).await?;
    Ok(name)
}

fn running(status: &Value) -> bool {
    status["tasks"][0]["state"] == "RUNNING"
}

#[tokio::test]
async fn a_source_waits_for_a_file_that_is_not_there_yet() -> Result<()> {
    let bench = Bench::new()?;
    let mut worker = bench.worker(Kind::Milena).start().await?;
    let input = bench.path("later.txt");
    let name = source(&bench, &worker, &input.display().to_string()).await?;
    status_where(&mut worker, &name, "a running task", running).await?;
    std::fs::write(&input, "here now\n")?;
    position_is(&mut worker, &name, 9).await?;
    ensure!(worker.log().contains("later.txt"), "nothing in the log about the wait:\n{}", worker.log());
    Ok(())
}

#[tokio::test]
async fn a_source_survives_that_its_file_vanishes() -> Result<()> {
    let bench = Bench::new()?;
    let mut worker = bench.worker(Kind::Milena).start().await?;
    let input = bench.path("in.txt");
    std::fs::write(&input, "one\n")?;
    let name = source(&bench, &worker, &input.display().to_string()).await?;
    position_is(&mut worker, &name, 4).await?;
    std::fs::remove_file(&input)?;
    let answer = worker.send("POST", &format!("/connectors/{name}/restart?includeTasks=true"), &Value::Null).await?;
    ensure!(answer.status == 202, "{}", answer.text());
    status_where(&mut worker, &name, "a running task", running).await?;
    std::fs::write(&input, "one\ntwo\n")?;
    position_is(&mut worker, &name, 8).await
}

#[tokio::test]
async fn an_unreadable_file_fails_the_task() -> Result<()> {
    let bench = Bench::new()?;
    let mut worker = bench.worker(Kind::Milena).start().await?;
    let folder = bench.path("a-folder");
    std::fs::create_dir(&folder)?;
    let name = source(&bench, &worker, &folder.display().to_string()).await?;
    let trace = failed_task_trace(&mut worker, &name).await?;
    ensure!(trace.contains("a-folder"), "the trace does not name the file: {trace}");
    Ok(())
}

#[tokio::test]
async fn a_full_disk_fails_the_sink_and_commits_nothing() -> Result<()> {
    let bench = Bench::new()?;
    let mut worker = bench.worker(Kind::Milena).start().await?;
    let input = bench.path("in.txt");
    std::fs::write(&input, "one\ntwo\n")?;
    let from = source(&bench, &worker, &input.display().to_string()).await?;
    position_is(&mut worker, &from, 8).await?;
    let name = sink(&bench, &worker, "/dev/full", json!({})).await?;
    let trace = failed_task_trace(&mut worker, &name).await?;
    ensure!(trace.contains("/dev/full") && trace.contains("No space left on device"), "{trace}");
    // With room on disk again nothing is missing.
    let output = bench.path("out.txt");
    sink(&bench, &worker, &output.display().to_string(), json!({})).await?;
    file_holds(&mut worker, &output, "one\ntwo\n").await
}

#[tokio::test]
async fn a_record_that_cannot_be_converted_fails_the_task_and_is_found_by_its_trace() -> Result<()> {
    let bench = Bench::new()?;
    let mut worker = bench.worker(Kind::Milena).start().await?;
    let input = bench.path("in.txt");
    std::fs::write(&input, "\"json\"\nnot json\n")?;
    let from = source(&bench, &worker, &input.display().to_string()).await?;
    position_is(&mut worker, &from, 16).await?;
    let output = bench.path("out.txt").display().to_string();
    let json_values = json!({"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false"});
    let name = sink(&bench, &worker, &output, json_values).await?;
    let trace = failed_task_trace(&mut worker, &name).await?;
    ensure!(trace.contains("Tolerance exceeded in error handler"), "{trace}");
    for part in ["VALUE_CONVERTER", bench.name("lines").as_str(), "partition", "offset"] {
        ensure!(trace.contains(part), "the trace does not say {part}: {trace}");
    }
    Ok(())
}

#[tokio::test]
async fn an_oversized_record_fails_the_source_and_moves_no_offset() -> Result<()> {
    let bench = Bench::new()?;
    let mut worker = bench.worker(Kind::Milena).start().await?;
    let input = bench.path("in.txt");
    let long = "x".repeat(2 << 20);
    std::fs::write(&input, format!("short\n{long}\n"))?;
    let name = source(&bench, &worker, &input.display().to_string()).await?;
    let trace = failed_task_trace(&mut worker, &name).await?;
    ensure!(
        trace.contains("max.request.size"),
        "the trace does not name the setting: {}",
        &trace[..trace.len().min(2_000)]
    );
    let offsets = worker.get(&format!("/connectors/{name}/offsets")).await?.json()?;
    let position = offsets["offsets"][0]["offset"]["position"].as_u64().unwrap_or(0);
    ensure!(position <= 6, "the offset has passed a record that was not written: {offsets}");
    Ok(())
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_ends_cleanly_and_soon() -> Result<()> {
    let bench = Bench::new()?;
    let input = bench.path("in.txt");
    std::fs::write(&input, "one\n")?;
    let (from, output) = (bench.file_source(&input)?, bench.path("out.txt"));
    let to = bench.file_sink(&output)?;
    let mut worker = bench.worker(Kind::Milena).with_connector_file(&from).with_connector_file(&to).start().await?;
    file_holds(&mut worker, &output, "one\n").await?;
    let status = worker.stop(Duration::from_secs(6)).await?;
    ensure!(status.code() == Some(0), "{status}:\n{}", worker.log());
    Ok(())
}
