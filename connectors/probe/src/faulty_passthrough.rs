//! `FaultyPassthrough`: passes everything but two values.

use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};
use milena_api::{Error, Result};

/// Fails for `value-4` once, and for `value-7` always.
#[derive(Default)]
pub struct FaultyPassthrough {
    failed_once: bool,
}

impl Transformation for FaultyPassthrough {
    fn config(&self) -> Result<ConfigDef> {
        Ok(ConfigDef::new())
    }

    fn configure(&mut self, _config: &ConfigMap) -> Result<()> {
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        match record.value.as_str() {
            Some("value-4") if !self.failed_once => {
                self.failed_once = true;
                Err(Error::retriable("Error when value='value-4'. A reattempt with this record will succeed."))
            }
            Some("value-7") => Err(Error::retriable("Error when value='value-7'")),
            _ => Ok(Outcome::Keep),
        }
    }
}

#[cfg(test)]
mod tests {
    use milena_api::data::Value;
    use milena_api::record::{ConnectRecord, SourceRecord};

    use super::*;

    #[test]
    fn one_value_fails_once_and_another_always() {
        let mut faulty = FaultyPassthrough::default();
        let mut apply = |value: &str| {
            let record = ConnectRecord::new("t", None, Value::from(value));
            faulty.apply(&mut SourceRecord::new(record, None, None))
        };
        assert!(apply("value-4").unwrap_err().is_retriable());
        assert_eq!(apply("value-4").unwrap(), Outcome::Keep);
        assert!(apply("value-7").is_err() && apply("value-7").is_err());
        assert_eq!(apply("value-8").unwrap(), Outcome::Keep);
    }
}
