//! Any stream of sequence numbers through replay windows and tables of senders, beside a model.
#![no_main]

#[path = "../../tests/fuzz_checks/input.rs"]
mod input;
#[path = "../../tests/fuzz_checks/replay_windows.rs"]
mod replay_windows;
#[path = "../../tests/models/window.rs"]
mod window_model;

libfuzzer_sys::fuzz_target!(|data: &[u8]| replay_windows::check(data));
