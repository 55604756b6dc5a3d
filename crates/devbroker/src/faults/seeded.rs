//! Decisions from a seed: the same question gets the same answer, whatever was asked in between.

use super::api::Api;

/// A number that is as good as random, fixed by what it was drawn for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drawn(u64);

/// Draws for the `count`th request of a client to an API.
pub(super) fn draw(seed: u64, client_id: &str, api: Api, count: u64) -> Drawn {
    let client = client_id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    Drawn(seed).next(client).next(u64::from((api as i16).unsigned_abs())).next(count)
}

impl Drawn {
    /// Another number, fixed by this one and `salt`.
    pub fn next(self, salt: u64) -> Self {
        // SplitMix64's steps.
        let mut bits = self.0.wrapping_add(salt).wrapping_add(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(bits ^ (bits >> 31))
    }

    /// Whether something of this probability happens.
    pub fn is_below(self, chance: f64) -> bool {
        // 53 bits fill the mantissa.
        ((self.0 >> 11) as f64) < chance * (1_u64 << 53) as f64
    }

    /// An index below `len`.
    pub fn index(self, len: usize) -> usize {
        usize::try_from(self.0 % len.max(1) as u64).unwrap_or(0)
    }
}
