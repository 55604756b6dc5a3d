//! `GzipDecompress`: unpacks a key or value of gzip's bytes.
//!
//! Counterpart: `io.confluent.connect.transforms.GzipDecompress`.

use std::io::Read;
use std::marker::PhantomData;

use flate2::bufread::GzDecoder;
use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::data::Value;
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::definition;
use crate::side::Side;

/// A few kilobytes can unpack to gigabytes: more than 256 MiB are refused.
const MAX_LEN: u64 = 256 << 20;

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
        let unpacked = unpack(bytes)?;
        *S::parts(record).1 = Value::Bytes(unpacked.into());
        Ok(Outcome::Keep)
    }
}

/// All members of a file. As in Java, what follows the first and is none is ignored.
fn unpack(bytes: &[u8]) -> Result<Vec<u8>> {
    let (mut unpacked, mut rest) = (Vec::new(), bytes);
    loop {
        let mut member = GzDecoder::new(rest);
        let room = MAX_LEN + 1 - unpacked.len() as u64;
        match member.by_ref().take(room).read_to_end(&mut unpacked) {
            Err(_) if member.header().is_none() && rest.len() < bytes.len() => return Ok(unpacked),
            Err(error) => {
                return Err(Error::data(format!("the bytes are not those of gzip: {error}")).with_source(error));
            }
            Ok(_) if unpacked.len() as u64 > MAX_LEN => {
                return Err(Error::data(format!("the unpacked bytes are more than {MAX_LEN}")));
            }
            Ok(_) => rest = member.into_inner(),
        }
        if rest.is_empty() {
            return Ok(unpacked);
        }
    }
}
