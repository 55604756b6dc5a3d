//! Whether a request has left the process.

use std::sync::atomic::{AtomicU8, Ordering};

const WAITS: u8 = 0;
const LEFT: u8 = 1;
const HELD_BACK: u8 = 2;

/// Shared by whoever sends a request and the connection in whose queue it waits.
#[derive(Debug, Default)]
pub(crate) struct Departure(AtomicU8);

impl Departure {
    /// The first of its bytes is about to be given to the operating system. `false` if it must not be any more.
    pub(crate) fn leave(&self) -> bool {
        self.0.compare_exchange(WAITS, LEFT, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Holds it back if it has not left. `false` if it has: then the broker may have got it.
    pub(crate) fn hold_back(&self) -> bool {
        match self.0.compare_exchange(WAITS, HELD_BACK, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(state) => state == HELD_BACK,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_leaves_or_is_held_back_and_never_both() {
        let departure = Departure::default();
        assert!(departure.hold_back() && !departure.leave() && departure.hold_back());
        let departure = Departure::default();
        assert!(departure.leave() && !departure.hold_back() && !departure.hold_back());
    }
}
