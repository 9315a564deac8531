//! Both ends of a SIP channel, over a network that loses, repeats, reorders, misdelivers and damages, beside a model.
#![no_main]

#[path = "../../tests/fuzz_checks/input.rs"]
mod input;
#[path = "../../tests/fuzz_checks/sip_channel.rs"]
mod sip_channel;
#[path = "../../tests/models/sip_channel.rs"]
mod sip_channel_model;
#[path = "../../tests/fuzz_checks/toy.rs"]
mod toy;

libfuzzer_sys::fuzz_target!(|data: &[u8]| sip_channel::check(data));
