//! TLS in Java's terms: key stores, trust stores, protocol and cipher names, on rustls.

mod client_key;
mod context;
mod der;
mod failure;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod jks;
mod pem;
mod pkcs12;
mod settings;
mod store;
mod verifier;
mod version1;

#[cfg(test)]
mod tests;

pub(crate) use context::TlsContext;
pub(super) use failure::{handshake_failure, refusal};
pub(crate) use settings::{StoreSource, TlsSettings, TlsVersions};
