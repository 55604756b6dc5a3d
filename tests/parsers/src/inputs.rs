//! Inputs to begin with.

#![expect(clippy::unwrap_used, reason = "a golden file that cannot be read fails the test")]

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

/// The inputs of golden cases, and some that are nested deeply.
///
/// # Panics
/// When a golden file cannot be read.
pub fn inputs() -> Vec<Vec<u8>> {
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
    seeds
}
