//! What the rules share: brokers of every kind, clients of them, topics of their own, records in and out.

mod clients;
mod dev_secure;
mod harness;
mod java;
mod rule;

pub use clients::*;
pub use harness::Harness;
pub use java::JavaProgram;
pub(crate) use rule::rule;
