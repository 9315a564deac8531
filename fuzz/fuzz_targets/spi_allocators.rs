//! What gives out SPIs, by every rule that there is, beside a model.
#![no_main]

#[path = "../../tests/common/failed.rs"]
mod failed;
#[path = "../../tests/fuzz_checks/gullible.rs"]
mod gullible;
#[path = "../../tests/fuzz_checks/input.rs"]
mod input;
#[path = "../../tests/fuzz_checks/spi_allocators.rs"]
mod spi_allocators;
#[path = "../../tests/models/spis.rs"]
mod spis_model;

libfuzzer_sys::fuzz_target!(|data: &[u8]| spi_allocators::check(data));
