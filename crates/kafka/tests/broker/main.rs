//! The client against a real broker, whose address is in `MILENA_TEST_BOOTSTRAP`; without it each test says that it was left out.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure there is a failure of the test"
)]

mod admin;
mod consuming;
mod groups;
mod producing;
mod support;
