//! SASL: PLAIN and SCRAM.

mod authenticate;
mod context;
mod scram;

pub(super) use authenticate::{Exchange, authenticate};
pub(crate) use context::{Mechanism, SaslContext};
