//! Exchanges of `group::ike` over a network that loses, repeats, reorders, turns round and damages.
#![no_main]

#[path = "../../tests/fuzz_checks/input.rs"]
mod input;
#[path = "../../tests/fuzz_checks/phase1.rs"]
mod phase1;
#[path = "../../tests/fuzz_checks/push_exchange.rs"]
mod push_exchange;

libfuzzer_sys::fuzz_target!(|data: &[u8]| push_exchange::check(data));
