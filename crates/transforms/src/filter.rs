//! `Filter`: drops every record it is applied to; made for predicates.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.Filter`.

use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::error::Result;
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

/// Drops records.
#[derive(Default)]
pub struct Filter;

impl Transformation for Filter {
    fn config(&self) -> Result<ConfigDef> {
        Ok(ConfigDef::new())
    }

    fn configure(&mut self, _config: &ConfigMap) -> Result<()> {
        Ok(())
    }

    fn apply(&mut self, _record: &mut dyn Record) -> Result<Outcome> {
        Ok(Outcome::Drop)
    }
}
