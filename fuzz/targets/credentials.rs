//! What a broker says in SCRAM, and key stores: the first byte chooses.
#![no_main]

mod limit;

#[global_allocator]
static ALLOCATOR: limit::Limited = limit::Limited;

const PER_BYTE: usize = 100;
const ALWAYS: usize = 64 * 1024;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    limit::within(ALWAYS + data.len() * PER_BYTE, || milena_kafka::fuzzing::credentials(data));
});
