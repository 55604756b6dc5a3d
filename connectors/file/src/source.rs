//! `FileStreamSourceConnector`: one task that reads one file.
//!
//! Counterpart: `org.apache.kafka.connect.file.FileStreamSourceConnector`.

use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::connector::{ConnectorContext, OffsetChanges, TaskConfigs};
use milena_api::data::{Map, Value};
use milena_api::source::{ExactlyOnceSupport, SourceConnector};
use milena_api::{Error, KAFKA_VERSION, Result};
use tracing::info;

use crate::config::{FILENAME, POSITION, SourceConfig};
use crate::source_task::FileStreamSourceTask;

/// Java class of the connector.
pub const CLASS: &str = "org.apache.kafka.connect.file.FileStreamSourceConnector";

const TASK_CLASS: &str = "org.apache.kafka.connect.file.FileStreamSourceTask";

/// Reads lines of a file, or of standard input, into a topic. Always one task: lines have an order.
#[derive(Default)]
pub struct FileStreamSourceConnector {
    config: ConfigMap,
}

impl SourceConnector for FileStreamSourceConnector {
    type Task = FileStreamSourceTask;

    fn version(&self) -> Result<String> {
        Ok(KAFKA_VERSION.to_owned())
    }

    fn config(&self) -> Result<ConfigDef> {
        SourceConfig::definition()
    }

    async fn initialize(&mut self, _context: ConnectorContext) -> Result<()> {
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        let parsed = SourceConfig::parse(&config)?;
        let file = parsed.filename.as_deref().unwrap_or("standard input");
        info!(file, "starting file source connector");
        self.config = config;
        Ok(())
    }

    fn task_class(&self) -> Result<String> {
        Ok(TASK_CLASS.to_owned())
    }

    async fn task_configs(&mut self, _max_tasks: usize) -> Result<TaskConfigs> {
        Ok(vec![self.config.clone()])
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }

    fn exactly_once_support(&self, config: &ConfigMap) -> Result<Option<ExactlyOnceSupport>> {
        // Nobody can go back in standard input.
        Ok(Some(match SourceConfig::parse(config)?.filename {
            Some(_) => ExactlyOnceSupport::Supported,
            None => ExactlyOnceSupport::Unsupported,
        }))
    }

    async fn alter_offsets(&mut self, config: &ConfigMap, offsets: &OffsetChanges) -> Result<bool> {
        if SourceConfig::parse(config)?.filename.is_none() {
            return Err(Error::fatal(
                "Offsets cannot be modified if the 'file' configuration is unspecified. \
                 This is because stdin is used for input and offsets are not tracked.",
            ));
        }
        for (partition, offset) in offsets {
            // A reset is always fine, so that anything odd in the store can be cleaned up. Partitions of files that the
            // connector read in the past are fine too.
            if let Some(offset) = offset {
                check_offset(offset)?;
                check_partition(partition.as_ref())?;
            }
        }
        Ok(true)
    }
}

fn check_offset(offset: &Map) -> Result<()> {
    match offset.get_str(&POSITION) {
        None => Err(Error::fatal("Offset objects should either be null or contain the key 'position'")),
        Some(Value::I64(position)) if *position < 0 => {
            Err(Error::fatal("The value for the 'position' key in the offset should be a non-negative value"))
        }
        Some(Value::I64(_)) => Ok(()),
        Some(_) => Err(Error::fatal("The value for the 'position' key in the offset is expected to be a Long value")),
    }
}

fn check_partition(partition: Option<&Map>) -> Result<()> {
    let Some(partition) = partition else { return Err(Error::fatal("Partition objects cannot be null")) };
    match partition.get_str(&FILENAME) {
        None => Err(Error::fatal("Partition objects should contain the key 'filename'")),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;

    async fn alter(config: &[(&str, &str)], partition: Option<Map>, offset: Option<Map>) -> Result<bool> {
        FileStreamSourceConnector::default().alter_offsets(&map(config), &vec![(partition, offset)]).await
    }

    fn one(key: &str, value: impl Into<Value>) -> Option<Map> {
        Some([(key.into(), value.into())].into_iter().collect())
    }

    #[tokio::test]
    async fn there_is_one_task_whatever_is_allowed() {
        let mut connector = FileStreamSourceConnector::default();
        let config = map(&[("file", "f"), ("topic", "t"), ("tasks.max", "7")]);
        connector.start(config.clone()).await.unwrap();
        assert_eq!(connector.task_configs(7).await.unwrap(), [config]);
    }

    #[test]
    fn only_a_file_can_be_read_exactly_once() {
        let support = |config| FileStreamSourceConnector::default().exactly_once_support(&map(config)).unwrap();
        assert_eq!(support(&[("file", "f"), ("topic", "t")]), Some(ExactlyOnceSupport::Supported));
        assert_eq!(support(&[("topic", "t")]), Some(ExactlyOnceSupport::Unsupported));
    }

    #[tokio::test]
    async fn offsets_are_altered_to_a_position_in_a_file_or_reset() {
        let config = [("file", "f"), ("topic", "t")];
        assert!(alter(&config, one("filename", "f"), one("position", 5i64)).await.unwrap());
        assert!(alter(&config, one("anything", "f"), None).await.unwrap());
        assert!(alter(&config, None, None).await.unwrap());
        let refused = [
            (
                one("filename", "f"),
                one("pos", 5i64),
                "Offset objects should either be null or contain the key 'position'",
            ),
            (
                one("filename", "f"),
                one("position", "5"),
                "The value for the 'position' key in the offset is expected to be a Long value",
            ),
            (
                one("filename", "f"),
                one("position", Value::Null),
                "The value for the 'position' key in the offset is expected to be a Long value",
            ),
            (
                one("filename", "f"),
                one("position", -1i64),
                "The value for the 'position' key in the offset should be a non-negative value",
            ),
            (None, one("position", 5i64), "Partition objects cannot be null"),
            (one("file", "f"), one("position", 5i64), "Partition objects should contain the key 'filename'"),
        ];
        for (partition, offset, text) in refused {
            assert_eq!(alter(&config, partition, offset).await.unwrap_err().to_string(), text);
        }
        let error = alter(&[("topic", "t")], one("filename", "f"), one("position", 5i64)).await.unwrap_err();
        assert!(
            error.to_string().starts_with("Offsets cannot be modified if the 'file' configuration is unspecified.")
        );
    }
}
