//! A router alone: no key, no algorithm.
#![no_std]
#![no_main]

use bare_metal::alone::forward;

bare_metal::program!(run);

fn run() -> bool {
    forward()
}
