//! A worker on a cluster with TLS, SASL and ACLs, with the properties that a Java worker takes.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, ensure};
use milena_e2e::{failed_task_trace, numbered_lines};
use milena_testkit::secure_kafka::SecureKafka;
use milena_testkit::worker::{Kind, Standalone};

/// Properties of a connector, or of all clients of a worker.
type Pairs = Vec<(String, String)>;

fn prefixed(prefix: &str, pairs: &[(String, String)]) -> Pairs {
    pairs.iter().map(|(key, value)| (format!("{prefix}{key}"), value.clone())).collect()
}

/// The worker and its clients are alice by SCRAM over TLS; the sink's consumer is alice by a client certificate, which only it may present.
async fn lines_pass(kind: Kind, broker: &SecureKafka, topic: &str) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (input, output) = (dir.path().join("in.txt"), dir.path().join("out.txt"));
    numbered_lines(&input, 0..1_000)?;
    let size = std::fs::metadata(&input)?.len();

    let scram = broker.client("scram512-alice")?;
    let mut worker = Standalone::new(kind, &format!("localhost:{}", broker.port()));
    for prefix in ["", "producer.", "consumer.", "admin."] {
        for (key, value) in prefixed(prefix, &scram) {
            worker = worker.with(&key, &value);
        }
    }
    let (input, out) = (input.display().to_string(), output.display().to_string());
    let sink_name = format!("{topic}-sink");
    let source = [("name", topic), ("connector.class", "FileStreamSource"), ("topic", topic), ("file", &input)];
    let sink = [("name", sink_name.as_str()), ("connector.class", "FileStreamSink"), ("topics", topic), ("file", &out)];
    let mutual = prefixed("consumer.override.", &broker.client("mtls-jks-alice")?);
    for (file, own, more) in [("source.properties", source, &[][..]), ("sink.properties", sink, &mutual)] {
        let mut text = String::new();
        for (key, value) in own {
            writeln!(text, "{key}={value}")?;
        }
        for (key, value) in more {
            writeln!(text, "{key}={value}")?;
        }
        let path = dir.path().join(file);
        std::fs::write(&path, text)?;
        worker = worker.with_connector_file(&path);
    }
    let mut worker = worker.with("consumer.metadata.max.age.ms", "1000").start().await?;
    worker
        .wait_until("the whole output", Duration::from_secs(60), || async {
            Ok(std::fs::metadata(&output).is_ok_and(|metadata| metadata.len() >= size))
        })
        .await?;
    ensure!(std::fs::read(&input)? == std::fs::read(&output)?, "the files differ");
    ensure!(!worker.log().contains("alice-secret"), "a password is in the log");
    Ok(())
}

/// Mallory may do nothing.
async fn a_connector_without_permission_fails(broker: &SecureKafka) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut worker = Standalone::new(Kind::Milena, &format!("localhost:{}", broker.port()));
    for prefix in ["", "producer.", "consumer.", "admin."] {
        for (key, value) in prefixed(prefix, &broker.client("scram512-alice")?) {
            worker = worker.with(&key, &value);
        }
    }
    let mut text = format!(
        "name=sink\nconnector.class=FileStreamSink\ntopics=secret-lines\nfile={}\n",
        dir.path().join("out.txt").display()
    );
    for (key, value) in prefixed("consumer.override.", &broker.client("scram512-mallory")?) {
        writeln!(text, "{key}={value}")?;
    }
    let path = dir.path().join("sink.properties");
    std::fs::write(&path, text)?;
    let mut worker = worker.with_connector_file(&path).start().await?;
    let trace = failed_task_trace(&mut worker, "sink").await?;
    ensure!(trace.contains("AuthorizationException"), "{trace}");
    ensure!(!trace.contains("mallory-secret") && !worker.log().contains("mallory-secret"), "a password is shown");
    Ok(())
}

#[tokio::test]
async fn a_secured_cluster_serves_milena_as_it_serves_java() -> Result<()> {
    let broker = tokio::task::spawn_blocking(|| SecureKafka::start(&[])).await??;
    lines_pass(Kind::Java, &broker, "java-lines").await?;
    lines_pass(Kind::Milena, &broker, "milena-lines").await?;
    a_connector_without_permission_fails(&broker).await
}
