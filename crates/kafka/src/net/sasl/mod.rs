//! SASL: PLAIN and SCRAM.

mod authenticate;
mod context;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod scram;

pub(super) use authenticate::{Exchange, authenticate};
pub(crate) use context::{Mechanism, SaslContext};
