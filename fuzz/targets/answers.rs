//! Answers to every request that the client sends, in every version, through the decoding that a connection does.
#![no_main]

mod limit;

#[global_allocator]
static ALLOCATOR: limit::Limited = limit::Limited;

/// An entry of an array takes one byte of the answer at least (and three if it is a structure), and a structure in memory less than 250.
const PER_BYTE: usize = 100;
/// Error texts, headers, tables that have a least size.
const ALWAYS: usize = 16 * 1024;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    limit::within(ALWAYS + data.len() * PER_BYTE, || milena_kafka::fuzzing::answer(data));
});
