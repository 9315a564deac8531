//! Builds, seals, forwards, opens, refuses, and tells what it took.
#![no_std]
#![no_main]

use core::fmt::Write;

use bare_metal::board::{Clock, Console};
use bare_metal::measure::measure;
use bare_metal::scenario::ASSOCIATIONS;

mod costs;
mod journey;
mod sizes;

bare_metal::program!(run);

fn run() -> bool {
    let clock = Clock::start();
    let (good, cost) = measure(&clock, journey::all);
    let _ = writeln!(Console, "STACK {} octets for all journeys, with sessions, both ends and buffers", cost.stack);
    // A Cortex-M0 has the flash for the journeys. What they cost is measured where there is more.
    let mut good = good;
    if ASSOCIATIONS > 1 {
        good &= costs::all(&clock);
        sizes::print();
    }
    let _ = writeln!(Console, "{}", if good { "DONE all passed" } else { "DONE some failed" });
    good
}
