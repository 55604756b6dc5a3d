//! The only place of this crate that starts tasks.

use std::future::Future;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::{AbortHandle, JoinHandle};

/// Runs `future` on the current runtime. It ends by itself when its client is gone, or is aborted by its [`Owned`] handle.
#[expect(clippy::disallowed_methods, reason = "this is the crate's own spawner")]
pub(crate) fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future)
}

/// A task that must not outlive its owner.
#[derive(Debug)]
pub(crate) struct Owned(AbortHandle);

impl Owned {
    pub(crate) fn spawn<F>(future: F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self(spawn(future).abort_handle())
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs what blocks on a thread for such; `None` if it panicked or the runtime ends.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// Starts what blocks on a thread for such; nobody waits for it. If the runtime ends before it begins it is dropped.
pub(crate) fn start_blocking(work: impl FnOnce() + Send + 'static) {
    tokio::task::spawn_blocking(work);
}

/// Runs what blocks where it is called. The other tasks of the thread are given to another one before, where the runtime has several.
pub(crate) fn blocking_here<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
