//! `TombstoneHandler`: what to do about records without a value.
//!
//! Counterpart: `io.confluent.connect.transforms.TombstoneHandler`.

use milena_api::config::{ConfigDef, ConfigMap, Type, Validator};
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{definition, high};

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Behavior {
    #[default]
    Warn,
    Ignore,
    Fail,
}

/// Drops tombstones, or fails.
#[derive(Default)]
pub struct TombstoneHandler {
    behavior: Behavior,
}

impl Transformation for TombstoneHandler {
    fn config(&self) -> Result<ConfigDef> {
        let doc = "What to do about a record whose value is null: warn drops it with a warning in the log, ignore drops it, fail fails.";
        definition([high("behavior", Type::String, doc)
            .default("warn")
            .validator(Validator::one_of_ignoring_case(["warn", "ignore", "fail"]))])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        self.behavior = match config.string("behavior")?.to_ascii_lowercase().as_str() {
            "ignore" => Behavior::Ignore,
            "fail" => Behavior::Fail,
            _ => Behavior::Warn,
        };
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        if !record.value.is_null() {
            return Ok(Outcome::Keep);
        }
        match self.behavior {
            Behavior::Fail => {
                return Err(Error::data(format!("Tombstone record encountered, and behavior is 'fail': {record}")));
            }
            Behavior::Warn => {
                tracing::warn!(topic = %record.topic, "a record without a value is dropped by TombstoneHandler")
            }
            Behavior::Ignore => {
                tracing::debug!(topic = %record.topic, "a record without a value is dropped by TombstoneHandler")
            }
        }
        Ok(Outcome::Drop)
    }
}
