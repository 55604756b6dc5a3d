//! Free TCP ports for processes that cannot be asked which port they took.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};
use rand::Rng;

/// Below the range that Linux hands out to outgoing connections (32768 and up), so that no client socket takes the port before the process does.
const RANGE: std::ops::Range<u16> = 11_000..21_000;

/// A TCP port on the loopback address that nothing listens on.
///
/// The port is drawn at random, so that tests that run at the same time rarely ask for the same one.
///
/// # Errors
/// When a hundred draws were all taken.
pub fn free() -> Result<u16> {
    free_with(&[0])
}

/// A port `p` for which `p + offset` is free for every offset; the real broker takes `p` and `p + 10000`.
///
/// # Errors
/// When a hundred draws were all taken.
pub fn free_with(offsets: &[u16]) -> Result<u16> {
    let mut rng = rand::rng();
    for _ in 0..100 {
        let port = rng.random_range(RANGE);
        if offsets.iter().all(|offset| TcpListener::bind((Ipv4Addr::LOCALHOST, port + offset)).is_ok()) {
            return Ok(port);
        }
    }
    bail!("no free TCP port found between {} and {} in 100 draws", RANGE.start, RANGE.end)
}
