//! Arbitrary octets through inbound and outbound processing, under policies that the input chooses.
#![no_main]

#[path = "../../tests/fuzz_checks/associations.rs"]
mod associations;
#[path = "../../tests/fuzz_checks/gullible.rs"]
mod gullible;
#[path = "../../tests/fuzz_checks/process_packet.rs"]
mod process_packet;

libfuzzer_sys::fuzz_target!(|data: &[u8]| process_packet::check(data));
