//! HTTP mechanics, with a herder of fixed answers; the behaviour of Kafka Connect is judged by the scenarios of `tests/rest`.

mod client;
mod fake_herder;
mod http;
mod requests;
mod server;
