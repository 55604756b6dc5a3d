//! `HasHeaderKey`: true for records with a header of that name, whatever its value.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.predicates.HasHeaderKey`.

use milena_api::config::{ConfigDef, ConfigMap, Type, Validator};
use milena_api::error::Result;
use milena_api::record::Record;
use milena_api::transform::Predicate;

use crate::config::{definition, medium};

/// Looks for a header.
#[derive(Default)]
pub struct HasHeaderKey {
    name: String,
}

impl Predicate for HasHeaderKey {
    fn config(&self) -> Result<ConfigDef> {
        definition([medium("name", Type::String, "Name of the header.").validator(Validator::non_empty_string())])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        self.name = self.config()?.parse(config)?.string("name")?.to_owned();
        Ok(())
    }

    fn test(&mut self, record: &dyn Record) -> Result<bool> {
        Ok(record.headers.iter().any(|header| header.key == *self.name))
    }
}
