//! The keys of both connectors, named and typed as in Kafka.

use milena_api::config::{ConfigDef, ConfigKey, ConfigMap, Importance, Type, Validator};
use milena_api::data::Str;
use milena_api::{Error, Result};

const FILE: &str = "file";
const TOPIC: &str = "topic";
const BATCH_SIZE: &str = "batch.size";
/// Not part of the definition, which is Kafka's own to the letter.
const ROTATION: &str = "file.rotation";

/// The only key of a source partition.
pub static FILENAME: Str = Str::from_static("filename");

/// The only key of a source offset: bytes up to the end of a line.
pub static POSITION: Str = Str::from_static("position");

/// What to do about a file that is shorter than what was read of it, or that another file has taken the place of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// Fail when it is shorter, stay with the open file when it was replaced: nothing is skipped or repeated unseen.
    #[default]
    Fail,
    /// Read the file that is there now, from its start.
    Restart,
}

/// Configuration of the source.
#[derive(Clone, Debug, Default)]
pub struct SourceConfig {
    /// Path; `None` is standard input.
    pub filename: Option<String>,
    /// Target topic.
    pub topic: String,
    /// Most records of one poll, at least 1.
    pub batch_size: usize,
    /// See [`Rotation`].
    pub rotation: Rotation,
}

/// Configuration of the sink.
#[derive(Clone, Debug, Default)]
pub struct SinkConfig {
    /// Path; `None` is standard output.
    pub filename: Option<String>,
}

impl SourceConfig {
    /// The declared keys.
    pub fn definition() -> Result<ConfigDef> {
        Ok(ConfigDef::of([
            file("File to read lines from; standard input if it is not set."),
            ConfigKey::new(TOPIC, Type::String)
                .validator(Validator::non_empty_string())
                .importance(Importance::High)
                .doc("Topic that the lines are sent to."),
            ConfigKey::new(BATCH_SIZE, Type::Int)
                .default(2000)
                .importance(Importance::Low)
                .doc("Most records that the task hands over at a time."),
        ])?)
    }

    /// From the properties of a connector or task.
    pub fn parse(config: &ConfigMap) -> Result<Self> {
        let parsed = Self::definition()?.parse(config)?;
        let rotation = match config.get(ROTATION).map(|text| text.trim()) {
            None | Some("fail") => Rotation::Fail,
            Some("restart") => Rotation::Restart,
            Some(other) => {
                return Err(Error::config(format!(
                    "Invalid value {other} for configuration {ROTATION}: String must be one of: fail, restart"
                )));
            }
        };
        Ok(SourceConfig {
            filename: filename(parsed.opt_string(FILE)?),
            topic: parsed.string(TOPIC)?.to_owned(),
            batch_size: usize::try_from(parsed.int(BATCH_SIZE)?).unwrap_or(1).max(1),
            rotation,
        })
    }
}

impl SinkConfig {
    /// The declared keys.
    pub fn definition() -> Result<ConfigDef> {
        Ok(ConfigDef::of([file("File to append lines to; standard output if it is not set.")])?)
    }

    /// From the properties of a connector or task.
    pub fn parse(config: &ConfigMap) -> Result<Self> {
        let parsed = Self::definition()?.parse(config)?;
        Ok(SinkConfig { filename: filename(parsed.opt_string(FILE)?) })
    }
}

fn file(doc: &str) -> ConfigKey {
    ConfigKey::new(FILE, Type::String).default_null().importance(Importance::High).doc(doc)
}

fn filename(file: Option<&str>) -> Option<String> {
    file.filter(|file| !file.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> ConfigMap {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_definition_has_the_keys_types_defaults_and_importances_of_kafka() {
        let keys: Vec<_> = SourceConfig::definition().unwrap().infos();
        let shown: Vec<_> = keys
            .iter()
            .map(|key| (key.name.as_str(), key.ty, key.required, key.default_value.as_deref(), key.importance))
            .collect();
        assert_eq!(
            shown,
            [
                ("file", "STRING", false, None, "HIGH"),
                ("topic", "STRING", true, None, "HIGH"),
                ("batch.size", "INT", false, Some("2000"), "LOW"),
            ]
        );
    }

    #[test]
    fn an_empty_file_name_means_the_standard_streams() {
        let config = SourceConfig::parse(&map(&[("file", ""), ("topic", "t")])).unwrap();
        assert_eq!((config.filename, config.batch_size), (None, 2000));
        assert_eq!(SinkConfig::parse(&map(&[("file", "")])).unwrap().filename, None);
    }

    #[test]
    fn a_missing_or_empty_topic_and_an_unknown_rotation_are_refused() {
        let error = SourceConfig::parse(&map(&[])).unwrap_err();
        assert_eq!(error.to_string(), "Missing required configuration \"topic\" which has no default value.");
        let error = SourceConfig::parse(&map(&[("topic", "")])).unwrap_err();
        assert_eq!(error.to_string(), "Invalid value  for configuration topic: String must be non-empty");
        let error = SourceConfig::parse(&map(&[("topic", "t"), ("file.rotation", "detect")])).unwrap_err();
        assert!(error.to_string().ends_with("one of: fail, restart"), "{error}");
    }
}
