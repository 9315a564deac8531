//! Random octets that are the same at every start, so that the example's output and capture can be compared.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use xcast_sec::crypto::{CryptoProvider, IntegrityAlgorithm, RustCrypto, RustCryptoIntegrityKey};

/// HMAC-SHA2-512 in counter mode under a seed that everybody can read here.
///
/// A real host takes keys and initialization vectors from its operating system, for example by the crate `getrandom`,
/// and has no use for this.
pub(crate) struct PublicRandom {
    key: RustCryptoIntegrityKey,
    counter: u64,
}

impl PublicRandom {
    /// The stream of this number.
    pub(crate) fn new(stream: u8) -> Self {
        let seed = [stream; IntegrityAlgorithm::HmacSha2_512_256.key_len()];
        let key = RustCrypto
            .integrity_key(IntegrityAlgorithm::HmacSha2_512_256, &seed)
            .expect("the seed has the algorithm's key length");
        Self { key, counter: 0 }
    }

    /// A fresh array, such as a key.
    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut octets = [0; N];
        self.fill(&mut octets);
        octets
    }

    fn fill(&mut self, octets: &mut [u8]) {
        for chunk in octets.chunks_mut(IntegrityAlgorithm::HmacSha2_512_256.icv_len()) {
            self.counter += 1;
            let counter = self.counter.to_be_bytes();
            let block = RustCrypto.icv(&self.key, [&counter[..]]).expect("software does not fail");
            chunk.copy_from_slice(&block.as_octets()[..chunk.len()]);
        }
    }
}

impl TryRng for PublicRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_be_bytes(self.array()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_be_bytes(self.array()))
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        self.fill(octets);
        Ok(())
    }
}

/// Not true of a public seed: this is what the sealing interface asks for, and what a real host's generator is.
impl TryCryptoRng for PublicRandom {}
