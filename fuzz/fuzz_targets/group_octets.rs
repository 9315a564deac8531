//! Arbitrary octets as associations of a group (RFC 6407).
#![no_main]

#[path = "../../tests/fuzz_checks/group_octets.rs"]
mod group_octets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| group_octets::check(data));
