//! A host that sends and receives under ESP with AES-GCM-16: sessions, policy, both ends.
#![no_std]
#![no_main]

use core::hint::black_box;

use bare_metal::alone::send_and_receive;
use bare_metal::provider::EspGcm;
use bare_metal::scenario::Shield;
use xcast_sec::wire::Family;

bare_metal::program!(run);

fn run() -> bool {
    send_and_receive::<EspGcm>(black_box(Shield::EspGcm), black_box(Family::V6))
}
