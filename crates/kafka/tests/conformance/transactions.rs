//! Rules of transactions.

mod atomic;
mod coordinator;
mod errors;
mod offsets;
mod support;
