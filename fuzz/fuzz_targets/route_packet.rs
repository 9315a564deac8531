//! Arbitrary octets through the router.
#![no_main]

#[path = "../../tests/fuzz_checks/route_packet.rs"]
mod route_packet;

libfuzzer_sys::fuzz_target!(|data: &[u8]| route_packet::check(data));
