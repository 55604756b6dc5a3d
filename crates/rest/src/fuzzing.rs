//! A way in for those who put any bytes to the readers of bodies.

use crate::entities::{CreateConnectorRequest, read_offsets};
use crate::json::{self, Node};

/// Reads a body as each endpoint with a body does.
pub fn bodies(body: &[u8]) {
    let Ok(Some((text, raw))) = json::parse(body) else { return };
    let node = || Node::root(text, raw);
    drop(CreateConnectorRequest::read(&node()));
    drop(read_offsets(&node()));
    drop(json::string_map(&node()));
}
