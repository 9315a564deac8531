//! SPIs out of a hash of an address: for IPv6 at large.

use core::net::IpAddr;

use super::values::nth;
use super::{SpiError, SpiRule};
use crate::crypto::{CryptoProvider, IntegrityAlgorithm, KeyError};
use crate::ipsec::Spi;

/// How many SPIs [`HashRule`] has for a sender, and so how many a receiver tries that wants to recompute one (project-defined).
pub const HASH_CANDIDATES: u32 = 256;

/// The key that everybody knows: no secret, but what makes a keyed function a plain hash.
const PUBLIC_KEY: [u8; 32] = *b"xcast-sec SPI of a sender, rule1";

/// SPIs for senders with any address, by a hash of it (project-defined, after draft §3.1.1).
///
/// ```text
/// MAC = HMAC-SHA2-256-128(key, family (4 or 6, one octet) ‖ address (4 or 16 octets) ‖ number (4 octets))
/// SPI = 256 + (first 8 octets of MAC mod (2^32 − 256))
/// ```
///
/// `number` counts the candidates of a sender, from 0 to [`HASH_CANDIDATES`] − 1. All integers are big-endian. The key is the
/// 32 octets `xcast-sec SPI of a sender, rule1`, or one that the group agreed on. An SPI is computed once per association, so
/// the hash costs nothing that matters, and it comes through the [`CryptoProvider`]: the crate has no other.
///
/// # Probability of a conflict
///
/// Among n SPIs drawn from M = 2^32 − 256 it is 1 − (1 − 1/M)·(1 − 2/M)⋯(1 − (n−1)/M), at most n·(n−1)/2M. What `mod` makes
/// uneven, one part in 2^32, does not show:
///
/// | senders | probability of any conflict |
/// |---|---|
/// | 2 | 2.3·10⁻¹⁰ |
/// | 10, the draft's "up to the order of 10 members" | 1.0·10⁻⁸ |
/// | 100 | 1.2·10⁻⁶ |
/// | 127, all the destinations of one Xcast header | 1.9·10⁻⁶ |
/// | 1000 | 1.2·10⁻⁴ |
/// | 10000 | 1.2 % |
/// | 77164 | 50 % |
///
/// Senders count that have a receiver in common, each with every association it has at a time. What is done about a conflict,
/// see [`DerivedSpis`](super::DerivedSpis#when-two-senders-conflict).
///
/// # Security
///
/// Who can choose its address, or claim any, finds one with another sender's SPI in about 2^32 trials, whatever the hash: 32
/// bits are no more. A plain mixing function would save it even those, and would let regular addresses collide more often than
/// chance has it; a MAC under a public key does neither. Under a key that only members know, outsiders cannot even search.
/// What a conflict made on purpose gains is that the one or the other moves on to its next candidate: no packet opens under an
/// association that it was not sealed for.
#[derive(Debug)]
pub struct HashRule<P: CryptoProvider> {
    crypto: P,
    key: P::IntegrityKey,
}

impl<P: CryptoProvider> HashRule<P> {
    /// The rule with the key that everybody knows. `crypto` may be a `&mut`.
    ///
    /// # Errors
    ///
    /// - [`KeyError::UnsupportedAlgorithm`] if the provider has no HMAC-SHA2-256-128, [`KeyError::Provider`].
    pub fn new(crypto: P) -> Result<Self, KeyError> {
        Self::with_key(crypto, &PUBLIC_KEY)
    }

    /// The rule with a key of the group's own, the same for all of its members; made for this alone, and no key of an
    /// association.
    ///
    /// # Errors
    ///
    /// - As [`new`](Self::new).
    pub fn with_key(mut crypto: P, key: &[u8; 32]) -> Result<Self, KeyError> {
        let key = crypto.integrity_key(IntegrityAlgorithm::HmacSha2_256_128, key)?;
        Ok(Self { crypto, key })
    }

    /// Which of a sender's candidates an SPI is, `None` if it is none of them: a receiver recomputes what a sender says that it
    /// derived. Computes up to [`HASH_CANDIDATES`] hashes.
    ///
    /// # Errors
    ///
    /// - [`SpiError::Provider`].
    pub fn number_of(&mut self, sender: IpAddr, spi: Spi) -> Result<Option<u32>, SpiError> {
        for number in 0..HASH_CANDIDATES {
            if self.candidate(sender, number)? == spi {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }
}

impl<P: CryptoProvider> SpiRule for HashRule<P> {
    fn candidate(&mut self, sender: IpAddr, number: u32) -> Result<Spi, SpiError> {
        if number >= HASH_CANDIDATES {
            return Err(SpiError::Exhausted);
        }
        let (v4, v6);
        let (family, address): (&[u8], &[u8]) = match sender {
            IpAddr::V4(address) => {
                v4 = address.octets();
                (&[4], &v4)
            }
            IpAddr::V6(address) => {
                v6 = address.octets();
                (&[6], &v6)
            }
        };
        let number = number.to_be_bytes();
        let mac = self.crypto.icv(&self.key, [family, address, &number]).map_err(|_| SpiError::Provider)?;
        let first = mac.as_octets().first_chunk().ok_or(SpiError::Provider)?;
        nth(u64::from_be_bytes(*first)).ok_or(SpiError::Provider)
    }
}
