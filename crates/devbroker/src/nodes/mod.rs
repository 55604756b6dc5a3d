//! The simulated nodes of one broker process: who leads, who coordinates, who is up, and where each one listens.
//!
//! All nodes share one storage, one group coordinator and one transaction coordinator; what differs by node is which requests it takes.
//! So a "replica" never lags, and moving a leader costs nothing but the change of its epoch.

mod cluster;
mod control;
mod listening;

pub use cluster::Coordinated;
pub(crate) use cluster::{Cluster, Node};
pub(crate) use control::Sockets;
pub(crate) use listening::{Listening, Reserved};
