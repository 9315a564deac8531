//! Arbitrary octets to a receiver, under a policy and for addresses that the input chooses.
#![no_main]

#[path = "../../tests/fuzz_checks/gullible.rs"]
mod gullible;
#[path = "../../tests/fuzz_checks/receive_packet.rs"]
mod receive_packet;

libfuzzer_sys::fuzz_target!(|data: &[u8]| receive_packet::check(data));
