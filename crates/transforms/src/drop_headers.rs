//! `DropHeaders`: removes headers by name.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.DropHeaders`.

use milena_api::config::{ConfigDef, ConfigMap, DistinctList, Type};
use milena_api::error::Result;
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{definition, high};

/// Removes headers.
#[derive(Default)]
pub struct DropHeaders {
    names: Vec<String>,
}

impl Transformation for DropHeaders {
    fn config(&self) -> Result<ConfigDef> {
        definition([high("headers", Type::List, "Names of the headers to remove.").validator(DistinctList::any())])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        self.names = self.config()?.parse(config)?.list("headers")?.to_vec();
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        if !record.headers.is_empty() {
            record.headers.retain(|header| !self.names.iter().any(|name| header.key == **name));
        }
        Ok(Outcome::Keep)
    }
}
