//! Rules of transactions.

mod atomic;
mod coordinator;
mod errors;
mod kills;
mod offsets;
mod support;
