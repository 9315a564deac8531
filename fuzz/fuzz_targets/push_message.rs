//! Arbitrary octets as messages of `group::ike`.
#![no_main]

#[path = "../../tests/fuzz_checks/phase1.rs"]
mod phase1;
#[path = "../../tests/fuzz_checks/push_message.rs"]
mod push_message;

libfuzzer_sys::fuzz_target!(|data: &[u8]| push_message::check(data));
