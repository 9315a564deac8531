//! Implementations of the crate's seams about which the compiler knows nothing: what they answer is read from memory that anybody
//! could have written to.

use core::fmt;
use core::hash::Hasher;
use core::hint::black_box;
use core::net::IpAddr;

use rand_core::{TryCryptoRng, TryRng};
use xcast_sec::crypto::{SignError, Signer, SignerId, Verifier, VerifyError};
use xcast_sec::group::membership::{Epoch, KeySink, KeySource, KeySourceError, Offer, RejectReason};

/// The parts of what is authenticated.
pub type Parts = core::iter::Copied<core::slice::Iter<'static, &'static [u8]>>;

/// Whatever `T` can be.
fn any<T>(one: T) -> T {
    black_box(one)
}

fn done<E>(error: E) -> Result<(), E> {
    any(if any(true) { Ok(()) } else { Err(error) })
}

fn fill(octets: &mut [u8]) {
    octets.fill(any(1));
    black_box(octets);
}

/// Random numbers.
#[derive(Debug)]
pub struct Random;

impl TryRng for Random {
    type Error = fmt::Error;
    fn try_next_u32(&mut self) -> Result<u32, fmt::Error> {
        any(Ok(1))
    }
    fn try_next_u64(&mut self) -> Result<u64, fmt::Error> {
        any(Ok(1))
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), fmt::Error> {
        fill(octets);
        done(fmt::Error)
    }
}

impl TryCryptoRng for Random {}

/// Signs and verifies.
#[derive(Clone, Copy, Debug)]
pub struct Signs;

impl Signer for Signs {
    fn id(&self) -> SignerId {
        SignerId::new(any([7; 16]))
    }
    fn signature_len(&self) -> usize {
        any(64)
    }
    fn sign(&mut self, parts: &[&[u8]], signature: &mut [u8]) -> Result<(), SignError> {
        black_box(parts);
        fill(signature);
        done(SignError::Signer)
    }
}

impl Verifier for Signs {
    fn signature_len(&self, signer: SignerId) -> Option<usize> {
        black_box(signer);
        any(Some(64))
    }
    fn verify(&mut self, signer: SignerId, parts: &[&[u8]], signature: &[u8]) -> Result<(), VerifyError> {
        black_box((signer, parts, signature));
        done(VerifyError::Invalid)
    }
}

/// Makes associations.
#[derive(Debug)]
pub struct Makes;

impl KeySource for Makes {
    fn generate<G: TryCryptoRng + ?Sized>(
        &mut self,
        epoch: Epoch,
        members: impl Iterator<Item = IpAddr> + Clone,
        _: &mut G,
        out: &mut [u8],
    ) -> Result<usize, KeySourceError> {
        black_box(epoch);
        members.for_each(|member| {
            black_box(member);
        });
        fill(out);
        any(Ok(1))
    }
}

/// Takes associations.
#[derive(Debug)]
pub struct Takes;

impl KeySink for Takes {
    fn install(&mut self, offer: Offer<'_>) -> Result<(), RejectReason> {
        black_box(offer);
        done(RejectReason::BelowFloor)
    }
    fn remove(&mut self, server: IpAddr, epoch: Epoch) {
        black_box((server, epoch));
    }
}

/// Hashes.
#[derive(Debug)]
pub struct Hashes;

impl Hasher for Hashes {
    fn finish(&self) -> u64 {
        any(1)
    }
    fn write(&mut self, octets: &[u8]) {
        black_box(octets);
    }
}

#[cfg(not(feature = "rust-crypto"))]
pub use provider::Opaque;

#[cfg(not(feature = "rust-crypto"))]
mod provider {
    use super::{any, black_box, done, fill};
    use xcast_sec::crypto::{
        AEAD_IV_LEN, AEAD_TAG_LEN, AeadAlgorithm, CipherAlgorithm, CryptoError, CryptoProvider, Icv,
        IntegrityAlgorithm, KeyError, MAX_ICV_LEN, MAX_PRF_LEN, PrfAlgorithm, PrfOutput, PrfProvider,
    };

    /// A provider of cryptography, whose keys are numbers.
    #[derive(Clone, Copy, Debug)]
    pub struct Opaque;

    fn icv<'p>(key: u32, parts: impl IntoIterator<Item = &'p [u8]>) -> Result<Icv, CryptoError> {
        black_box(key);
        parts.into_iter().for_each(|part| {
            black_box(part);
        });
        Icv::truncated(&any([1; MAX_ICV_LEN]), any(12)).ok_or(CryptoError::Provider)
    }

    impl CryptoProvider for Opaque {
        type IntegrityKey = u32;
        type CipherKey = u32;
        type AeadKey = u32;

        fn integrity_key(&mut self, algorithm: IntegrityAlgorithm, key: &[u8]) -> Result<u32, KeyError> {
            black_box((algorithm, key));
            any(Ok(1))
        }
        fn cipher_key(&mut self, algorithm: CipherAlgorithm, key: &[u8]) -> Result<u32, KeyError> {
            black_box((algorithm, key));
            any(Ok(1))
        }
        fn aead_key(&mut self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<u32, KeyError> {
            black_box((algorithm, key));
            any(Ok(1))
        }
        fn icv<'p, I: IntoIterator<Item = &'p [u8]>>(&mut self, key: &u32, parts: I) -> Result<Icv, CryptoError> {
            icv(*key, parts)
        }
        fn encrypt(&mut self, key: &u32, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
            black_box((key, iv));
            fill(data);
            done(CryptoError::Length)
        }
        fn decrypt(&mut self, key: &u32, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
            black_box((key, iv));
            fill(data);
            done(CryptoError::Length)
        }
        fn aead_seal(
            &mut self,
            key: &u32,
            iv: &[u8; AEAD_IV_LEN],
            aad: &[u8],
            data: &mut [u8],
        ) -> Result<[u8; AEAD_TAG_LEN], CryptoError> {
            black_box((key, iv, aad));
            fill(data);
            any(Ok([1; AEAD_TAG_LEN]))
        }
        fn aead_open(
            &mut self,
            key: &u32,
            iv: &[u8; AEAD_IV_LEN],
            aad: &[u8],
            data: &mut [u8],
            tag: &[u8; AEAD_TAG_LEN],
        ) -> Result<(), CryptoError> {
            black_box((key, iv, aad, tag));
            fill(data);
            done(CryptoError::Mismatch)
        }
    }

    fn prf<'p>(key: u32, parts: impl IntoIterator<Item = &'p [u8]>) -> Result<PrfOutput, CryptoError> {
        black_box(key);
        parts.into_iter().for_each(|part| {
            black_box(part);
        });
        PrfOutput::new(any(&[1; MAX_PRF_LEN])).ok_or(CryptoError::Provider)
    }

    impl PrfProvider for Opaque {
        type PrfKey = u32;

        fn prf_key(&mut self, algorithm: PrfAlgorithm, key: &[u8]) -> Result<u32, KeyError> {
            black_box((algorithm, key));
            any(Ok(1))
        }
        fn prf<'p, I: IntoIterator<Item = &'p [u8]>>(&mut self, key: &u32, parts: I) -> Result<PrfOutput, CryptoError> {
            prf(*key, parts)
        }
        fn hash<'p, I: IntoIterator<Item = &'p [u8]>>(
            &mut self,
            algorithm: PrfAlgorithm,
            parts: I,
        ) -> Result<PrfOutput, CryptoError> {
            black_box(algorithm);
            prf(1, parts)
        }
    }
}
