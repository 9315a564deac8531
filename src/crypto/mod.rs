//! The crypto seam: what the IPsec code asks of whoever holds the keys.
//!
//! [`CryptoProvider`] is handed in per call. Its keys are *handles* (associated types), made once per security
//! association, so that a slot of a hardware security module fits as well as octets in memory, and so that whatever can
//! be computed once per key (AES round keys, the two keyed states of an HMAC) is not computed per packet.
//!
//! Key management needs more, of providers that have it: [`PrfProvider`].
//!
//! `RustCrypto` ships, behind the feature `rust-crypto`, which is on by default. `SimdCrypto` ships behind the feature `simd`:
//! the same algorithms, several packets side by side where the processor has wide vectors.
//!
//! [`Signer`] and [`Verifier`] are the seam to signatures, which prove who said something and not only that it was one of
//! those who share a key. `Ed25519Signer` and `Ed25519Verifier` ship, behind the feature `ed25519`.

mod algorithm;
mod constant_time;
#[cfg(feature = "ed25519")]
mod ed25519;
mod error;
mod icv;
mod job;
mod prf;
mod provider;
mod secret;
mod signature;

#[cfg(all(test, target_os = "linux", feature = "rust-crypto"))]
mod left_behind;

#[cfg(feature = "rust-crypto")]
mod rust_crypto;
#[cfg(feature = "simd")]
mod simd;

pub use algorithm::{
    AEAD_IV_LEN, AEAD_TAG_LEN, AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm, MAX_ICV_LEN, MAX_IV_LEN,
};
#[cfg(feature = "ed25519")]
pub use ed25519::{ED25519_KEY_LEN, ED25519_SIGNATURE_LEN, Ed25519Signer, Ed25519Verifier, PublicKeyError};
pub use error::{CryptoError, KeyError};
pub use icv::Icv;
pub use job::{EspJob, EspLengths, EspParts, IcvJob};
pub use prf::{MAX_PRF_LEN, PrfAlgorithm, PrfOutput, PrfProvider};
pub use provider::CryptoProvider;
#[cfg(feature = "rust-crypto")]
pub use rust_crypto::{RustCrypto, RustCryptoAeadKey, RustCryptoCipherKey, RustCryptoIntegrityKey, RustCryptoPrfKey};
pub use secret::SecretKey;
pub use signature::{MAX_SIGNATURE_LEN, SignError, Signer, SignerId, Verifier, VerifyError};
#[cfg(feature = "simd")]
pub use simd::{SimdCipherKey, SimdCrypto, SimdIntegrityKey};
