//! Rules of producing.

mod deadlines;
mod kills;
mod order;
mod placement;
mod sizes;
mod support;
