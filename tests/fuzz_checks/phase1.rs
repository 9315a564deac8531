//! An IKE phase 1 whose keys the checks know.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use xcast_sec::crypto::{PrfAlgorithm, RustCrypto};
use xcast_sec::group::ike::{Cookies, Phase1, Phase1Config, Role};

pub(crate) const KEY: [u8; 20] = [7; 20];
pub(crate) const LAST_BLOCK: [u8; 16] = [9; 16];
const COOKIES: Cookies = Cookies { initiator: [1; 8], responder: [2; 8] };

/// Always the same, so that an input can hold what depends on it.
pub(crate) struct Fixed;

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(5)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(5)
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        octets.fill(5);
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

/// One end of it.
pub(crate) fn phase1(role: Role) -> Phase1<RustCrypto> {
    let config = Phase1Config {
        role,
        cookies: COOKIES,
        prf: PrfAlgorithm::HmacSha1,
        skeyid_a: &KEY,
        skeyid_e: &KEY,
        key_len: 16,
        last_block: LAST_BLOCK,
    };
    Phase1::new(&config, &mut RustCrypto, &mut Fixed).expect("the keys fit")
}
