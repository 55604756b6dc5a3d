//! Key stores, for fuzzing.

use super::{jks, pem};

/// Reads Java's own format, or text.
pub(crate) fn store(data: &[u8]) {
    match std::str::from_utf8(data) {
        Ok(text) => drop(pem::read(text, None)),
        Err(_) => drop(jks::read(data, None, Some("password"))),
    }
}
