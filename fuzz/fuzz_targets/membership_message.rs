//! Arbitrary octets as messages about a group, and through the machines that take them.
#![no_main]

#[path = "../../tests/fuzz_checks/membership_message.rs"]
mod membership_message;

libfuzzer_sys::fuzz_target!(|data: &[u8]| membership_message::check(data));
