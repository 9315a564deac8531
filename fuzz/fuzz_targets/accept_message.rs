//! Arbitrary octets as a signed message.
#![no_main]

#[path = "../../tests/fuzz_checks/accept_message.rs"]
mod accept_message;

libfuzzer_sys::fuzz_target!(|data: &[u8]| accept_message::check(data));
