//! `InsertHeader`: adds a header with a fixed value.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.InsertHeader`.

use milena_api::config::{ConfigDef, ConfigMap, Type, Validator};
use milena_api::data::{SchemaAndValue, Str, values};
use milena_api::error::Result;
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{definition, high};

/// Adds a header, behind any others of its name.
#[derive(Default)]
pub struct InsertHeader {
    name: Str,
    literal: SchemaAndValue,
}

impl Transformation for InsertHeader {
    fn config(&self) -> Result<ConfigDef> {
        definition([
            high("header", Type::String, "Name of the header.").validator(Validator::non_null()),
            high("value.literal", Type::String, "The value; its type is guessed as that of a header read from Kafka.")
                .validator(Validator::non_null()),
        ])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        self.name = Str::from(config.string("header")?);
        self.literal = values::parse_string(&Str::from(config.string("value.literal")?));
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        record.headers.add(self.name.clone(), self.literal.schema.clone(), self.literal.value.clone())?;
        Ok(Outcome::Keep)
    }
}
