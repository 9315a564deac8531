//! AH alone, with one algorithm: associations, sealing, opening, replay windows.
#![no_std]
#![no_main]

use bare_metal::alone::seal_and_open;
use bare_metal::provider::AhSha256;
use bare_metal::scenario::Shield;

bare_metal::program!(run);

fn run() -> bool {
    Shield::AhSha256
        .protections()
        .into_iter()
        .flatten()
        .all(|protection| seal_and_open(&mut AhSha256::new(), protection))
}
