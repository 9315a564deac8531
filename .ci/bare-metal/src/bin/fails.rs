//! Fails, so that it shows whether a failure shows.
#![no_std]
#![no_main]

bare_metal::program!(run);

fn run() -> bool {
    false
}
