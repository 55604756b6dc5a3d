//! Record batches as a fetch answer holds them: headers, codecs, records, aborted transactions.
#![no_main]

mod limit;

#[global_allocator]
static ALLOCATOR: limit::Limited = limit::Limited;

/// What a byte can hold at most, by codec: nothing may be taken beyond what is really there. Twice, as buffers grow by doubling.
/// A run of equal bytes is a block of 128 KiB in four bytes of zstd.
const PER_BYTE: usize = 2 * 128 * 1024 / 4;
/// Buffers that a codec always has: the greatest block of lz4 has 4 MiB, twice.
const ALWAYS: usize = 16 * 1024 * 1024;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    limit::within(ALWAYS + data.len() * PER_BYTE, || milena_kafka::fuzzing::fetched(data));
});
