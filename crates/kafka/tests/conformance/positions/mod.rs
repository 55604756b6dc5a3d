//! Rules of positions: where reading begins, goes on, and what it leaves out.

mod faults;
mod leaders;
mod memory;
mod records;
mod resets;
mod waiting;
