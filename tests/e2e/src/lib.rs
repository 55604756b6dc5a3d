//! What the black-box tests share: a broker, a folder, connector files, and a ledger of the lines that came out.
//!
//! The tests start the `milena` that `MILENA_BIN` names, or the one that was built beside them, on the broker that `MILENA_TEST_BOOTSTRAP` names, or
//! on one of their own. `cargo xtask ci` sets both. Long tests are marked `#[ignore]` and run by `cargo xtask full`.

mod bench;
mod ledger;

pub use bench::{Bench, failed_task_trace, file_holds, position_is, status_where};
pub use ledger::{Ledger, numbered_lines};
