//! The workloads: what a connector has to do, and when it is done.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indexmap::IndexMap;
use milena_kafka::admin::{Admin, NewTopic, OffsetSpec};
use milena_kafka::config::AdminConfig;
use milena_testkit::worker::{Kind, Standalone};
use serde_json::{Value, json};
use tempfile::TempDir;

const PARTITIONS: i32 = 4;

/// Alias, class and settings of a transformation.
type Stage = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// One thing that both workers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// 100 B values, ByteArrayConverter, counted.
    NullSinkBytes,
    /// 1 kB values, ByteArrayConverter, counted.
    NullSinkKilobyte,
    /// 100 B values, StringConverter, counted.
    NullSinkString,
    /// 100 B texts made in the task.
    Generator,
    /// 100 B lines of a file.
    FileSource,
    /// 100 B values to lines of a file.
    FileSink,
    /// JSON of about 200 B without a schema, parsed and counted.
    Json,
    /// The same data in the schema envelope.
    JsonSchema,
    /// The data without a schema, through five transformations.
    Transformations,
    /// 100 B lines of a file, each made a struct and written in the schema envelope.
    JsonSchemaWritten,
}

impl Workload {
    /// All, in the order in which they run.
    pub const ALL: [Workload; 10] = [
        Workload::NullSinkBytes,
        Workload::NullSinkString,
        Workload::NullSinkKilobyte,
        Workload::Generator,
        Workload::FileSource,
        Workload::FileSink,
        Workload::Json,
        Workload::JsonSchema,
        Workload::Transformations,
        Workload::JsonSchemaWritten,
    ];

    /// Name in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Workload::NullSinkBytes => "null sink, 100 B, bytes",
            Workload::NullSinkKilobyte => "null sink, 1 kB, bytes",
            Workload::NullSinkString => "null sink, 100 B, String",
            Workload::Generator => "generator source, 100 B, String",
            Workload::FileSource => "file source, 100 B lines",
            Workload::FileSink => "file sink, 100 B lines",
            Workload::Json => "JSON without schema",
            Workload::JsonSchema => "JSON with schema envelope",
            Workload::Transformations => "five transformations of JSON without schema",
            Workload::JsonSchemaWritten => "file source, JSON with schema envelope",
        }
    }

    /// Topic that holds the input.
    fn input(self) -> Option<&'static str> {
        match self {
            Workload::NullSinkBytes | Workload::NullSinkString | Workload::FileSink => Some("bench-100"),
            Workload::NullSinkKilobyte => Some("bench-1000"),
            Workload::Json | Workload::Transformations => Some("bench-json"),
            Workload::JsonSchema => Some("bench-json-schema"),
            Workload::Generator | Workload::FileSource | Workload::JsonSchemaWritten => None,
        }
    }

    fn converter(self) -> &'static str {
        match self {
            Workload::NullSinkBytes | Workload::NullSinkKilobyte => {
                "org.apache.kafka.connect.converters.ByteArrayConverter"
            }
            Workload::Json | Workload::JsonSchema | Workload::Transformations | Workload::JsonSchemaWritten => {
                "org.apache.kafka.connect.json.JsonConverter"
            }
            _ => "org.apache.kafka.connect.storage.StringConverter",
        }
    }

    /// Whether JSON is in the schema envelope.
    const fn has_schemas(self) -> bool {
        matches!(self, Workload::JsonSchema | Workload::JsonSchemaWritten)
    }

    /// Transformations, in their order.
    fn transformations(self) -> &'static [Stage] {
        match self {
            Workload::Transformations => &[
                ("flat", "Flatten$Value", &[("delimiter", "_")]),
                (
                    "names",
                    "ReplaceField$Value",
                    &[("renames", "itemid:item,address_city:city"), ("exclude", "address_state")],
                ),
                ("types", "Cast$Value", &[("spec", "orderid:string,orderunits:float32")]),
                ("origin", "InsertField$Value", &[("static.field", "origin"), ("static.value", "shop")]),
                ("mask", "MaskField$Value", &[("fields", "address_zipcode")]),
            ],
            Workload::JsonSchemaWritten => &[("row", "HoistField$Value", &[("field", "line")])],
            _ => &[],
        }
    }
}

/// Broker, files and topics that the workloads share.
pub struct Setup {
    /// Bootstrap list.
    pub bootstrap: String,
    /// Records per run.
    pub records: u64,
    admin: Admin,
    dir: TempDir,
}

impl Setup {
    /// A setup on this broker.
    pub fn new(bootstrap: &str, records: u64) -> Result<Self> {
        let properties: IndexMap<String, String> =
            [("bootstrap.servers".to_owned(), bootstrap.to_owned())].into_iter().collect();
        let admin = Admin::new(AdminConfig::from_properties(&properties)?)?;
        Ok(Setup { bootstrap: bootstrap.to_owned(), records, admin, dir: TempDir::new()? })
    }

