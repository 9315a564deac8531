//! Nothing but the board: what the other sizes are counted from.
#![no_std]
#![no_main]

bare_metal::program!(run);

fn run() -> bool {
    true
}
