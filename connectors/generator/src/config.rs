//! The generator's keys.

use milena_api::Result;
use milena_api::config::{ConfigDef, ConfigKey, ConfigMap, Importance, Type, Validator};

use crate::data_set;

/// Number of the task, added to each task's configuration.
pub const TASK: &str = "generator.task";
/// Number of tasks, added to each task's configuration.
pub const TASKS: &str = "generator.tasks";

/// What values without a data set are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// STRING.
    Text,
    /// BYTES.
    Bytes,
}

/// Configuration of the generator and of its tasks.
#[derive(Clone, Debug)]
pub struct GeneratorConfig {
    /// Target topic.
    pub topic: String,
    /// Records of all tasks together; `None` without end.
    pub messages: Option<u64>,
    /// Bytes of a value without a data set.
    pub message_size: usize,
    /// Records of one poll.
    pub batch_size: usize,
    /// Records per second of all tasks together; `None` as fast as they go.
    pub throughput: Option<u64>,
    /// Name of a data set.
    pub quickstart: Option<String>,
    /// Which field of the data set is the key.
    pub key_field: Option<String>,
    /// What values without a data set are.
    pub format: Format,
    /// What the data sets' numbers depend on.
    pub seed: u64,
}

impl GeneratorConfig {
    /// The keys.
    pub fn definition() -> Result<ConfigDef> {
        let key = |name: &str, ty, importance, doc: &str| ConfigKey::new(name, ty).importance(importance).doc(doc);
        Ok(ConfigDef::of([
            key("topic", Type::String, Importance::High, "Topic that the records are sent to.")
                .validator(Validator::non_empty_string()),
            key(
                "quickstart",
                Type::String,
                Importance::High,
                "Ready-made data set with schemas; without one, all values are the same.",
            )
            .default_null()
            .validator(Validator::one_of(data_set::NAMES).or_null()),
            key(
                "messages",
                Type::Long,
                Importance::Medium,
                "Number of records that all tasks make together; -1 for no end.",
            )
            .default(-1)
            .validator(Validator::at_least(-1)),
            key(
                "throughput",
                Type::Long,
                Importance::Medium,
                "Records per second that all tasks make together; -1 for no limit.",
            )
            .default(-1)
            .validator(Validator::at_least(-1)),
            key("message.size", Type::Int, Importance::Medium, "Bytes of a value, where no data set is chosen.")
                .default(100)
                .validator(Validator::at_least(0)),
            key(
                "format",
                Type::String,
                Importance::Medium,
                "What a value is where no data set is chosen: text, or bytes without a schema's text.",
            )
            .default("text")
            .validator(Validator::one_of(["bytes", "text"])),
            key(
                "key.field",
                Type::String,
                Importance::Low,
                "Field of the data set that becomes the key; each data set has a default.",
            )
            .default_null(),
            key("batch.size", Type::Int, Importance::Low, "Records that a task hands over at a time.")
                .default(1000)
                .validator(Validator::between(1, 1_000_000)),
            key("seed", Type::Long, Importance::Low, "Another number gives other records of the same data set.")
                .default(1),
        ])?)
    }

    /// From the properties of a connector or task.
    pub fn parse(config: &ConfigMap) -> Result<Self> {
        let parsed = Self::definition()?.parse(config)?;
        let limit = |name: &str| parsed.long(name).map(|limit| u64::try_from(limit).ok());
        Ok(GeneratorConfig {
            topic: parsed.string("topic")?.to_owned(),
            messages: limit("messages")?,
            message_size: usize::try_from(parsed.int("message.size")?).unwrap_or(0),
            batch_size: usize::try_from(parsed.int("batch.size")?).unwrap_or(1),
            throughput: limit("throughput")?.filter(|rate| *rate > 0),
            quickstart: parsed.opt_string("quickstart")?.map(str::to_owned),
            key_field: parsed.opt_string("key.field")?.map(str::to_owned),
            format: if parsed.string("format")? == "bytes" { Format::Bytes } else { Format::Text },
            seed: parsed.long("seed")? as u64,
        })
    }
}
