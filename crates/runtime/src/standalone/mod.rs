//! The standalone worker: one process, configurations in memory, offsets in a file.

mod herder;
mod offsets;

pub use herder::{Hold, StandaloneHerder, StandaloneParts};
