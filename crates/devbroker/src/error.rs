//! What can go wrong when the broker is started or controlled; what goes wrong with a request is answered in the protocol.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Result of the broker's own calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the broker did not start or do what it was told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is in use or not one of this machine.
    #[error(
        "cannot listen on {address} for the development broker: {source}; choose another port, or 0 for any free one"
    )]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Another broker uses the folder.
    #[error("the data folder {dir} is in use by another development broker; stop it or choose another folder")]
    DirInUse {
        /// The data folder.
        dir: PathBuf,
    },
    /// A file of the data folder cannot be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was being done, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The journal of the data folder was written by something else.
    #[error("{path} is not a journal of this development broker: {reason}; move the folder away or choose another one")]
    Journal {
        /// The journal.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// Certificates or keys that cannot be used.
    #[error("the development broker cannot offer TLS: {reason}")]
    Tls {
        /// What is missing or wrong.
        reason: String,
    },
    /// A node that this broker does not simulate.
    #[error("there is no node {node}: this development broker has nodes 1 to {nodes}")]
    NoSuchNode {
        /// The node that was asked for.
        node: i32,
        /// How many there are.
        nodes: usize,
    },
    /// A node that would have to be up.
    #[error("node {node} is down and can neither lead nor coordinate; start it first")]
    NodeIsDown {
        /// The node that was asked for.
        node: i32,
    },
    /// A partition that does not exist.
    #[error("there is no partition {partition} of a topic {topic}; create the topic first")]
    NoSuchPartition {
        /// The topic's name.
        topic: String,
        /// The partition's index.
        partition: i32,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }
}
