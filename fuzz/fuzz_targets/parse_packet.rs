//! Arbitrary octets through the readers of packets.
#![no_main]

#[path = "../../tests/fuzz_checks/parse_packet.rs"]
mod parse_packet;

libfuzzer_sys::fuzz_target!(|data: &[u8]| parse_packet::check(data));
