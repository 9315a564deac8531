//! ESP with AES-CBC and HMAC-SHA2-256-128: associations, sealing, opening, replay windows.
#![no_std]
#![no_main]

use bare_metal::alone::seal_and_open;
use bare_metal::provider::CbcSha256;
use bare_metal::scenario::Shield;

bare_metal::program!(run);

fn run() -> bool {
    Shield::EspCbcSha256
        .protections()
        .into_iter()
        .flatten()
        .all(|protection| seal_and_open(&mut CbcSha256::new(), protection))
}
