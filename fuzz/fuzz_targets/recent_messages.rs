//! Any stream of signed messages under any clock, beside a model.
#![no_main]

#[path = "../../tests/fuzz_checks/accept_message.rs"]
mod accept_message;
#[path = "../../tests/fuzz_checks/input.rs"]
mod input;
#[path = "../../tests/fuzz_checks/recent_messages.rs"]
mod recent_messages;

libfuzzer_sys::fuzz_target!(|data: &[u8]| recent_messages::check(data));
