//! A short run of what the fuzz targets do at length: good inputs, changed a little, by a seed that is always the same.

use std::panic::{AssertUnwindSafe, catch_unwind};

use milena_parsers::{TARGETS, inputs};

/// Inputs of each parser. `MILENA_MUTATIONS` asks for more.
const INPUTS: usize = 4_000;

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// What parsers trip over.
const PIECES: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b"\\u",
    b"\\ud800",
    b"\\u0000",
    b",",
    b":",
    b"=",
    b"#",
    b"!",
    b"-",
    b"+",
    b".",
    b"e",
    b"E999999",
    b"1e-999999999",
    b"0x",
    b"null",
    b"true",
    b"NaN",
    b"Infinity",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"2147483648",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98\x80",
    b"\0",
    b"\r\n",
    b"\x0c",
    b"(",
    b"(?<n>",
    b"\\k<n>",
    b"*+",
    b"{1,99999}",
    b"\"type\":\"struct\"",
    b"\"fields\":[",
    b"\"default\":",
    b"\"items\":{\"type\":\"map\"}",
    b"\"version\":2147483648",
    b"org.apache.kafka.connect.data.Decimal",
    b"\"parameters\":{\"scale\":\"99999999999\"}",
    b"1970-01-01T00:00:00.000Z",
    b"23:59:61.000Z",
];

fn mutated(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut input = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(input.len() + 1);
        match random.below(6) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 => {
                let piece = PIECES[random.below(PIECES.len())];
                input.splice(at..at, piece.iter().copied());
            }
            2 => input.truncate(at),
            3 => {
                let end = (at + random.below(20)).min(input.len());
                input.drain(at..end);
            }
            4 => {
                let end = (at + random.below(60)).min(input.len());
                let copy = input[at..end].to_vec();
                input.splice(at..at, copy);
            }
            _ => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                let end = (from + random.below(80)).min(other.len());
                input.splice(at..at, other[from..end].iter().copied());
            }
        }
    }
    input
}

#[test]
fn no_parser_panics_on_changed_inputs() {
    let count = std::env::var("MILENA_MUTATIONS").map_or(INPUTS, |count| count.parse().unwrap());
    let seeds = inputs();
    assert!(seeds.len() > 1000);
    for (name, target) in TARGETS {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for input in seeds.iter().cloned().chain((0..count).map(|_| mutated(&mut random, &seeds))) {
            let outcome = catch_unwind(AssertUnwindSafe(|| target(&input)));
            assert!(outcome.is_ok(), "{name} panics on {:?}", input.escape_ascii().to_string());
        }
    }
}
