//! What is signed, as packets and as messages, over a network that repeats, reorders and damages, among members who lie.
#![no_main]

#[path = "../../tests/fuzz_checks/input.rs"]
mod input;
#[path = "../../tests/fuzz_checks/signed_messages.rs"]
mod signed_messages;
#[path = "../../tests/fuzz_checks/toy.rs"]
mod toy;

libfuzzer_sys::fuzz_target!(|data: &[u8]| signed_messages::check(data));
