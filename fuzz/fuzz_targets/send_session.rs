//! A session whose members come and go, its sender and their receivers, beside a model of the membership.
#![no_main]

#[path = "../../tests/models/dscps.rs"]
mod dscps_model;
#[path = "../../tests/fuzz_checks/gullible.rs"]
mod gullible;
#[path = "../../tests/fuzz_checks/input.rs"]
mod input;
#[path = "../../tests/fuzz_checks/send_session.rs"]
mod send_session;
#[path = "../../tests/fuzz_checks/session_ends.rs"]
mod session_ends;
#[path = "../../tests/models/session.rs"]
mod session_model;
#[path = "../../tests/models/xcast_packet.rs"]
mod xcast_model;

libfuzzer_sys::fuzz_target!(|data: &[u8]| send_session::check(data));
