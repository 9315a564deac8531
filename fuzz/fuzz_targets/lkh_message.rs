//! Arbitrary octets as messages of `group::lkh`.
#![no_main]

#[path = "../../tests/fuzz_checks/lkh_message.rs"]
mod lkh_message;

libfuzzer_sys::fuzz_target!(|data: &[u8]| lkh_message::check(data));
