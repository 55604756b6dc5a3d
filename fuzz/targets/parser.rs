//! A parser of files, requests or data; the name of the program says which.
#![no_main]

use std::sync::LazyLock;

static PARSER: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let program = std::env::current_exe().unwrap_or_default();
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let found = milena_parsers::TARGETS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("there is no parser {name}")).1
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| PARSER(data));
