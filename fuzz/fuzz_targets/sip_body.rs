//! Arbitrary octets as bodies of `group::sip`, their header lines, and base64.
#![no_main]

#[path = "../../tests/fuzz_checks/sip_body.rs"]
mod sip_body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| sip_body::check(data));
