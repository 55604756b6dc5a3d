//! Rules of transactions.

mod aborts;
mod atomic;
mod coordinator;
mod errors;
mod kills;
mod offsets;
mod support;
