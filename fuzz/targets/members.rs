//! Subscriptions and assignments, which members of a group send each other through the broker.
#![no_main]

mod limit;

#[global_allocator]
static ALLOCATOR: limit::Limited = limit::Limited;

const PER_BYTE: usize = 100;
const ALWAYS: usize = 16 * 1024;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    limit::within(ALWAYS + data.len() * PER_BYTE, || milena_kafka::fuzzing::told_by_a_member(data));
});
