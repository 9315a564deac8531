//! Arbitrary octets through the readers of plain headers, beside those of etherparse.
#![no_main]

#[path = "../../tests/fuzz_checks/against_etherparse.rs"]
mod against_etherparse;
#[path = "../../tests/fuzz_checks/built_headers.rs"]
mod built_headers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| against_etherparse::check(data));
