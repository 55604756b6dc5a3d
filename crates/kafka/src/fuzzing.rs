//! Ways in for the fuzz targets of `fuzz/`; there only in their builds.

use bytes::Bytes;

pub use crate::consumer::fuzzing::fetched;
pub use crate::group::fuzzing::told_by_a_member;
pub use crate::net::fuzzing::{answer, answer_seeds, credentials};

/// Records as a fetch answer holds them, behind what [`fetched`] wants to know: all records are read, markers are left out.
pub fn fetched_seed(records: &[u8]) -> Vec<u8> {
    [&[0b11, 0, 1, 0, 1][..], records].concat()
}

/// Takes bytes off the front; zeros when there are no more.
pub(crate) fn front(data: &mut Bytes) -> u8 {
    use bytes::Buf;
    data.try_get_u8().unwrap_or(0)
}
