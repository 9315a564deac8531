//! Builds, seals, forwards, opens, refuses, and tells what it took.
#![no_std]
#![no_main]

use core::fmt::Write;

use bare_metal::board::{Clock, Console};

mod costs;
mod journey;
mod sizes;

bare_metal::program!(run);

fn run() -> bool {
    let clock = Clock::start();
    let good = journey::all() & costs::all(&clock);
    sizes::print();
    let _ = writeln!(Console, "{}", if good { "DONE all passed" } else { "DONE some failed" });
    good
}
