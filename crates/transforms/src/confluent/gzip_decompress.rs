//! `GzipDecompress`: unpacks a key or value of gzip's bytes.
//!
//! Counterpart: `io.confluent.connect.transforms.GzipDecompress`.

use std::io::Read;
use std::marker::PhantomData;

use flate2::read::MultiGzDecoder;
use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::data::Value;
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::definition;
use crate::side::Side;

/// A few kilobytes can unpack to gigabytes; an array of Java, and with it a value there, ends here.
const MAX_LEN: u64 = i32::MAX as u64;

/// Unpacks bytes; the schema stays.
#[derive(Default)]
pub struct GzipDecompress<S> {
    side: PhantomData<fn() -> S>,
}

impl<S: Side> Transformation for GzipDecompress<S> {
    fn config(&self) -> Result<ConfigDef> {
        definition([])
    }

    fn configure(&mut self, _: &ConfigMap) -> Result<()> {
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        let bytes = match S::value(record) {
            Value::Null => return Ok(Outcome::Keep),
            Value::Bytes(bytes) => bytes,
            other => {
                return Err(Error::data(format!("GzipDecompress unpacks bytes only, found: {}", other.java_class())));
            }
        };
        let mut unpacked = Vec::new();
        let read = MultiGzDecoder::new(&bytes[..]).take(MAX_LEN + 1).read_to_end(&mut unpacked);
        read.map_err(|error| Error::data(format!("the bytes are not those of gzip: {error}")).with_source(error))?;
        if unpacked.len() as u64 > MAX_LEN {
            return Err(Error::data(format!("the unpacked bytes are more than {MAX_LEN}")));
        }
        *S::parts(record).1 = Value::Bytes(unpacked.into());
        Ok(Outcome::Keep)
    }
}
