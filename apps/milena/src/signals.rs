//! Waits for the signal to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Resolves at SIGINT or SIGTERM; gives its name.
///
/// # Errors
/// The handlers cannot be installed.
pub async fn stop_requested() -> std::io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
