//! Machines of a group that are restored from what they saved, or from something near it.
#![no_main]

#[path = "../../tests/fuzz_checks/gullible.rs"]
mod gullible;
#[path = "../../tests/fuzz_checks/input.rs"]
mod input;
#[path = "../../tests/fuzz_checks/membership_message.rs"]
mod membership_message;
#[path = "../../tests/fuzz_checks/saved_state.rs"]
mod saved_state;

libfuzzer_sys::fuzz_target!(|data: &[u8]| saved_state::check(data));
