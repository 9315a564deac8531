//! Arbitrary octets through everything that opens a packet, with associations that the packet may name.
#![no_main]

#[path = "../../tests/fuzz_checks/gullible.rs"]
mod gullible;
#[path = "../../tests/fuzz_checks/open_packet.rs"]
mod open_packet;

libfuzzer_sys::fuzz_target!(|data: &[u8]| open_packet::check(data));
