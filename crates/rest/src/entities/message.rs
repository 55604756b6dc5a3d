//! A sentence about what was done. Counterpart: …rest.entities.Message.

use serde::Serialize;

/// A sentence about what was done.
#[derive(Serialize)]
pub struct MessageBody<'a> {
    /// The sentence.
    pub message: &'a str,
}
