//! Rules of producing.

mod deadlines;
mod kills;
mod memory;
mod order;
mod placement;
mod sizes;
mod support;
