//! The only place of this crate that spawns: accept loops and connections, on the runtime that bound the server.

use std::future::Future;

use tokio::task::JoinHandle;

/// Starts work on the current runtime.
#[expect(clippy::disallowed_methods, reason = "this is the place of this crate that spawns")]
pub fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work)
}
