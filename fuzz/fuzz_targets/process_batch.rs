//! Arbitrary packets in batches, against the same packets one by one.
#![no_main]

#[path = "../../tests/fuzz_checks/associations.rs"]
mod associations;
#[path = "../../tests/fuzz_checks/process_batch.rs"]
mod process_batch;

libfuzzer_sys::fuzz_target!(|data: &[u8]| process_batch::check(data));
