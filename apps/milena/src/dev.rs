//! `milena dev`: a broker, a worker and a sample pipeline in one process.

use std::io::{IsTerminal, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use milena_api::config::{ConfigInput, ConfigMap};
use milena_devbroker::{BANNER, DevBroker, DevBrokerConfig};
use milena_kafka::admin::{Admin, OffsetSpec};
use milena_kafka::config::AdminConfig;
use milena_runtime::herder::Herder;
use milena_runtime::logging::{self, JavaLevel};

use crate::cli::DevOptions;
use crate::process::Runtimes;
use crate::signals;
use crate::standalone::{failed, stopped};
use crate::worker::StandaloneWorker;

/// Topic of the sample pipeline.
const TOPIC: &str = "sample";
const START_FAILED: u8 = 2;

/// Runs broker, worker and sample pipeline until a signal.
pub fn main(options: DevOptions) -> ExitCode {
    let started = Instant::now();
    let loggers = logging::install(if options.verbose { JavaLevel::Info } else { JavaLevel::Warn });
    let runtimes = match Runtimes::new() {
        Ok(runtimes) => runtimes,
        Err(error) => return failed("milena dev could not start", &error, START_FAILED),
    };
    let spawner = runtimes.spawner();
    runtimes.run(async move {
        let dev = match Dev::start(&options, loggers, spawner).await {
            Ok(dev) => dev,
            Err(error) => return failed("milena dev could not start", &error, START_FAILED),
        };
        dev.tell(started.elapsed());
        let code = tokio::select! {
            () = dev.show_rate() => ExitCode::SUCCESS,
            signal = signals::stop_requested() => stopped(signal),
        };
        println!("\nStopping…");
        dev.stop().await;
        code
    })
}

struct Dev {
    broker: DevBroker,
    /// Asks for the end of the sample topic.
    admin: Admin,
    worker: StandaloneWorker,
    /// What the pipeline does, as a sentence; none if it was not wanted.
    pipeline: Option<String>,
    /// Holds offsets and output where nothing is to be kept.
    scratch: Option<PathBuf>,
}

impl Dev {
    async fn start(
        options: &DevOptions,
        loggers: logging::Loggers,
        spawner: milena_runtime::tasks::Spawner,
    ) -> Result<Self> {
        let (dir, scratch) = match &options.dir {
            Some(dir) => (dir.clone(), None),
            None => {
                let dir = std::env::temp_dir().join(format!("milena-dev-{}", std::process::id()));
                (dir.clone(), Some(dir))
            }
        };
        std::fs::create_dir_all(&dir).with_context(|| format!("could not create folder {}", dir.display()))?;
        let data = options.dir.as_ref().map(|dir| dir.join("broker"));
        let broker = start_broker(options.broker_port, data).await?;
        let properties: ConfigMap = [
            ("bootstrap.servers", broker.bootstrap()),
            ("key.converter", "org.apache.kafka.connect.storage.StringConverter".to_owned()),
            ("value.converter", "org.apache.kafka.connect.storage.StringConverter".to_owned()),
            ("offset.storage.file.filename", dir.join("connect.offsets").display().to_string()),
            ("offset.flush.interval.ms", "1000".to_owned()),
            ("listeners", format!("http://127.0.0.1:{}", options.rest_port)),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
        let worker = StandaloneWorker::start(&properties, loggers, spawner).await?;
        worker.reach_kafka().await?;
        let pipeline = if options.empty { None } else { Some(create_pipeline(&worker, options, &dir).await?) };
        worker.set_ready();
        let admin = [("bootstrap.servers".to_owned(), broker.bootstrap())].into_iter().collect();
        let admin = Admin::new(AdminConfig::from_properties(&admin)?)?;
        Ok(Dev { broker, admin, worker, pipeline, scratch })
    }

    fn tell(&self, took: Duration) {
        let url = self.worker.url();
        let url = url.trim_end_matches('/');
        println!("Milena is up after {} ms.\n", took.as_millis());
        println!("  Kafka     {}   ({BANNER})", self.broker.bootstrap());
        println!("  REST      {url}");
        if let Some(pipeline) = &self.pipeline {
            println!("  Pipeline  {pipeline}");
        }
        println!("\nTry next:");
        println!("  curl -s '{url}/connectors?expand=status'");
        match &self.pipeline {
            Some(_) => println!("  curl -s -X PUT {url}/connectors/sample-sink/pause"),
            None => println!("  curl -s {url}/connector-plugins"),
        }
        println!(
            "  curl -s {url}/connectors -H 'Content-Type: application/json' -d '{{\"name\":\"users\",\"config\":{{\
             \"connector.class\":\"milena.GeneratorSourceConnector\",\"topic\":\"users\",\"quickstart\":\"users\",\"throughput\":\"10\"}}}}'"
        );
        println!("\nCtrl-C stops everything.");
    }

    /// On a terminal, a line of records per second; otherwise nothing. Never ends.
    async fn show_rate(&self) {
        if self.pipeline.is_none() || !std::io::stdout().is_terminal() {
            return std::future::pending().await;
        }
        let mut last: Option<(Instant, u64)> = None;
        loop {
            if let Ok(end) = self.end_offset().await {
                let now = Instant::now();
                if let Some((before, count)) = last {
                    let rate = end.saturating_sub(count) as f64 / now.duration_since(before).as_secs_f64();
                    print!("\r{end} records in topic {TOPIC}, {rate:.0} per second   ");
                    // A terminal that is gone does not stop the pipeline.
                    _ = std::io::stdout().flush();
                }
                last = Some((now, end));
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn end_offset(&self) -> Result<u64> {
        let wanted = [(milena_kafka::TopicPartition::new(TOPIC, 0), OffsetSpec::Latest)].into_iter().collect();
        let mut ends = self.admin.list_offsets(&wanted).await?;
        let end = ends.pop_first().context("no answer")?.1?;
        Ok(end.offset.max(0) as u64)
    }

    async fn stop(self) {
        self.worker.stop().await;
        self.broker.stop().await;
        if let Some(dir) = self.scratch
            && let Err(error) = std::fs::remove_dir_all(&dir)
        {
            eprintln!("could not remove {}: {error}", dir.display());
        }
    }
}

async fn start_broker(port: u16, dir: Option<PathBuf>) -> Result<DevBroker> {
    let config =
        DevBrokerConfig { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), dir, ..DevBrokerConfig::default() };
    DevBroker::start(config).await.with_context(|| {
        format!("could not start the development broker on port {port}; choose another port, 0 takes any that is free")
    })
}

/// Creates source and sink of the sample; connectors are kept in memory only, so they are new at every start.
async fn create_pipeline(worker: &StandaloneWorker, options: &DevOptions, dir: &Path) -> Result<String> {
    let rate = options.rate.to_string();
    let (source, from): (Vec<(&str, String)>, String) = match &options.tail {
        Some(file) => (
            vec![
                ("connector.class", "FileStreamSource".to_owned()),
                ("file", file.display().to_string()),
                ("topic", TOPIC.to_owned()),
            ],
            file.display().to_string(),
        ),
        None => (
            vec![
                ("connector.class", "milena.GeneratorSourceConnector".to_owned()),
                ("topic", TOPIC.to_owned()),
                ("quickstart", "orders".to_owned()),
                ("throughput", rate.clone()),
                ("value.converter", "org.apache.kafka.connect.json.JsonConverter".to_owned()),
                ("value.converter.schemas.enable", "false".to_owned()),
            ],
            format!("generated orders ({rate} per second)"),
        ),
    };
    create(worker, "sample-source", source).await?;
    let file = dir.join("sample.txt").display().to_string();
    let sink = vec![
        ("connector.class", "FileStreamSink".to_owned()),
        ("topics", TOPIC.to_owned()),
        ("file", file.clone()),
        // The topic is made by the first record, which may come after the sink.
        ("consumer.override.metadata.max.age.ms", "1000".to_owned()),
    ];
    create(worker, "sample-sink", sink).await?;
    Ok(format!("{from} → topic {TOPIC} → {file}"))
}

async fn create(worker: &StandaloneWorker, name: &str, config: Vec<(&str, String)>) -> Result<()> {
    let mut config: ConfigInput = config.into_iter().map(|(key, value)| (key.to_owned(), Some(value))).collect();
    config.insert("name".to_owned(), Some(name.to_owned()));
    let created = worker.herder().put_connector_config(name, config, None, false).await;
    created.map(|_| ()).map_err(|error| anyhow!("could not create connector {name}: {error}"))
}
