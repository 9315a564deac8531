//! A sender and any messages that what it sealed was too big, beside a model of what is believed.
#![no_main]

#[path = "../../tests/fuzz_checks/gullible.rs"]
mod gullible;
#[path = "../../tests/fuzz_checks/input.rs"]
mod input;
#[path = "../../tests/fuzz_checks/path_mtu.rs"]
mod path_mtu;
#[path = "../../tests/models/xcast_packet.rs"]
mod xcast_model;

libfuzzer_sys::fuzz_target!(|data: &[u8]| path_mtu::check(data));
