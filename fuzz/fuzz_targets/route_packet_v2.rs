//! Arbitrary octets through the router of XCAST6 2.0, and over the border to RFC 5058.
#![no_main]

#[path = "../../tests/fuzz_checks/copies.rs"]
mod copies;
#[path = "../../tests/fuzz_checks/route_packet_v2.rs"]
mod route_packet_v2;
#[path = "../../tests/fuzz_checks/routes.rs"]
mod routes;

libfuzzer_sys::fuzz_target!(|data: &[u8]| route_packet_v2::check(data));
