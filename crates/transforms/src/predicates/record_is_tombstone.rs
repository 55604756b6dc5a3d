//! `RecordIsTombstone`: true for records without value.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.predicates.RecordIsTombstone`.

use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::error::Result;
use milena_api::record::Record;
use milena_api::transform::Predicate;

/// Looks for a null value.
#[derive(Default)]
pub struct RecordIsTombstone;

impl Predicate for RecordIsTombstone {
    fn config(&self) -> Result<ConfigDef> {
        Ok(ConfigDef::new())
    }

    fn configure(&mut self, _config: &ConfigMap) -> Result<()> {
        Ok(())
    }

    fn test(&mut self, record: &dyn Record) -> Result<bool> {
        Ok(record.value.is_null())
    }
}