    /// Fills what the workload reads, once.
    pub async fn prepare(&self, workload: Workload) -> Result<()> {
        if matches!(workload, Workload::FileSource | Workload::JsonSchemaWritten) && !self.lines().exists() {
            let mut file = BufWriter::new(fs::File::create(self.lines())?);
            for i in 0..self.records {
                writeln!(file, "{i:0>100}")?;
            }
            file.flush()?;
        }
        let Some(topic) = workload.input() else { return Ok(()) };
        if self.admin.list_topics().await?.iter().any(|name| **name == *topic) {
            return Ok(());
        }
        self.create(topic).await?;
        let (converter, schemas) = match workload {
            Workload::Json | Workload::Transformations => ("org.apache.kafka.connect.json.JsonConverter", "false"),
            Workload::JsonSchema => ("org.apache.kafka.connect.json.JsonConverter", "true"),
            _ => ("org.apache.kafka.connect.storage.StringConverter", "false"),
        };
        let mut worker = Standalone::new(Kind::Milena, &self.bootstrap).start().await?;
        let mut config = json!({
            "connector.class": "milena.GeneratorSourceConnector",
            "topic": topic,
            "messages": self.records.to_string(),
            "message.size": if workload == Workload::NullSinkKilobyte { "1000" } else { "100" },
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": converter,
        });
        if converter.ends_with("JsonConverter") {
            config["quickstart"] = json!("orders");
            config["value.converter.schemas.enable"] = json!(schemas);
        }
        worker.put_connector("fill", &config).await?;
        self.wait("the input topic", Duration::from_secs(600), || self.end_offsets(topic)).await?;
        worker.stop(Duration::from_secs(30)).await?;
        Ok(())
    }

    /// Configuration of the connector under test and how to see how far it is; each run has its own names.
    pub async fn connector(&self, workload: Workload, run: &str) -> Result<(Value, Destination)> {
        let converter = workload.converter();
        let mut config = json!({
            "tasks.max": "1",
            "key.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
            "value.converter": converter,
        });
        if converter.ends_with("JsonConverter") {
            config["value.converter.schemas.enable"] = json!(workload.has_schemas().to_string());
        }
        let transformations = workload.transformations();
        if !transformations.is_empty() {
            config["transforms"] =
                json!(transformations.iter().map(|(alias, ..)| *alias).collect::<Vec<_>>().join(","));
        }
        for (alias, class, settings) in transformations {
            config[format!("transforms.{alias}.type")] = json!(format!("org.apache.kafka.connect.transforms.{class}"));
            for (key, value) in *settings {
                config[format!("transforms.{alias}.{key}")] = json!(value);
            }
        }
        let destination = match workload {
            Workload::Generator | Workload::FileSource | Workload::JsonSchemaWritten => {
                let topic = format!("bench-out-{run}");
                self.create(&topic).await?;
                config["topic"] = json!(topic);
                if workload == Workload::Generator {
                    config["connector.class"] = json!("milena.GeneratorSourceConnector");
                    config["messages"] = json!(self.records.to_string());
                } else {
                    config["connector.class"] = json!("FileStreamSource");
                    config["file"] = json!(self.lines());
                }
                Destination::Topic(topic)
            }
            Workload::FileSink => {
                let file = self.dir.path().join(format!("out-{run}.txt"));
                config["connector.class"] = json!("FileStreamSink");
                config["topics"] = json!(workload.input());
                config["file"] = json!(file);
                Destination::File { file, bytes: self.records * 101 }
            }
            _ => {
                config["connector.class"] = json!("milena.NullSinkConnector");
                config["topics"] = json!(workload.input());
                Destination::Group(format!("connect-{run}"))
            }
        };
        Ok((config, destination))
    }

    /// Waits until all records are at the destination.
    pub async fn wait_for(&self, destination: &Destination) -> Result<()> {
        let limit = Duration::from_secs(600);
        match destination {
            Destination::Topic(topic) => self.wait(topic, limit, || self.end_offsets(topic)).await,
            Destination::Group(group) => self.wait(group, limit, || self.committed(group)).await,
            Destination::File { file, bytes } => {
                let length = || async { Ok(fs::metadata(file).map_or(0, |found| found.len()) * self.records / bytes) };
                self.wait("the file", limit, length).await
            }
        }
    }

    async fn wait<F>(&self, what: &str, limit: Duration, question: impl Fn() -> F) -> Result<()>
    where
        F: Future<Output = Result<u64>>,
    {
        let until = tokio::time::Instant::now() + limit;
        loop {
            let found = question().await?;
            if found >= self.records {
                return Ok(());
            }
            if tokio::time::Instant::now() > until {
                bail!("{found} of {} records in {what} after {} s", self.records, limit.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn create(&self, topic: &str) -> Result<()> {
        for (_, created) in self.admin.create_topics(vec![NewTopic::new(topic, PARTITIONS, 1)]).await? {
            created.with_context(|| format!("creating topic {topic}"))?;
        }
        Ok(())
    }

    async fn end_offsets(&self, topic: &str) -> Result<u64> {
        let asked: BTreeMap<_, _> = (0..PARTITIONS)
            .map(|partition| (milena_kafka::TopicPartition::new(topic, partition), OffsetSpec::Latest))
            .collect();
        let ends = self.admin.list_offsets(&asked).await?;
        Ok(ends.values().filter_map(|end| end.as_ref().ok()).map(|end| end.offset.max(0) as u64).sum())
    }

    async fn committed(&self, group: &str) -> Result<u64> {
        let stored = self.admin.list_consumer_group_offsets(group).await?;
        Ok(stored.values().map(|committed| committed.offset.max(0) as u64).sum())
    }

    fn lines(&self) -> PathBuf {
        self.dir.path().join("lines.txt")
    }
}

/// Where the records of a run end up.
pub enum Destination {
    /// End offsets of a topic.
    Topic(String),
    /// Committed offsets of a consumer group.
    Group(String),
    /// Bytes of a file.
    File {
        /// The file.
        file: PathBuf,
        /// Its length when all is there.
        bytes: u64,
    },
}
