//! The one place of this crate that starts tasks.

use std::future::Future;
use tokio::task::JoinHandle;

/// Starts a task of the broker on the current runtime. A panic ends that task only, which closes its connection.
#[expect(clippy::disallowed_methods, reason = "this is the crate's own spawner")]
pub(crate) fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future)
}
