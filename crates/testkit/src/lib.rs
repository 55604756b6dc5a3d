//! What black-box tests stand on: a real Kafka broker, worker processes (Milena's or Kafka's own), and a runner for REST scenarios.
//!
//! - [`kafka`]: starts, stops, pauses and kills the real broker through `reference/kafka`;
//! - [`secure_kafka`]: the same with TLS, SASL and ACLs;
//! - [`toxiproxy`]: a proxy that delays, cuts and throttles connections to it;
//! - [`worker`]: starts `connect-standalone` as a process, waits for its REST API, reads its memory and CPU time;
//! - [`http`]: one request, one response, without a pool;
//! - [`rest_scenario`]: the YAML files of `tests/rest`, run unchanged against both kinds of worker.
//!
//! Tests use this crate as a dev-dependency; nothing of it is part of the product, and nothing here is covered by a stability promise.
#![deny(missing_docs)]

pub mod http;
pub mod kafka;
pub mod port;
mod reaper;
pub mod reference;
pub mod rest_scenario;
pub mod secure_kafka;
pub mod toxiproxy;
pub mod worker;
