//! The rules of a Kafka client, each a named test on every kind of broker that can show it. `RULES.md` beside this file lists them.
//!
//! A rule runs on the embedded development broker (`dev`), on the real Kafka (`real`, or `own` where the test kills it), on three real nodes
//! (`cluster`), on a secured one (`secure`), or on one behind toxiproxy (`proxy`). `MILENA_TEST_BOOTSTRAP` names a shared real broker; without it one is
//! started. Rules about faults are run `MILENA_REPEAT` times (1 unless set).

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure there is a failure of the test, and its tasks end with it"
)]

mod administration;
mod configuration;
mod connections;
mod fake_broker;
mod groups;
mod metrics;
mod positions;
mod producing;
mod scale;
mod security;
#[allow(dead_code, unused_imports, reason = "not every build of the rules uses every helper")]
mod support;
mod table;
mod transactions;
