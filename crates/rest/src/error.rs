//! `Error`: why the REST server could not be started.

use std::io;

/// Result of starting the server.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the REST server could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A property has a value that cannot be used.
    #[error("invalid value for `{key}`: {reason}")]
    Config {
        /// The worker property.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The address of a listener is taken.
    #[error(
        "cannot listen on {listener}: the address is in use. Stop the process that has it, or set `{key}` to another port (port 0 takes any free one)"
    )]
    AddressInUse {
        /// The worker property.
        key: &'static str,
        /// The listener as configured.
        listener: String,
        /// What the system said.
        source: io::Error,
    },
    /// A listener could not be opened for another reason.
    #[error(
        "cannot listen on {listener}: {source}. Check that the host in `{key}` is an address of this machine and that the port is allowed"
    )]
    Listen {
        /// The worker property.
        key: &'static str,
        /// The listener as configured.
        listener: String,
        /// What the system said.
        source: io::Error,
    },
}
