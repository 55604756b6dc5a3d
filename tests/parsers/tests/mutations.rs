//! A short run of what the fuzz targets do at length: good inputs, changed a little, by a seed that is always the same.

#![expect(clippy::unwrap_used, reason = "a golden file that cannot be read fails the test")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use milena_parsers::TARGETS;
use serde_json::Value as Json;

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

/// The inputs of golden cases, and some that are nested deeply.
fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../oracle/golden");
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let case: Json = serde_json::from_str::<Json>(line).unwrap()["case"].take();
            if let Some(bytes) = case["bytes"].as_str() {
                seeds.push([&[1][..], &STANDARD.decode(bytes).unwrap()].concat());
            }
            if let Some(text) = case["text"].as_str() {
                seeds.push(text.as_bytes().to_vec());
            }
            if case["config"].is_object() {
                seeds.push(case["config"].to_string().into_bytes());
            }
        }
    }
    let nested = [
        "[",
        "{\"a\":",
        "{\"schema\":",
        "{\"type\":\"array\",\"items\":",
        "(",
        "(?:a|",
        "\u{1}{\"schema\":{\"type\":\"array\",\"items\":",
    ];
    seeds.extend(nested.iter().map(|piece| piece.repeat(20_000).into_bytes()));
    let properties = "a = b\\\n  c\n! x\n# y\nkey\\:with\\ space : v\\u00e4lue\nempty=\n";
    seeds.extend([properties.as_bytes().to_vec(), milena_runtime::fuzzing::an_offsets_file()]);
    seeds.extend(
        ["$[?(@.a > 1 && @.b[0] in ['x', 2])]", "$..b[1:-1].length()", "$['c']['d'][*]"]
            .map(|path| path.as_bytes().to_vec()),
    );
    assert!(seeds.len() > 1000);
    seeds
}

#[test]
fn no_parser_panics_on_changed_inputs() {
    let count = std::env::var("MILENA_MUTATIONS").map_or(INPUTS, |count| count.parse().unwrap());
    let seeds = seeds();
    for (name, target) in TARGETS {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for input in seeds.iter().cloned().chain((0..count).map(|_| mutated(&mut random, &seeds))) {
            let outcome = catch_unwind(AssertUnwindSafe(|| target(&input)));
            assert!(outcome.is_ok(), "{name} panics on {:?}", input.escape_ascii().to_string());
        }
    }
}
