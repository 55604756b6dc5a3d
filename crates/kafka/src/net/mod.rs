//! Connections to brokers, and what is known about the cluster behind them.

mod address;
#[rustfmt::skip]
mod answer_shapes;
mod cluster;
mod connect;
mod connection;
mod departure;
mod driver;
mod fifo;
mod frame;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod lookups;
mod metadata;
mod resolve;
mod sasl;
mod stream;
#[cfg(test)]
mod tests;
mod throttle;
mod tls;
mod untrusted;
mod versions;

pub(crate) use address::Address;
pub(crate) use cluster::{Cluster, Lane, Target};
pub(crate) use connection::Connection;
pub(crate) use departure::Departure;
pub(crate) use frame::{decode_response, encode_request};
pub(crate) use metadata::{Endpoint, Metadata, NewLeader, TopicsWanted};
pub(crate) use sasl::{Mechanism, SaslContext};
pub(crate) use tls::{StoreSource, TlsContext, TlsSettings, TlsVersions};
pub(crate) use untrusted::{check_assignment, check_subscription};
