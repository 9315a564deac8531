//! A routing table, filled, emptied and asked in any order, beside a model.
#![no_main]

#[path = "../../tests/fuzz_checks/input.rs"]
mod input;
#[path = "../../tests/fuzz_checks/route_table.rs"]
mod route_table;
#[path = "../../tests/models/route_table.rs"]
mod route_table_model;

libfuzzer_sys::fuzz_target!(|data: &[u8]| route_table::check(data));
