//! Any policy database and any packets, beside a plain reading of the rules.
#![no_main]

#[path = "../../tests/fuzz_checks/input.rs"]
mod input;
#[path = "../../tests/fuzz_checks/policies.rs"]
mod policies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| policies::check(data));
