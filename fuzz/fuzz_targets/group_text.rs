//! Arbitrary text as the description of a group.
#![no_main]

#[path = "../../tests/fuzz_checks/group_text.rs"]
mod group_text;

libfuzzer_sys::fuzz_target!(|data: &[u8]| group_text::check(data));
