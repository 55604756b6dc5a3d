//! Connections to brokers, and what is known about the cluster behind them.

mod address;
mod cluster;
mod connect;
mod connection;
mod metadata;
mod versions;

pub(crate) use address::Address;
pub(crate) use cluster::{Cluster, Lane, Target};
pub(crate) use connection::{Connection, decode_response, encode_request};
pub(crate) use metadata::{Endpoint, Metadata, NewLeader, TopicsWanted};
