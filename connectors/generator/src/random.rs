//! `Random`: numbers that depend on a seed and a position alone, so that a restarted generator goes on as if nothing had happened.

/// SplitMix64: small, fast, and well mixed from the first number on.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of one record.
    pub fn of(seed: u64, stream: u64, position: u64) -> Self {
        let mut random = Random(seed ^ stream.rotate_left(32));
        let start = random.next();
        Random(start ^ position.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.wrapping_sub(low) as u64 + 1;
        let scaled = (u128::from(self.next()) * u128::from(span)) >> 64;
        low + scaled as i64
    }

    /// A number from `low` to below `high`, with two decimal places.
    pub fn amount(&mut self, low: i64, high: i64) -> f64 {
        self.between(low * 100, high * 100 - 1) as f64 / 100.0
    }

    /// One of a few.
    pub fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let at = self.between(0, of.len() as i64 - 1);
        of.get(at as usize).copied().unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_position_gives_the_same_numbers_and_neighbours_differ() {
        let first = |seed, stream, position| Random::of(seed, stream, position).next();
        assert_eq!(first(1, 0, 7), first(1, 0, 7));
        assert_ne!(first(1, 0, 7), first(1, 0, 8));
        assert_ne!(first(1, 0, 7), first(1, 1, 7));
        assert_ne!(first(1, 0, 7), first(2, 0, 7));
    }

    #[test]
    fn numbers_reach_both_ends_of_their_range_and_never_leave_it() {
        let mut random = Random::of(1, 0, 0);
        let drawn: Vec<i64> = (0..1000).map(|_| random.between(-2, 2)).collect();
        assert!(drawn.iter().all(|n| (-2..=2).contains(n)));
        assert!(drawn.contains(&-2) && drawn.contains(&2));
    }
}
