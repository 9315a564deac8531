//! Any Xcast packet through a router with any routes, beside a model.
#![no_main]

#[path = "../../tests/fuzz_checks/branch_packet.rs"]
mod branch_packet;
#[path = "../../tests/models/branching.rs"]
mod branching_model;
#[path = "../../tests/models/dscps.rs"]
mod dscps_model;
#[path = "../../tests/fuzz_checks/input.rs"]
mod input;
#[path = "../../tests/models/xcast_packet.rs"]
mod xcast_model;

libfuzzer_sys::fuzz_target!(|data: &[u8]| branch_packet::check(data));
