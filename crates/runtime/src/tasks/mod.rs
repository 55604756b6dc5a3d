//! The only place that spawns. Work has a kind, a name and a log context; a panic becomes an error of that work alone.
//!
//! Two Tokio runtimes: *control* serves REST, herders, stores and group membership; *data* runs connector tasks. Connector-level
//! plug-in calls may block, so they run on the control runtime's blocking threads, see [`Spawner::call`].

mod spawner;

pub use spawner::{CallError, Handle, Kind, Spawner, panic_text};
