//! Arbitrary octets as what came back of a ping.
#![no_main]

#[path = "../../tests/fuzz_checks/receive_ping.rs"]
mod receive_ping;

libfuzzer_sys::fuzz_target!(|data: &[u8]| receive_ping::check(data));
