//! ESP alone, with AES-GCM-16: associations, sealing, opening, replay windows.
#![no_std]
#![no_main]

use bare_metal::alone::seal_and_open;
use bare_metal::provider::EspGcm;
use bare_metal::scenario::Shield;

bare_metal::program!(run);

fn run() -> bool {
    Shield::EspGcm.protections().into_iter().flatten().all(|protection| seal_and_open(&mut EspGcm::new(), protection))
}
