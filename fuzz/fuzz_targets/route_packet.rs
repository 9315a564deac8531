//! Arbitrary octets through the router, and through what a host does in its place.
#![no_main]

#[path = "../../tests/fuzz_checks/copies.rs"]
mod copies;
#[path = "../../tests/fuzz_checks/route_packet.rs"]
mod route_packet;
#[path = "../../tests/fuzz_checks/routes.rs"]
mod routes;

libfuzzer_sys::fuzz_target!(|data: &[u8]| route_packet::check(data));
