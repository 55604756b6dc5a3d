//! What members of a group tell each other, for fuzzing.

use bytes::Bytes;

use super::protocol::{read_assignment, read_subscription};
use crate::fuzzing::front;

/// Reads a subscription or an assignment, as the first byte says.
pub fn told_by_a_member(data: &[u8]) {
    let mut data = Bytes::copy_from_slice(data);
    match front(&mut data) % 2 {
        0 => drop(read_subscription(data)),
        _ => drop(read_assignment(data)),
    }
}
